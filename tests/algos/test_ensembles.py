"""SAC-N, EDAC and RLPD: what they add to SAC, by hand. Whole losses are held against theirs in test_parity."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import edac, rlpd, sac_n
from pars.core import Spec, Step
from pars.errors import UsageError
from pars.rl.losses import subset
from pars.rl.soft import actor_then_temperature, make_soft_state, sample, temperature_step
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
SIZES: dict[str, Any] = dict(hidden=(8,), actor_hidden=(8,), batch_size=plain.BATCH, discount=0.5)
BATCH, KEY = plain.batch(), jax.random.key(7)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "offline")
change = dataclasses.replace


def fresh(cfg: Any, values: list[float]) -> Any:
    """A state whose target critics say `values`, at temperature 0.5."""
    state = jax.jit(lambda key: make_soft_state(cfg, SPEC, key))(jax.random.key(0))
    flat = plain.constant_output(state.critic.target, values)
    temperature = state.log_temperature._replace(params=jnp.log(jnp.asarray(0.5)))
    return state._replace(critic=state.critic._replace(target=flat), log_temperature=temperature)


def backed_up(next_q: Any) -> np.ndarray:
    return np.asarray(BATCH.reward + 0.5 * (1 - BATCH.terminal) * next_q)


def test_the_target_of_sac_n_is_the_least_of_all_less_entropy() -> None:
    cfg = sac_n.Config(critics=3, **SIZES)
    state = fresh(cfg, [3.0, 1.0, 2.0])
    log_prob = sample(cfg, state.actor.params, BATCH.next_obs, KEY)[1]
    np.testing.assert_allclose(sac_n.target(cfg, state, BATCH, KEY), backed_up(1.0 - 0.5 * log_prob), rtol=1e-5)


def test_sac_n_moves_the_temperature_then_the_actor_then_the_critics() -> None:
    """The critics' target is that of the new temperature and actor."""
    cfg = sac_n.Config(critics=3, **SIZES, temperature_lr=0.5, actor_lr=0.1)
    state = fresh(cfg, [0.0, 0.0, 0.0])
    new, metrics = sac_n.update(cfg, state, BATCH, KEY, STEP)
    k_target = jax.random.split(KEY, 3)[1]
    y = sac_n.target(cfg, state._replace(actor=new.actor, log_temperature=new.log_temperature), BATCH, k_target)
    members = [plain.member(state.critic.params, i) for i in range(3)]
    want = [float(((plain.critic(m, BATCH.obs, BATCH.action) - y) ** 2).mean()) for m in members]
    np.testing.assert_allclose(metrics["critic_loss"], want, rtol=1e-4)


def test_diversity_by_hand() -> None:
    """Three critics linear in the action, with slopes (3, 4), (2, 0), (0, -1): of length 1 they are (.6, .8), (1, 0),
    (0, -1), with products .6, -.8 and 0; each pair counts twice, over N - 1 = 2."""
    cfg = edac.Config(critics=3, **SIZES | {"hidden": ()}, diversity_weight=1.0)
    state = fresh(cfg, [0.0, 0.0, 0.0])
    kernel = jnp.zeros((3, plain.OBS + plain.ACTION, 1))
    kernel = kernel.at[:, plain.OBS :, 0].set(jnp.array([[3.0, 4.0], [2.0, 0.0], [0.0, -1.0]]))
    params = {"mlp": {"out": {"kernel": kernel, "bias": jnp.zeros((3, 1))}}}
    state = state._replace(critic=state.critic._replace(params=params))
    y = jnp.zeros(plain.BATCH)
    new, metrics = edac.critic_step(cfg, state, BATCH, y, None)
    assert float(metrics["similarity"].mean()) == pytest.approx((0.6 - 0.8) * 2 / 2)

    def total(params: Any) -> Any:
        """The summed loss with ES in full, differentiated through."""
        slopes = params["mlp"]["out"]["kernel"][:, plain.OBS :, 0]
        unit = slopes / jnp.linalg.norm(slopes, axis=1, keepdims=True)
        similarity = (unit @ unit.T).sum() - (unit * unit).sum()
        q = [plain.critic(plain.member(params, i), BATCH.obs, BATCH.action) for i in range(3)]
        return sum(((one - y) ** 2).mean() for one in q) + similarity / 2

    slopes = jax.grad(total)(params)
    moments = jax.tree.map(lambda mu: mu / 0.1, new.critic.opt.mu)  # Adam's first, of one step
    plain.assert_close(moments, slopes, rtol=1e-4, atol=1e-5)


def test_diversity_is_finite_and_without_effect_where_a_critic_is_flat() -> None:
    cfg = edac.Config(critics=2, **SIZES)
    state = fresh(cfg, [0.0, 0.0])
    flat = plain.constant_output(state.critic.params, [1.0, 2.0])
    state = state._replace(critic=state.critic._replace(params=flat))
    new, metrics = edac.critic_step(cfg, state, BATCH, jnp.zeros(plain.BATCH), None)
    assert float(metrics["similarity"].mean()) == 0.0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(new.critic.params))


