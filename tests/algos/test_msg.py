"""MSG: members apart, their bound, the cloning at the start, the density of squashed actions."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pars.algos import msg
from pars.core import Spec, Step
from pars.rl.losses import tanh_log_prob
from tests.algos import plain

BATCH, KEY = plain.batch(), jax.random.key(7)
CFG = msg.Config(hidden=(8,), actor_hidden=(8,), critics=3, clone_steps=5, batch_size=plain.BATCH)
PAIRS = dataclasses.replace(CFG, double_q=True)


def fresh(cfg: msg.Config) -> Any:
    return jax.jit(lambda key: msg.init(cfg, Spec(plain.OBS, plain.ACTION), key))(jax.random.key(0))


def step(number: int, phase: str = "offline") -> Step:
    return Step(jnp.asarray(number), jnp.asarray(10), phase)


def test_density_of_given_squashed_actions() -> None:
    mean, log_std = jnp.array([[0.4, -1.0]]), jnp.array([[-0.3, 0.2]])
    grid = np.linspace(-0.9989, 0.9989, 20001)
    inside = np.exp([tanh_log_prob(jnp.array([[a, 0.0]]), mean, log_std)[0] for a in grid[::2000]])
    z = np.arctanh(grid[::2000])
    wanted = stats.norm.pdf(z, 0.4, np.exp(-0.3)) / (1 - grid[::2000] ** 2) * stats.norm.pdf(0, -1.0, np.exp(0.2))
    np.testing.assert_allclose(inside, wanted, rtol=1e-3)
    edge = np.arctanh(0.999)
    for action, mass in (
        (1.0, stats.norm.sf(edge, 0.4, np.exp(-0.3))),
        (-1.0, stats.norm.cdf(-edge, 0.4, np.exp(-0.3))),
    ):
        found = tanh_log_prob(jnp.array([[action, 0.0]]), mean, log_std)[0]
        rest = stats.norm.logpdf(0, -1.0, np.exp(0.2))
        assert float(found) == pytest.approx(np.log(mass / 1e-3) + rest, rel=1e-3)
    slope = jax.grad(lambda m: tanh_log_prob(jnp.array([[1.0, -0.9999]]), m, log_std).sum())(mean)
    assert np.isfinite(slope).all() and slope[0, 0] > 0 > slope[0, 1]


def test_lower_bound_by_hand() -> None:
    q = jnp.array([[1.0], [5.0], [3.0], [2.0], [4.0], [9.0]])
    cfg = dataclasses.replace(PAIRS, pessimism=4.0)
    members = np.array([1.0, 2.0, 4.0])  # the least of each pair
    assert float(msg.lower_bound(cfg, q)[0]) == pytest.approx(members.mean() - 4 * members.std(), rel=1e-5)
    alike = jax.grad(lambda q: msg.lower_bound(cfg, q).sum())(jnp.ones((6, 1)))
    assert np.isfinite(alike).all()


@pytest.mark.parametrize("cfg", [CFG, PAIRS])
def test_each_member_follows_its_own_target_at_its_own_action(cfg: msg.Config) -> None:
    cfg = dataclasses.replace(cfg, critic_lr=0.0, conservative_weight=0.5, polyak=0.0)
    state = fresh(cfg)
    new, metrics = jax.jit(lambda state: msg.critic_step(cfg, state, BATCH, KEY))(state)
    assert metrics["target_mean"].shape == (3,)
    k_members, _ = jax.random.split(KEY)
    for i, key in enumerate(jax.random.split(k_members, 3)):
        nets = [i * cfg.pair + j for j in range(cfg.pair)]
        slopes, y = member_by_hand(cfg, state, nets, key)
        for n in nets:
            wanted = jax.tree.map(lambda x: 0.1 * x, plain.member(slopes, n))
            plain.assert_close(plain.member(new.opt.mu, n), wanted, rtol=1e-3, atol=1e-5)
        assert float(metrics["target_mean"][i]) == pytest.approx(float(y.mean()), rel=1e-3)


def member_by_hand(cfg: msg.Config, state: Any, nets: list[int], key: Any) -> tuple[Any, Any]:
    """Slopes of the loss of the networks of one member, and its targets."""
    k_next, k_own, k_weight = jax.random.split(key, 3)

    def draw(key: Any, obs: Any) -> Any:
        mean, log_std = msg.policy(cfg, state.actor.params, obs)
        return jnp.tanh(mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape))

    def values(params: Any, obs: Any, action: Any) -> Any:
        return jnp.stack([plain.critic(plain.member(params, n), obs, action) for n in nets])

    following, own = draw(k_next, BATCH.next_obs), draw(k_own, BATCH.obs)
    y = BATCH.reward + 0.99 * (1 - BATCH.terminal) * values(state.critic.target, BATCH.next_obs, following).min(0)
    weight = jax.random.uniform(k_weight, (cfg.pair, plain.BATCH), minval=0.0, maxval=2.0)

    def loss(params: Any) -> Any:
        q = values(params, BATCH.obs, BATCH.action)
        gap = (values(params, BATCH.obs, own).min(0) - q.min(0)).mean()
        return 0.5 * (weight * (q - y) ** 2).mean() + 0.5 * gap

    return jax.grad(loss)(state.critic.params), y


def test_it_clones_first_and_then_climbs_the_bound() -> None:
    state = fresh(CFG)
    update = jax.jit(lambda state, number: msg.update(CFG, state, BATCH, KEY, step(number)))
    early, seen = update(state, 4)
    mean, log_std = msg.policy(CFG, state.actor.params, BATCH.obs)
    assert float(seen["actor_loss"]) == pytest.approx(
        -float(tanh_log_prob(BATCH.action, mean, log_std).mean()), rel=1e-4
    )
    assert float(early.log_temperature.params) == 0.0
    late, seen = update(state, 5)
    assert float(seen["actor_loss"]) == pytest.approx(-float(seen["entropy"]) - float(seen["lower_bound"]), rel=1e-4)
    assert float(late.log_temperature.params) != 0.0
    assert plain.differ(early.actor.params["mlp"]["out"], late.actor.params["mlp"]["out"])


def test_evaluations_draw_unless_told_otherwise() -> None:
    state = fresh(CFG)
    keys = jax.random.split(KEY)
    one, other = (msg.act(CFG, state, BATCH.obs, key, 0.0) for key in keys)
    assert not np.allclose(one, other)
    calm = dataclasses.replace(CFG, drawn_evaluation=False)
    one, other = (msg.act(calm, state, BATCH.obs, key, 0.0) for key in keys)
    np.testing.assert_array_equal(one, other)
