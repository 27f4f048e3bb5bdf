"""ReBRAC: target and actor loss by hand, what changes online. Whole losses are held against CORL's in test_parity."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import rebrac
from pars.core import Spec, Step
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
BASE = rebrac.Config(hidden=(8,), actor_hidden=(8,), batch_size=plain.BATCH, policy_noise=0.0, discount=0.5)
BATCH = plain.batch()
BATCH = BATCH._replace(extra={"next_action": BATCH.action[::-1]})
KEY = jax.random.key(7)
change = dataclasses.replace


@pytest.fixture(scope="module")
def state() -> rebrac.State:
    return jax.jit(lambda key: rebrac.make_state(BASE, SPEC, key))(jax.random.key(0))


def at(number: int, online: bool) -> Step:
    return Step(jnp.asarray(number), jnp.asarray(10), "online" if online else "offline")


def test_the_target_is_lower_where_the_policy_leaves_the_data_and_not_online(state: rebrac.State) -> None:
    flat = plain.constant_output(state.critic.target, [4.0, 3.0])
    state = state._replace(critic=state.critic._replace(target=flat))
    cfg = change(BASE, critic_bc_weight=2.0, reward_scale=100.0)
    away = ((plain.actor(state.actor.target, BATCH.next_obs) - BATCH.extra["next_action"]) ** 2).sum(-1)
    goes_on = 1 - np.asarray(BATCH.terminal)
    for online, next_q in ((False, 3.0 - 2.0 * np.asarray(away)), (True, np.full(plain.BATCH, 3.0))):
        want = 100 * np.asarray(BATCH.reward) + 0.5 * goes_on * next_q
        np.testing.assert_allclose(rebrac.target(cfg, state, BATCH, KEY, at(0, online)), want, rtol=1e-5, atol=1e-5)


def test_the_penalty_takes_the_smoothed_action(state: rebrac.State) -> None:
    cfg = change(BASE, critic_bc_weight=2.0, policy_noise=0.2)
    quiet, noisy = (rebrac.target(change(cfg, policy_noise=n), state, BATCH, KEY, at(0, False)) for n in (0.0, 0.2))
    goes_on = np.asarray(BATCH.terminal) == 0
    assert (np.asarray(quiet) != np.asarray(noisy))[goes_on].all()


def test_actor_loss_by_hand(state: rebrac.State) -> None:
    critics = plain.constant_output(state.critic.params, [-4.0, -6.0])
    square = float(((plain.actor(state.actor.params, BATCH.obs) - BATCH.action) ** 2).sum(-1).mean())
    loss, metrics = rebrac.actor_loss(change(BASE, bc_weight=0.3), state.actor.params, critics, BATCH)
    assert float(loss) == pytest.approx(0.3 * square + 1.0, rel=1e-5)  # - (-6) / |-6|
    assert float(metrics["policy_value"]) == -6.0


@pytest.mark.parametrize(("number", "share"), [(0, 1.0), (2, 0.8), (5, 0.5), (9, 0.5)])
def test_online_the_actors_penalty_halves_over_the_phase(number: int, share: float) -> None:
    cfg = change(BASE, bc_weight=0.4)
    assert float(rebrac.decayed(cfg, at(number, True))) == pytest.approx(0.4 * share)
    assert rebrac.decayed(cfg, at(number, False)) == 0.4


def test_layer_norm_stands_behind_the_activation_of_critics_alone() -> None:
    cfg = rebrac.Config()
    assert rebrac.critic_net(cfg).mlp.layer_norm == "after" and rebrac.actor_net(cfg, 2).mlp.layer_norm == "none"
    assert (cfg.hidden, cfg.actor_hidden, cfg.exploration_noise) == ((256,) * 3, (256,) * 3, 0.0)