def test_one_critic_cannot_be_diverse() -> None:
    with pytest.raises(UsageError, match="critics=1: one critic cannot be diverse; give at least 2"):
        edac.Config(critics=1).check()


def test_weight_zero_makes_edac_sac_n() -> None:
    theirs, ours = sac_n.Config(critics=3, **SIZES), edac.Config(critics=3, **SIZES, diversity_weight=0.0)
    state = fresh(theirs, [0.0, 1.0, 2.0])
    a, _ = sac_n.update(theirs, state, BATCH, KEY, STEP)
    b, _ = edac.update(ours, state, BATCH, KEY, STEP)
    plain.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_diversity_goes_through_layer_norm_too() -> None:
    """Its second derivatives pass the backward pass that is written by hand: against plain jnp."""
    cfg = edac.Config(critics=2, layer_norm="before", **SIZES | {"hidden": (8, 8)})
    state = jax.jit(lambda key: make_soft_state(cfg, SPEC, key))(jax.random.key(0))
    own, others = plain.member(state.critic.params, 0), jnp.ones((plain.BATCH, plain.ACTION))

    def wanted(params: Any) -> Any:
        q = lambda action: plain.critic(params, BATCH.obs, action, True).sum()  # noqa: E731
        slope = jax.grad(q)(BATCH.action)
        return jnp.mean(jnp.sum(slope / jnp.linalg.norm(slope, axis=1, keepdims=True) * others, axis=1))

    got = jax.jit(jax.grad(lambda p: edac.diversity(cfg, p, BATCH, 0 * others, others)))(own)
    plain.assert_close(got, jax.grad(wanted)(own), rtol=1e-3, atol=1e-5)


def test_the_best_of_ten_actions_of_the_online_critics_without_entropy() -> None:
    cfg = edac.Config(critics=2, **SIZES, max_backup=True)
    state = fresh(cfg, [9.0, 9.0])
    online = plain.constant_output(state.critic.params, [3.0, 2.0])
    state = state._replace(critic=state.critic._replace(params=online))
    np.testing.assert_allclose(edac.target(cfg, state, BATCH, KEY), backed_up(2.0), rtol=1e-5)


@pytest.mark.parametrize("entropy", [False, True])
def test_the_target_of_rlpd_is_the_least_of_a_random_subset(entropy: bool) -> None:
    cfg = rlpd.Config(critics=4, target_critics=2, **SIZES, backup_entropy=entropy)
    state, values = fresh(cfg, [4.0, 3.0, 2.0, 1.0]), np.array([4.0, 3.0, 2.0, 1.0])
    seen = set()
    for key in jax.random.split(KEY, 8):
        k_subset, k_action = jax.random.split(key)
        lowest = values[np.asarray(subset(k_subset, 4, 2))].min()
        log_prob = sample(cfg, state.actor.params, BATCH.next_obs, k_action)[1] if entropy else 0.0
        want = backed_up(lowest - 0.5 * log_prob)
        np.testing.assert_allclose(rlpd.target(cfg, state, BATCH, key), want, rtol=1e-5)
        seen.add(lowest)
    assert len(seen) > 1


def test_rlpds_actor_climbs_the_mean_once_per_environment_step() -> None:
    cfg = rlpd.Config(critics=4, **SIZES, updates_per_step=3)
    state = jax.jit(lambda key: make_soft_state(cfg, SPEC, key))(jax.random.key(0))
    step = jax.jit(lambda s, n: rlpd.update(cfg, s, BATCH, KEY, Step(n, jnp.asarray(10), "online")))
    for number in range(4):
        new, metrics = step(state, number)
        assert plain.differ(new.critic.params, state.critic.params)
        assert plain.differ(new.critic.target, state.critic.target)
        moved = number % 3 == 2
        assert plain.same(new.actor, state.actor) != moved
        assert plain.same(new.log_temperature, state.log_temperature) != moved
    critics = plain.constant_output(state.critic.params, [1.0, 2.0, 3.0, 6.0])
    flat = state._replace(critic=state.critic._replace(params=critics))
    _, metrics = actor_then_temperature(cfg, flat, BATCH, KEY, partial(jnp.mean, axis=0))
    assert float(metrics["actor_loss"]) == pytest.approx(-float(metrics["entropy"]) - 3.0, rel=1e-4)


@pytest.mark.parametrize(("loss", "factor"), [("log", 1.0), ("exp", 0.5)])
def test_the_temperatures_two_losses_differ_by_a_factor(loss: Any, factor: float) -> None:
    cfg = rlpd.Config(critics=2, **SIZES, temperature_loss=loss, target_entropy=-0.5)
    stepped = temperature_step(cfg, fresh(cfg, [0.0, 0.0]).log_temperature, jnp.asarray(0.7), 2)
    assert float(stepped.opt.mu / 0.1) == pytest.approx(factor * (0.7 + 1.0), rel=1e-5)
