"""Each equation on two or three numbers, and the laws of the samplers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.rl.losses import (
    bc_loss,
    cosine_decay,
    explored_action,
    infeasible_actions,
    normalized_value,
    penalty_loss,
    smoothed_action,
    subset,
    td_loss,
    td_target,
)

KEY = jax.random.key(0)


def test_td_target_stops_at_terminal() -> None:
    y = td_target(jnp.array([1.0, 1.0]), jnp.array([0.0, 1.0]), jnp.array([10.0, 10.0]), 0.5)
    assert y.tolist() == [6.0, 1.0]


def test_td_target_passes_no_gradient() -> None:
    slope = jax.grad(lambda q: td_target(jnp.zeros(2), jnp.zeros(2), q, 0.9).sum())(jnp.ones(2))
    assert slope.tolist() == [0.0, 0.0]


def test_td_target_refuses_an_ensemble() -> None:
    with pytest.raises(ValueError, match=r"next_q \(4, 2\); reduce the critic ensemble before the target"):
        td_target(jnp.zeros(2), jnp.zeros(2), jnp.zeros((4, 2)), 0.9)
    with pytest.raises(ValueError, match=r"reward \(2, 1\)"):
        td_target(jnp.zeros((2, 1)), jnp.zeros(2), jnp.zeros(2), 0.9)


def test_td_loss_by_hand() -> None:
    assert float(td_loss(jnp.array([1.0, 4.0]), jnp.array([3.0, 3.0]))) == 2.5  # (4 + 1) / 2
    with pytest.raises(ValueError, match=r"got q \(2, 1\) and target \(2,\)"):
        td_loss(jnp.zeros((2, 1)), jnp.zeros(2))


def test_penalty_pulls_from_both_sides() -> None:
    assert float(penalty_loss(jnp.array([1.0, -2.0]), -1.0)) == 2.5  # (4 + 1) / 2
    np.testing.assert_array_equal(penalty_loss(jnp.array([[1.0, -2.0], [-1.0, -1.0]]), -1.0), [2.5, 0.0])
    slope = jax.grad(lambda q: penalty_loss(q, -1.0))(jnp.array([1.0, -2.0]))
    assert slope.tolist() == [2.0, -1.0]  # downhill: down above q_min, up below it


def test_bc_loss_by_hand() -> None:
    policy, data = jnp.array([[1.0, 0.0], [0.5, 0.5]]), jnp.array([[0.0, 0.0], [0.5, -0.5]])
    assert float(bc_loss(policy, data, "sum")) == 1.0
    assert float(bc_loss(policy, data, "mean")) == 0.5
    with pytest.raises(ValueError, match=r"got \(2, 2\) and \(2,\)"):
        bc_loss(policy, jnp.zeros(2), "sum")


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


def test_losses_are_the_same_compiled_and_over_a_population() -> None:
    q, y = jnp.array([[1.0, 4.0], [0.0, 0.0]]), jnp.array([[3.0, 3.0], [1.0, 3.0]])
    assert jax.jit(jax.vmap(td_loss))(q, y).tolist() == [2.5, 5.0]
    assert jax.jit(jax.vmap(penalty_loss))(q, jnp.array([1.0, 2.0])).tolist() == [4.5, 4.0]
