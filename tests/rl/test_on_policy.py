"""PPO's equations on two or three numbers, and which rows make its minibatches."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ppo
from pars.core import Index, Step, Transition
from pars.errors import UsageError
from pars.rl.net import make_net
from pars.rl.on_policy import (
    Met,
    assess,
    decay,
    descend_clipped,
    due,
    gae,
    gaussian_entropy,
    policy_loss,
    value_loss,
    window_draw,
)

KEY = jax.random.key(0)
CFG = ppo.Config(rollout=6, batch_size=2, epochs=3, clip=0.2)
POLICY = jnp.zeros((3, 1)), jnp.zeros(1)  # standard normal, of whatever observation
ZERO = -0.5 * np.log(2 * np.pi)  # its log-density at 0


def test_gae_ends_at_terminals_and_is_cut_at_time_limits() -> None:
    """Discount 1/2, lambda 1/2. The first two rows are an episode that the task ends, the third is cut by a time
    limit, the fourth is in the middle of an episode when the window ends."""
    reward, value, following = jnp.array([[1.0, 2, 3, 4], [2.0, 4, 6, 8], [4.0, 99, 2, 4]])
    terminal, last = jnp.array([[0.0, 1, 0, 0], [0.0, 1, 1, 0]])
    # TD errors: 1 + 2 - 2 = 1; 2 - 4 = -2; 3 + 1 - 6 = -2; 4 + 2 - 8 = -2
    found = gae(Met(reward, terminal, last, value, following), 0.5, 0.5)
    assert found.tolist() == [1 - 2 / 4, -2, -2, -2]
    on = gae(Met(reward, terminal, jnp.array([0.0, 1, 0, 0]), value, following), 0.5, 0.5)
    assert on.tolist() == [0.5, -2, -2.5, -2]  # without the time limit the third row sees the fourth
    assert (
        gae(Met(reward, terminal, jnp.zeros(4), value, following), 0.5, 0.5).tolist() == on.tolist()
    )  # terminals end too
    with pytest.raises(ValueError, match="gae takes arrays of one shape"):
        gae(Met(reward, terminal, last, value[:, None], following), 0.5, 0.5)


def test_with_lambda_1_it_is_the_return_less_the_value() -> None:
    ones, zeros = jnp.ones(3), jnp.zeros(3)
    end = jnp.array([0.0, 0, 1])
    value = jnp.array([5.0, 6, 7])
    found = gae(Met(ones, end, end, value, jnp.array([6.0, 7, 8])), 0.5, 1.0)
    np.testing.assert_allclose(found + value, [1.75, 1.5, 1.0])
    np.testing.assert_allclose(gae(Met(ones, zeros, zeros, value, zeros), 0.5, 0.0), ones - value)


def test_a_window_of_two_environments_is_two_time_lines() -> None:
    cfg = ppo.Config(rollout=4, environments=2, discount=0.5, gae_lambda=1.0, reward_scale=2.0, reward_shift=1.0)
    column = jnp.array([0.0, 10, 1, 20])  # of the first environment 0 and 1, of the second 10 and 20
    window = Transition(None, None, column, None, jnp.zeros(4), {"last": jnp.array([0.0, 0, 0, 1])})
    found = assess(cfg, window, jnp.zeros(4), jnp.zeros(4), jnp.full(4, 4.0))
    # rewards 1, 3 and 21, 41; each row adds half the 4 that V says of what follows
    want = np.array([1 + 2 + (3 + 2) / 2, 21 + 2 + (41 + 2) / 2, 5, 43])
    np.testing.assert_allclose(found.target, want)
    np.testing.assert_allclose(found.advantage, (want - want.mean()) / want.std(), rtol=1e-4)


def test_a_ratio_is_clipped_where_that_makes_the_loss_larger() -> None:
    """Ratios 2, 2 and 1/2 with a clip of 0.2, advantages 1, -1 and -1: min(2, 1.2), min(-2, -1.2), min(-.5, -.8)."""
    old = ZERO - jnp.log(jnp.array([2.0, 2.0, 0.5]))
    action, advantage = jnp.zeros((3, 1)), jnp.array([1.0, -1.0, -1.0])
    loss, metrics = policy_loss(POLICY, action, old, advantage, 0.2)
    assert float(loss) == pytest.approx(-(1.2 - 2.0 - 0.8) / 3)
    assert float(metrics["clipped_share"]) == 1.0
    assert float(metrics["kl"]) == pytest.approx((2 * (1 - np.log(2)) + (-0.5 + np.log(2))) / 3)
    slope = jax.grad(lambda log_std: policy_loss((POLICY[0], log_std), action, old, advantage, 0.2)[0])(jnp.zeros(1))
    # of a ratio r at the mean dr/dlog_std = -r; only the second is not clipped: -mean(r A) = 2/3
    np.testing.assert_allclose(slope, [-2 / 3], rtol=1e-5)


def test_at_the_old_policy_the_loss_is_the_mean_advantage_and_nothing_is_clipped() -> None:
    loss, metrics = policy_loss(POLICY, jnp.zeros((3, 1)), jnp.full(3, ZERO), jnp.array([1.0, 2.0, 6.0]), 0.2)
    assert float(loss) == pytest.approx(-3.0) and float(metrics["kl"]) == float(metrics["clipped_share"]) == 0.0
    with pytest.raises(ValueError, match="policy_loss takes arrays of one shape"):
        policy_loss(POLICY, jnp.zeros((3, 1)), jnp.full((3, 1), ZERO), jnp.zeros(3), 0.2)


def test_entropy_of_a_gaussian() -> None:
    one = 0.5 * np.log(2 * np.pi * np.e)
    np.testing.assert_allclose(
        gaussian_entropy(jnp.array([[0.0, 0.0], [1.0, -3.0]])), [2 * one, 2 * one - 2], rtol=1e-5
    )
    loss, metrics = policy_loss(POLICY, jnp.zeros((3, 1)), jnp.full(3, ZERO), jnp.zeros(3), 0.2, 0.5)
    assert float(loss) == pytest.approx(-0.5 * one) and float(metrics["entropy"]) == pytest.approx(one)


def test_v_is_held_near_what_it_was() -> None:
    """Clip 0.2: V went from 0 to 1, towards 1 and towards -1; held it is 0.2."""
    v, old, y = jnp.ones(2), jnp.zeros(2), jnp.array([1.0, -1.0])
    assert float(value_loss(CFG, v, old, y)) == (0 + 4) / 2
    held = ppo.Config(clip=0.2, clip_value=True)
    assert float(value_loss(held, v, old, y)) == pytest.approx((0.8**2 + 4) / 2)
    assert float(value_loss(held, 0.1 * v, old, y)) == pytest.approx((0.9**2 + 1.1**2) / 2)  # within: as it is


def test_gradients_are_brought_down_to_a_norm_and_adam_has_a_large_epsilon() -> None:
    net = make_net({"w": jnp.zeros(2)})
    for slope, at_most in (([3.0, 4.0], [0.3, 0.4]), ([0.03, 0.04], [0.03, 0.04])):
        moved = descend_clipped(net, {"w": jnp.array(slope)}, 0.1, 0.5)
        np.testing.assert_allclose(moved.opt.mu["w"], 0.1 * np.array(at_most), rtol=1e-4)
    moved = descend_clipped(net, {"w": jnp.array([1e-5, 0.0])}, 0.1, 0.5)
    np.testing.assert_allclose(moved.params["w"], [-0.05, 0.0], rtol=1e-3)


def test_each_epoch_goes_once_through_the_newest_rows_in_an_order_of_its_own() -> None:
    draw = lambda n, filled: window_draw(CFG, KEY, jnp.asarray(n), Index(jnp.asarray(100)), filled)  # noqa: E731
    epochs = [[draw(3 * epoch + part, jnp.asarray(18)) for part in range(3)] for epoch in range(2)]
    orders = [np.concatenate([pick.rows for pick in epoch]) for epoch in epochs]
    assert [sorted(order) for order in orders] == [list(range(112, 118))] * 2 and (orders[0] != orders[1]).any()
    for pick in epochs[0]:
        assert pick.beside["window"].tolist() == list(range(112, 118))
        assert (pick.beside["window"][pick.extra["place"]] == pick.rows).all()
    assert draw(0, None).beside["window"].tolist() == list(range(94, 100))  # without a replay the dataset's last


def test_steps_are_due_window_by_window_behind_the_first_steps() -> None:
    assert [due(CFG, n) for n in (5, 6, 11, 12)] == [0, 9, 9, 18]
    assert [due(ppo.Config(rollout=6, batch_size=64, epochs=3, random_steps=4), n) for n in (6, 9, 10)] == [0, 0, 3]


def test_rates_fall_window_by_window() -> None:
    at = lambda number, **settings: float(  # noqa: E731
        decay(ppo.Config(rollout=6, batch_size=2, epochs=3, **settings), Step(number, 18, "online"))
    )
    assert [at(n) for n in (0, 8, 9, 17)] == [1.0, 1.0, 0.5, 0.5]
    assert at(9, linear_decay=False) == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rollout": 100}, "rollout=100 must be a multiple of the 64 transitions of a minibatch; give rollout=64"),
        ({"rollout": 64, "environments": 5}, "rollout=64 must be a multiple of the 5 environments; give rollout=60"),
    ],
)
def test_windows_are_whole(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ppo.Config(**settings).check()
