"""The bandit of Figure 12: its policies against closed forms, and what is said of them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import iql
from pars.core import Spec
from pars.reproduce.paper import bandit
from pars.reproduce.paper.bandit import BC_WEIGHTS, BEST, DISCS, RADIUS, SCALES, Size, compute, draw_data, expectile
from pars.reproduce.paper.figure12 import FIGURE12, distance, measures, true_reward, weights
from pars.rl.critics import make_critics

pytestmark = pytest.mark.usefixtures("no_png")

TINY = Size(rows=200, steps=300, actor_steps=200, width=16, batch=64)


def test_rewards_and_distances_by_hand() -> None:
    actions = np.array([BEST, (BEST[0], 0.5), (DISCS[1][0] + RADIUS + 0.1, 0.0), DISCS[0]])
    assert true_reward(actions)[:2] == pytest.approx([1.0, 0.5])
    assert np.asarray(bandit.reward(jnp.asarray(actions))) == pytest.approx(true_reward(actions), abs=1e-6)
    assert distance(actions)[2:] == pytest.approx([0.1, 0.0])


def test_data_lie_in_both_regions() -> None:
    actions = np.asarray(draw_data(jax.random.key(0), 1000))
    assert distance(actions) == pytest.approx(np.zeros(1000), abs=1e-6)
    assert np.mean(actions[:, 0] > 0) == pytest.approx(bandit.SHARES[1], abs=0.04)


def test_the_expectile_balances_its_weighted_deviations() -> None:
    values = np.random.default_rng(0).normal(size=500)
    v = float(expectile(jnp.asarray(values), 0.7))
    above, below = np.clip(values - v, 0, None).sum(), np.clip(v - values, 0, None).sum()
    assert 0.7 * above == pytest.approx(0.3 * below, rel=1e-4)
    assert float(expectile(jnp.array([0.0, 1.0]), 0.7)) == pytest.approx(0.7)


def test_reweighting_two_actions_by_hand() -> None:
    share = weights(np.array([np.log(3.0), 0.0]), 1.0)
    assert share == pytest.approx([0.75, 0.25])
    assert weights(np.array([10.0, 0.0]), 1.0) == pytest.approx([100 / 101, 1 / 101])  # the cap


def test_imitation_finds_the_weighted_mean_and_spread() -> None:
    """The minimum of eq. (7) for a Gaussian of one state: mean and spread of the data under the weights."""
    actions = jnp.array([[-0.5, 0.2], [0.5, -0.2]] * 32)
    advantage = jnp.log(jnp.array([3.0, 1.0] * 32))
    cfg = iql.Config(actor_hidden=(16,), batch_size=256, actor_lr=3e-3, advantage_scale=1.0)
    mean, std = jax.jit(lambda key: bandit.imitate(cfg, actions, advantage, key, 2500))(jax.random.key(0))
    assert np.asarray(mean) == pytest.approx([-0.25, 0.1], abs=0.05)
    spread = 2 * np.sqrt(0.75 * 0.25)
    assert np.asarray(std) == pytest.approx([0.5 * spread, 0.2 * spread], rel=0.1)


def test_a_heavy_bc_term_leaves_the_mean_of_the_data() -> None:
    """The minimum of the actor's loss for weight -> infinity is the mean action."""
    actions = jnp.array([[-0.4, 0.0], [0.2, 0.4]] * 32)
    cfg = dataclasses.replace(bandit.critic_config(TINY), bc_weight=1e4, actor_lr=3e-3, batch_size=256)
    critics = make_critics(cfg, Spec(1, 2), jax.random.key(0)).params
    action = jax.jit(lambda key: bandit.climb(cfg, critics, actions, key, 1500))(jax.random.key(1))
    assert np.asarray(action) == pytest.approx([-0.1, 0.2], abs=0.05)


def test_the_study_measures_draws_and_says_what_came_out() -> None:
    arrays = compute([0, 1], TINY)
    assert arrays["q"].shape == (2, 81, 81) and arrays["climbed"].shape == (2, len(BC_WEIGHTS), 2)
    found = measures(arrays)
    assert found["reweighted"][0].shape == (2, len(SCALES))
    plain = true_reward(arrays["data"]).mean(axis=1)  # temperature infinite: the data as they are
    assert found["reweighted"][0][:, 0] == pytest.approx(plain)
    finding = FIGURE12.show({"bandit": arrays})
    assert [picture.name for picture in finding.pictures] == ["figure12", "figure12-cut", "figure12-reward"]
    assert finding.pictures[2].csv.count("\n") == 1 + 2 * (3 * len(SCALES) + len(BC_WEIGHTS))
    assert finding.reading[-1] == "The paper's claim does not hold in every seed here."  # so few steps teach nothing
