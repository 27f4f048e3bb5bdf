"""Whole steps of PARS: against plain jnp, the delayed actor, what belongs to which phase."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from pars.algos import pars
from pars.core import Step
from pars.rl.losses import subset
from pars.rl.net import Normalizer
from tests.algos import plain
from tests.algos.tiny import BASE, BATCH, KEY, SPEC, fresh, smoothed, step, target_keys

change = dataclasses.replace


@pytest.fixture
def state() -> pars.State:
    return fresh()


def test_weight_zero_equals_no_penalty(state: pars.State) -> None:
    """To rounding only: with the penalty the rows pass the network as one batch of 2B, summed in another order."""
    new = {True: state, False: state}
    for index in range(2):
        for penalty in new:
            cfg = change(BASE, penalty=penalty, penalty_weight=0.0)
            new[penalty], metrics = step(cfg, new[penalty], BATCH, jax.random.fold_in(KEY, index), index)
            assert ("penalty_loss" in metrics) == penalty
    plain.assert_close(new[True], new[False], rtol=1e-6, atol=1e-6)


def reference(cfg: pars.Config, state: pars.State, keys: list[Array], subsets: list[list[int]]) -> tuple[Any, Any]:
    """Ensemble TD3 in plain jnp, two steps from fresh moments, the second with an actor step; no penalty, no BC.

    -> parameters and targets of (actor, critics)
    """
    pi, count = state.actor.params, cfg.critics
    first = [plain.member(state.critic.params, i) for i in range(count)]
    slow = [plain.member(state.critic.target, i) for i in range(count)]
    critics, grads = first, []
    for key, chosen in zip(keys, subsets):
        k_critic, _ = jax.random.split(key)
        k_target, _ = jax.random.split(k_critic)
        action = smoothed(cfg, state, k_target)
        q = jnp.stack([plain.critic(slow[i], BATCH.next_obs, action, True) for i in chosen]).min(0)
        y = cfg.reward_scale * BATCH.reward + cfg.discount * (1 - BATCH.terminal) * q
        loss = jax.grad(lambda c, y=y: ((plain.critic(c, BATCH.obs, BATCH.action, True) - y) ** 2).mean())
        grads.append([loss(c) for c in critics])
        critics = [plain.adam(first[i], [g[i] for g in grads], cfg.critic_lr) for i in range(count)]

    def objective(params: Any) -> Array:
        action = plain.actor(params, BATCH.obs)
        q = jnp.stack([plain.critic(c, BATCH.obs, action, True) for c in critics]).min(0)
        return -q.mean() / jax.lax.stop_gradient(jnp.abs(q).mean())

    new_pi = plain.adam(pi, [jax.grad(objective)(pi)], cfg.actor_lr)
    slow = [plain.slow(t, c, cfg.polyak) for t, c in zip(slow, critics)]
    return (new_pi, critics), (plain.slow(state.actor.target, new_pi, cfg.polyak), slow)


def test_without_penalty_and_bc_two_steps_are_ensemble_td3(state: pars.State) -> None:
    cfg = change(BASE, penalty_weight=0.0, bc_weight=0.0)
    keys = list(jax.random.split(KEY))
    new, subsets = state, []
    for index, key in enumerate(keys):
        new, _ = step(cfg, new, BATCH, key, index)
        k_target = jax.random.split(jax.random.split(key)[0])[0]
        subsets.append(np.asarray(subset(target_keys(k_target)[1], 3, 2)).tolist())
    params, targets = jax.jit(partial(reference, subsets=subsets))(cfg, state, keys)
    for got_pi, got_critics, want in (
        (new.actor.params, new.critic.params, params),
        (new.actor.target, new.critic.target, targets),
    ):
        plain.assert_close(got_pi, want[0], rtol=1e-4, atol=1e-6)
        for i in range(3):
            plain.assert_close(plain.member(got_critics, i), want[1][i], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("online", [False, True])
def test_actor_and_targets_move_every_second_step_only(online: bool, state: pars.State) -> None:
    for index in range(4):
        new, metrics = step(BASE, state, BATCH, KEY, index, online)
        assert plain.differ(new.critic.params, state.critic.params)
        if index % 2 == 1:
            assert plain.differ(new.actor.params, state.actor.params)
            assert plain.differ(new.actor.target, state.actor.target)
            assert plain.differ(new.critic.target, state.critic.target)
            np.testing.assert_allclose(
                new.critic.target["mlp"]["out"]["kernel"],
                plain.slow(state.critic.target, new.critic.params, BASE.polyak)["mlp"]["out"]["kernel"],
                rtol=1e-5,
            )
        else:
            assert plain.same(new.actor, state.actor) and plain.same(new.critic.target, state.critic.target)
            assert float(metrics["actor_loss"]) == 0.0


def test_each_phase_has_a_delay_of_its_own(state: pars.State, monkeypatch: Any) -> None:
    asked = []
    maybe = Step.maybe
    monkeypatch.setattr(Step, "maybe", lambda self, delay, *rest: asked.append(delay) or maybe(self, delay, *rest))
    cfg = change(BASE, policy_delay=3, policy_delay_online=20)
    for online in (False, True):
        at = Step(jnp.asarray(0), jnp.asarray(10), "online" if online else "offline")
        jax.eval_shape(lambda s, at=at: pars.update(cfg, s, BATCH, KEY, at), state)
    assert asked == [3, 20]


@pytest.mark.parametrize("online", [False, True])
def test_each_phase_has_weights_of_its_own(online: bool, state: pars.State) -> None:
    base, _ = step(BASE, state, BATCH, KEY, 1, online)
    for name, moves in (
        ("penalty_weight", not online),
        ("penalty_weight_online", online),
        ("bc_weight", not online),
        ("bc_weight_online", online),
    ):
        new, _ = step(change(BASE, **{name: 2.0}), state, BATCH, KEY, 1, online)
        assert plain.same(new, base) != moves, name
        if name.startswith("bc"):
            assert plain.same(new.critic, base.critic)


def test_observations_are_normalised_on_the_way_in(state: pars.State) -> None:
    norm = Normalizer(jnp.array([1.0, -2.0, 0.5]), jnp.array([2.0, 0.5, 4.0]))
    by_hand = BATCH._replace(obs=norm(BATCH.obs), next_obs=norm(BATCH.next_obs))
    inside, _ = step(BASE, state._replace(norm=norm), BATCH, KEY, 1)
    outside, _ = step(BASE, state, by_hand, KEY, 1)
    plain.assert_close(inside._replace(norm=None), outside._replace(norm=None), rtol=1e-5, atol=1e-7)
    calm = pars.act(BASE, state._replace(norm=norm), BATCH.obs, KEY, 0.0)
    np.testing.assert_allclose(calm, plain.actor(state.actor.params, norm(BATCH.obs)), rtol=1e-5, atol=1e-6)
    spec = SPEC._replace(obs_mean=np.arange(3.0), obs_std=np.ones(3))
    for normalize, mean in ((True, [0.0, 1.0, 2.0]), (False, [0.0, 0.0, 0.0])):
        shape = change(BASE, normalize_obs=normalize, hidden=(), actor_hidden=())
        assert jax.jit(lambda key, c=shape: pars.ALGORITHM.init(c, spec, key).norm)(KEY).mean.tolist() == mean
