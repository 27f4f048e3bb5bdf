"""Each equation on two or three numbers, and the laws of the samplers."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.rl import losses
from pars.rl.losses import (
    bc_loss,
    cosine_decay,
    density_ratio_loss,
    expectile_loss,
    explored_action,
    gaussian_log_prob,
    infeasible_actions,
    moment_matched,
    normalized_value,
    penalty_loss,
    ranks,
    smoothed_action,
    subset,
    tanh_log_prob,
    tanh_sample,
    td_loss,
    td_target,
)

KEY = jax.random.key(0)
VALUES = jnp.array([[1.0, -3.0, 0.5, 2.0], [2.0, 0.0, -1.0, 4.0]])  # [E, B]
FLAGS = jnp.array([0.0, 0.0, 1.0, 0.0])
ACTIONS = jnp.linspace(-0.3, 0.3, 12).reshape(4, 3)


def test_td_target_stops_at_terminal() -> None:
    y = td_target(jnp.array([1.0, 1.0]), jnp.array([0.0, 1.0]), jnp.array([10.0, 10.0]), 0.5)
    assert y.tolist() == [6.0, 1.0]


def test_td_target_passes_no_gradient() -> None:
    slope = jax.grad(lambda q: td_target(jnp.zeros(2), jnp.zeros(2), q, 0.9).sum())(jnp.ones(2))
    assert slope.tolist() == [0.0, 0.0]


def test_td_loss_by_hand() -> None:
    assert float(td_loss(jnp.array([1.0, 4.0]), jnp.array([3.0, 3.0]))) == 2.5  # (4 + 1) / 2


def test_penalty_pulls_from_both_sides() -> None:
    assert float(penalty_loss(jnp.array([1.0, -2.0]), -1.0)) == 2.5  # (4 + 1) / 2
    np.testing.assert_array_equal(penalty_loss(jnp.array([[1.0, -2.0], [-1.0, -1.0]]), -1.0), [2.5, 0.0])
    slope = jax.grad(lambda q: penalty_loss(q, -1.0))(jnp.array([1.0, -2.0]))
    assert slope.tolist() == [2.0, -1.0]  # downhill: down above q_min, up below it


def test_bc_loss_by_hand() -> None:
    policy, data = jnp.array([[1.0, 0.0], [0.5, 0.5]]), jnp.array([[0.0, 0.0], [0.5, -0.5]])
    assert float(bc_loss(policy, data, "sum")) == 1.0
    assert float(bc_loss(policy, data, "mean")) == 0.5


def test_normalized_value_is_free_of_the_scale() -> None:
    v = jnp.array([1.0, -3.0, 5.0])
    assert float(normalized_value(v)) == pytest.approx(1 / 3)
    slope = jax.grad(normalized_value)(v)
    np.testing.assert_allclose(slope, jnp.full(3, 1 / 9), rtol=1e-6)  # 1 / (B mean |v|): the divisor has no gradient
    for scale in (1e-2, 7.0, 1e4):
        assert float(normalized_value(scale * v)) == pytest.approx(1 / 3, rel=1e-6)
        by_policy = jax.grad(lambda x, scale=scale: normalized_value(scale * x))(v)
        np.testing.assert_allclose(by_policy, slope, rtol=1e-6)
    assert np.isfinite(float(normalized_value(jnp.zeros(3))))


def test_cosine_decay_ends() -> None:
    assert [float(cosine_decay(jnp.asarray(i), 8)) for i in (0, 4, 8, 9)] == pytest.approx(
        [1.0, 0.5, 0.0, 0.0], abs=1e-6
    )
    assert float(cosine_decay(jnp.asarray(2), 6)) == pytest.approx(0.75)  # (1 + cos 60 deg) / 2


def test_smoothed_action_clips_the_noise_before_the_action() -> None:
    action = jnp.broadcast_to(jnp.array([0.0, 0.8, 1.0]), (20_000, 3))
    smoothed = np.asarray(smoothed_action(KEY, action, 10.0, 0.5))  # nearly all noise lies beyond the clip
    noise = np.clip(10.0 * np.asarray(jax.random.normal(KEY, action.shape)), -0.5, 0.5)
    np.testing.assert_allclose(smoothed, np.clip(action + noise, -1.0, 1.0), rtol=1e-6)
    np.testing.assert_allclose([smoothed.min(0), smoothed.max(0)], [[-0.5, 0.3, 0.5], [0.5, 1.0, 1.0]], rtol=1e-6)
    assert np.std(smoothed_action(KEY, jnp.zeros((20_000, 1)), 0.1, 0.5)) == pytest.approx(0.1, rel=0.02)
    np.testing.assert_array_equal(smoothed_action(KEY, action, 0.0, 0.5), action)


def test_explored_action_is_gaussian_inside_the_box() -> None:
    explored = np.asarray(explored_action(KEY, jnp.zeros((20_000, 1)), 0.1))
    assert explored.std() == pytest.approx(0.1, rel=0.02) and abs(explored.mean()) < 0.003
    edge = np.asarray(explored_action(KEY, jnp.ones((1000, 1)), 0.1))
    assert edge.max() == 1.0 and 0.4 < (edge < 1.0).mean() < 0.6
    assert explored_action(KEY, jnp.array([0.3]), 0.0).tolist() == [np.float32(0.3)]


@pytest.mark.parametrize("distance", [100.0, 1000.0])
def test_infeasible_actions_leave_the_box_in_every_coordinate(distance: float) -> None:
    actions = np.asarray(infeasible_actions(KEY, (40_000, 3), distance))
    size, sign = np.abs(actions) / distance, np.sign(actions)
    assert size.min() >= 1.0 and size.max() <= 2.0
    np.testing.assert_allclose((actions > 0).mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(size.mean(0), 1.5, atol=0.01)  # uniform: mean 3/2, variance 1/12
    np.testing.assert_allclose(size.var(0), 1 / 12, atol=0.001)
    for values in (sign, size, actions):  # independent across coordinates, and sizes independent of signs
        np.testing.assert_allclose(np.corrcoef(values.T), np.eye(3), atol=0.02)
    np.testing.assert_allclose(np.corrcoef(size[:, 0], sign[:, 0])[0, 1], 0.0, atol=0.02)
    octants = np.bincount(((sign > 0) @ [1, 2, 4]).astype(int), minlength=8) / len(sign)
    np.testing.assert_allclose(octants, 1 / 8, atol=0.01)


def test_any_makes_at_least_one_coordinate_infeasible() -> None:
    actions = np.asarray(infeasible_actions(KEY, (40_000, 3), 100.0, "any"))
    far = np.abs(actions) >= 100.0
    assert far.any(1).all() and np.abs(actions).max() <= 200.0
    feasible = actions[~far]
    assert feasible.min() >= -1.0 and feasible.max() < 1.0 and abs(feasible.mean()) < 0.02
    kinds = np.bincount((far @ [1, 2, 4]).astype(int), minlength=8)
    assert kinds[0] == 0 and (kinds[1:] > 1000).all()  # every non-empty subset occurs
    np.testing.assert_allclose(far.mean(0), far.mean(), atol=0.01)  # no coordinate is special


def test_subset_is_without_replacement_and_uniform() -> None:
    draws = np.asarray(jax.vmap(lambda key: subset(key, 5, 2))(jax.random.split(KEY, 20_000)))
    assert draws.shape == (20_000, 2) and (draws[:, 0] != draws[:, 1]).all()
    pairs = np.zeros((5, 5))
    np.add.at(pairs, (draws[:, 0], draws[:, 1]), 1 / len(draws))
    np.testing.assert_allclose(pairs, (1 - np.eye(5)) / 20, atol=0.006)
    assert sorted(subset(KEY, 4, 4).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 2, 4, 10, 300])
def test_a_subset_is_the_beginning_of_a_permutation(count: int) -> None:
    keys = jax.random.split(KEY, 50)
    whole = jax.vmap(lambda key: jax.random.permutation(key, count))(keys)
    for size in {1, (count + 1) // 2, count}:
        got = jax.vmap(lambda key, size=size: subset(key, count, size))(keys)
        np.testing.assert_array_equal(got, whole[:, :size])
    np.testing.assert_array_equal(jnp.argsort(jax.vmap(lambda key: ranks(key, count))(keys), axis=1), whole)
    assert "sort" not in str(jax.make_jaxpr(lambda key: subset(key, count, 1))(KEY))


LOSSES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {  # with arguments of one member
    "td_target": (td_target, (VALUES[0], FLAGS, VALUES[1], 0.9)),
    "td_loss": (td_loss, (VALUES[0], VALUES[1])),
    "penalty_loss": (penalty_loss, (VALUES, -1.0)),
    "infeasible_actions": (lambda key, distance: infeasible_actions(key, (4, 3), distance, "any"), (KEY, 100.0)),
    "smoothed_action": (smoothed_action, (KEY, ACTIONS, 0.2, 0.5)),
    "explored_action": (explored_action, (KEY, ACTIONS, 0.1)),
    "tanh_sample": (tanh_sample, (KEY, ACTIONS, -ACTIONS)),
    "tanh_log_prob": (tanh_log_prob, (ACTIONS, 0.5 * ACTIONS, -ACTIONS)),
    "gaussian_log_prob": (gaussian_log_prob, (ACTIONS, 0.5 * ACTIONS, ACTIONS[0])),
    "expectile_loss": (expectile_loss, (VALUES[0], VALUES[1], 0.7)),
    "bc_loss": (partial(bc_loss, reduce="sum"), (ACTIONS, 0.5 * ACTIONS)),
    "normalized_value": (normalized_value, (VALUES[0],)),
    "density_ratio_loss": (density_ratio_loss, (jnp.abs(VALUES[0]), jnp.abs(VALUES[1]))),
    "moment_matched": (moment_matched, (ACTIONS, -ACTIONS)),
    "cosine_decay": (cosine_decay, (jnp.asarray(2), 8.0)),
    "ranks": (lambda key: ranks(key, 5), (KEY,)),
    "subset": (lambda key: subset(key, 5, 2), (KEY,)),
}


def test_every_loss_stands_in_the_table() -> None:
    own = {name for name, value in vars(losses).items() if getattr(value, "__module__", "") == losses.__name__}
    assert own - {"same_shape"} == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_plain_compiled_and_over_a_population(name: str) -> None:
    loss, args = LOSSES[name]
    members = [[jax.random.fold_in(x, n) if x is KEY else x * (1 + n) for x in args] for n in range(3)]
    plain = [loss(*member) for member in members]
    compiled = [jax.jit(loss)(*member) for member in members]
    stacked = jax.vmap(loss)(*(jnp.stack(column) for column in zip(*members, strict=True)))
    over_population = [jax.tree.map(lambda x, n=n: x[n], stacked) for n in range(3)]
    for found in (compiled, over_population):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, plain)


B, E, COLUMN, WIDE = jnp.zeros(2), jnp.zeros((4, 2)), jnp.zeros((2, 1)), jnp.zeros((2, 3))
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "an ensemble's target": (
        lambda: td_target(B, B, E, 0.9),
        r"next_q (4, 2); reduce the critic ensemble before the target",
    ),
    "a column of rewards": (lambda: td_target(COLUMN, B, B, 0.9), "got reward (2, 1), terminal (2,)"),
    "a column of values": (lambda: td_loss(COLUMN, B), "got q (2, 1), target (2,); map it over the critics"),
    "a q_min for each critic": (lambda: penalty_loss(E, B), "one q_min, got (2,); map it over them"),
    "a spread for all rows": (lambda: tanh_sample(KEY, WIDE, WIDE[0]), "broadcast log_std to the mean"),
    "one policy for all rows": (lambda: gaussian_log_prob(WIDE, WIDE[:1], WIDE[0]), "got action (2, 3), mean (1, 3)"),
    "a spread for each row": (lambda: gaussian_log_prob(WIDE, WIDE, COLUMN), "log_std (2, 1); give log_std [A]"),
    "all critics' values": (lambda: expectile_loss(E, B, 0.7), "got q (4, 2), v (2,); reduce the critic ensemble"),
    "one action for all rows": (lambda: bc_loss(WIDE, WIDE[0], "sum"), "got policy (2, 3), data (3,); give one action"),
    "an actor's value of all critics": (lambda: normalized_value(E), "got (4, 2); reduce the ensemble before"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_be_broadcast_is_refused(what: str) -> None:
    call, said = REFUSED[what]
    for run in (call, jax.jit(call), lambda: jax.eval_shape(call)):
        with pytest.raises(ValueError, match=re.escape(said)):
            run()


def test_density_ratio_loss_by_hand() -> None:
    """w = 1 everywhere: no divergence. 3 on new rows, 1/3 on data: -log(3/2) of each."""
    assert float(density_ratio_loss(jnp.ones(2), jnp.ones(3))) == pytest.approx(0.0, abs=1e-6)
    loss = density_ratio_loss(jnp.full(2, 1 / 3), jnp.array([3.0]))
    assert float(loss) == pytest.approx(-2 * np.log(1.5), rel=1e-5)
    assert np.isfinite(density_ratio_loss(jnp.zeros(2), jnp.zeros(2)))


def test_moments_of_a_mixture_by_hand() -> None:
    """N(0, 1) and N(4, 9): mean 2, variance (1 + 9) / 2 + 2^2 = 9. Of equal ones that of each."""
    mean, log_std = moment_matched(jnp.array([[0.0, 1.0], [4.0, 1.0]]), jnp.log(jnp.array([[1.0, 0.5], [3.0, 0.5]])))
    np.testing.assert_allclose(mean, [2.0, 1.0])
    np.testing.assert_allclose(jnp.exp(log_std), [3.0, 0.5], rtol=1e-5)
    with pytest.raises(ValueError, match="moment_matched takes arrays of one shape"):
        moment_matched(jnp.zeros((2, 3)), jnp.zeros((2, 1)))
