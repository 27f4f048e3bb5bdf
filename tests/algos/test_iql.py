"""IQL: its losses by hand, one step against plain jnp, its switches."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pars.algos import iql
from pars.core import Spec, Step
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
BASE = iql.Config(hidden=(8,), actor_hidden=(8,), batch_size=plain.BATCH, value_lr=1e-2, critic_lr=1e-2, actor_lr=1e-2)
BATCH, KEY = plain.batch(), jax.random.key(7)
change = dataclasses.replace


@pytest.fixture(scope="module")
def state() -> iql.State:
    return jax.jit(lambda key: iql.init(BASE, SPEC, key))(jax.random.key(0))


def at(number: int, online: bool = False) -> Step:
    return Step(jnp.asarray(number), jnp.asarray(10), "online" if online else "offline")


def flat(params: dict, value: float) -> dict:
    """The network that says `value` everywhere."""
    out = params["mlp"]["out"]
    return {**params, "mlp": {**params["mlp"], "out": {"kernel": 0 * out["kernel"], "bias": 0 * out["bias"] + value}}}


def test_value_loss_by_hand(state: iql.State) -> None:
    """V = 1; q is 3 once and 0 else: weights tau for the one above, 1 - tau for those below."""
    q = jnp.zeros(plain.BATCH).at[0].set(3.0)
    loss, metrics = iql.value_loss(change(BASE, expectile=0.9), flat(state.value.params, 1.0), BATCH, q)
    assert float(loss) == pytest.approx((0.9 * 4 + 15 * 0.1 * 1) / 16)
    assert float(metrics["v_mean"]) == 1.0


def test_actor_loss_by_hand(state: iql.State) -> None:
    """A policy of mean tanh(0.2) and log standard deviation -0.5; weights exp(3 A), at most 100."""
    actor = flat(state.actor.params, 0.2) | {"log_std": jnp.full(2, -0.5)}
    advantage = jnp.linspace(-1.0, 3.0, plain.BATCH)
    weight = np.minimum(np.exp(3 * np.asarray(advantage)), 100)
    density = stats.norm.logpdf(np.asarray(BATCH.action), np.tanh(0.2), np.exp(-0.5)).sum(axis=1)
    loss, metrics = iql.actor_loss(BASE, actor, BATCH, advantage, KEY)
    assert float(loss) == pytest.approx(-(weight * density).mean(), rel=1e-5)
    assert float(metrics["advantage_weight"]) == pytest.approx(weight.mean(), rel=1e-5)
    distance = ((np.tanh(0.2) - np.asarray(BATCH.action)) ** 2).sum(axis=1)
    loss, _ = iql.actor_loss(change(BASE, deterministic=True), actor, BATCH, advantage, KEY)
    assert float(loss) == pytest.approx((weight * distance).mean(), rel=1e-5)


def value(params: dict, obs: jnp.ndarray) -> jnp.ndarray:
    return plain.mlp(params, obs)[:, 0]


def lowest(critics: dict) -> jnp.ndarray:
    return jnp.minimum(*(plain.critic(plain.member(critics, i), BATCH.obs, BATCH.action) for i in range(2)))


@pytest.mark.parametrize("first", [True, False])
def test_a_step_equals_plain_jnp(state: iql.State, first: bool) -> None:
    """V moves first; the actor's advantage and Q's target take the new V, or as CORL has it the old one."""
    cfg = change(BASE, value_first=first)
    new, _ = jax.jit(lambda s: iql.update(cfg, s, BATCH, KEY, at(0)))(state)
    q = lowest(state.critic.target)

    def value_loss(params: dict) -> jnp.ndarray:
        u = q - value(params, BATCH.obs)
        return jnp.mean(jnp.where(u > 0, 0.7, 0.3) * u**2)

    v = plain.adam(state.value.params, [jax.grad(value_loss)(state.value.params)], cfg.value_lr)
    plain.assert_close(new.value.params, v, rtol=1e-4, atol=1e-6)
    used = v if first else state.value.params
    y = BATCH.reward + 0.99 * (1 - BATCH.terminal) * value(used, BATCH.next_obs)
    for i in range(2):
        critic = plain.member(state.critic.params, i)
        slope = jax.grad(lambda c, y=y: jnp.mean((plain.critic(c, BATCH.obs, BATCH.action) - y) ** 2))(critic)
        moved = plain.adam(critic, [slope], cfg.critic_lr)
        plain.assert_close(plain.member(new.critic.params, i), moved, rtol=1e-4, atol=1e-6)
        followed = plain.slow(plain.member(state.critic.target, i), moved, cfg.polyak)
        plain.assert_close(plain.member(new.critic.target, i), followed, rtol=1e-4, atol=1e-6)
    advantage = q - value(used, BATCH.obs)
    loss = lambda params: iql.actor_loss(cfg, params, BATCH, advantage, KEY)[0]  # noqa: E731  by hand above
    actor = plain.adam(state.actor.params, [jax.grad(loss)(state.actor.params)], cfg.actor_lr)
    plain.assert_close(new.actor.params, actor, rtol=1e-4, atol=1e-6)


def test_the_actors_rate_falls_offline_and_not_online(state: iql.State) -> None:
    def moved(number: int, online: bool) -> float:
        new, _ = iql.update(BASE, state, BATCH, KEY, at(number, online))
        return float(jnp.abs(new.actor.params["log_std"] - state.actor.params["log_std"]).max())

    assert moved(0, False) == pytest.approx(0.01, rel=1e-3)
    assert moved(5, False) == pytest.approx(0.005, rel=1e-3)
    assert moved(10, False) == pytest.approx(0.0, abs=1e-9)
    assert moved(10, True) == pytest.approx(0.01, rel=1e-3)


def test_units_are_dropped_in_training_alone(state: iql.State) -> None:
    cfg = change(BASE, dropout=True, dropout_rate=0.5)
    advantage = jnp.zeros(plain.BATCH)
    losses = {float(iql.actor_loss(cfg, state.actor.params, BATCH, advantage, k)[0]) for k in jax.random.split(KEY, 4)}
    assert len(losses) == 4
    calm = iql.act(cfg, state, BATCH.obs, KEY, 0.0)
    np.testing.assert_array_equal(calm, iql.act(BASE, state, BATCH.obs, KEY, 0.0))
    still = change(cfg, deterministic=True)
    np.testing.assert_array_equal(calm, iql.act(still, state, BATCH.obs, KEY, 1.0))


def test_the_penalty_acts_on_q_alone(state: iql.State) -> None:
    """Reading A25: V sees the data's actions only."""
    cfg = change(BASE, penalty=True, penalty_weight=10.0)
    new, metrics = iql.update(cfg, state, BATCH, KEY, at(0))
    bare, _ = iql.update(BASE, state, BATCH, KEY, at(0))
    assert "penalty_loss" in metrics and not plain.same(new.critic.params, bare.critic.params)
    plain.assert_close(new.value.params, bare.value.params, rtol=1e-6)
