"""Estimates where the answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from pars.core import Transition
from pars.errors import DataError, UsageError
from pars.judge.behaviour import Behaviour, distance
from pars.judge.estimates import Own, estimates
from pars.judge.evidence import discount_for, evidence
from pars.judge.fitted import Actions, Fit, fit
from pars.judge.importance import SAMPLES, weigh
from pars.judge.scores import held, rank_correlation, regret
from tests.judge.worlds import DISCOUNT, constant, two_steps

WORLD = two_steps()
UNIFORM = Behaviour(np.zeros((len(WORLD.obs), 1)), np.array([3**-0.5]))  # of actions in [-1, 1]


@pytest.fixture(scope="module")
def fitted():
    """Of the behaviour, of -0.5, and of 0.5."""
    both = constant(WORLD, [0.0, -0.5, 0.5])
    logged = WORLD.action, np.roll(WORLD.action, -1, axis=0)
    both = Actions(*(np.concatenate([x[None], part[1:]]) for x, part in zip(logged, both)), both.start)
    return fit(WORLD, both, Fit(critics=3, hidden=(16, 16), steps=600, batch=32, learning_rate=3e-3))


def test_fitted_values_are_those_of_the_policies(fitted):
    assert fitted.start[1].mean() == pytest.approx(-0.25, abs=0.08)
    assert fitted.start[2].mean() == pytest.approx(0.25, abs=0.08)
    assert fitted.q[0][WORLD.begin].mean() == pytest.approx(WORLD.returns.mean(), abs=0.08)
    second = WORLD.time == 1
    np.testing.assert_allclose(fitted.q[1][second], WORLD.action[second, 0], atol=0.2)


def test_estimates_hold_the_truth_and_are_shifted_by_what_the_fit_misses(fitted):
    own = Own(np.array([[0.2, 0.2], [0.3, 0.3]]), DISCOUNT), None
    (low, high) = estimates(WORLD, UNIFORM, fitted, constant(WORLD, [-0.5, 0.5]).here, own)
    by = {one.estimator: one for one in low}
    shift = WORLD.returns.mean() - fitted.q[0][WORLD.begin].mean()
    assert by["fqe"].estimate == pytest.approx(fitted.start[1].mean() + shift)
    for one, truth in ((by["fqe"], -0.25), (high[0], 0.25)):
        assert one.low < truth < one.high and one.trust, one
    assert by["critic"].estimate == pytest.approx(0.25)
    assert [one.estimator for one in high] == ["fqe", "is", "dr"]


def test_what_was_hardly_tried_is_not_trusted(fitted):
    narrow = UNIFORM._replace(spread=np.array([0.05]))
    (found, _) = estimates(WORLD, narrow, fitted, constant(WORLD, [-0.5, 0.5]).here, [None, None])
    assert "overlap" in found[0].flags and not found[0].trust and found[0].facts["overlap"] == 0.0


def test_critics_that_differ_another_discount_and_impossible_values_are_flagged(fitted):
    own = Own(np.array([[-9.0], [30.0]]), 0.9, shifted=True), None
    flags = estimates(WORLD, UNIFORM, fitted, constant(WORLD, [-0.5, 0.5]).here, own)[0][1].flags
    assert {"disagreement", "discount", "shift", "range"} <= set(flags)
    torn = fitted._replace(start=fitted.start + np.array([0.0, 9.0, -9.0])[None, :, None])
    found = estimates(WORLD, UNIFORM, torn, constant(WORLD, [-0.5, 0.5]).here, [None, None])
    assert {"disagreement", "width"} <= set(found[0][0].flags) and found[0][0].low < -10.0
    assert "width" not in estimates(WORLD, UNIFORM, fitted, constant(WORLD, [-0.5, 0.5]).here, own)[0][0].flags
    missed = fitted._replace(q=fitted.q + 5.0)
    assert "fit" in estimates(WORLD, UNIFORM, missed, constant(WORLD, [-0.5, 0.5]).here, [None, None])[0][0].flags


def test_weights_by_hand():
    """Two episodes of one step, behaviour N(0, 1), policy N(1, 1): the log ratio of an action a is a - 1/2."""
    rows = np.zeros((2, 1), np.float32), np.array([[1.0], [0.0]], np.float32), np.array([3.0, 1.0], np.float32)
    one = WORLD._replace(obs=rows[0], action=rows[1], reward=rows[2], terminal=np.ones(2), begin=np.arange(2))
    one = one._replace(episode=np.arange(2), ahead=rows[2])
    known = Behaviour(np.zeros((2, 1)), np.ones(1))
    found = weigh(one, np.ones((2, 1)), known, q=np.zeros(2), v=np.zeros(2))
    w = np.exp([0.5, -0.5])
    assert found.plain[0] == pytest.approx((w * [3.0, 1.0]).sum() / w.sum())
    assert found.robust[0] == pytest.approx(found.plain[0]) and len(found.plain) == 1 + SAMPLES
    assert found.size == pytest.approx(w.sum() ** 2 / (w**2).sum())
    right = weigh(one, np.ones((2, 1)), known, q=rows[2], v=np.array([2.0, 2.0]))
    assert right.robust == pytest.approx(2.0)  # where Q is right, only V is left


def test_rewards_behind_a_terminal_row_do_not_count():
    world = WORLD._replace(terminal=np.where(WORLD.time == 0, 1.0, 0.0), reward=np.ones_like(WORLD.reward))
    assert world.plain_returns.tolist() == [1.0] * len(WORLD.begin)


def test_distance_is_in_deviations_of_the_data():
    assert distance(np.array([[0.5], [-1.0]]), Behaviour(np.zeros((2, 1)), np.array([0.5]))).tolist() == [1.0, 2.0]


def data(lengths: list[int]) -> SimpleNamespace:
    n = sum(lengths)
    last = np.zeros(n, bool)
    last[np.cumsum(lengths) - 1] = True
    number = np.arange(n, dtype=np.float32)
    columns = Transition(number[:, None], number[:, None] / n, number, number[:, None] + 1, np.zeros(n))
    return SimpleNamespace(last=last, columns=columns, name="logs")


def test_evidence_is_whole_episodes():
    found = evidence(data([4, 6, 5, 5, 3, 7]), rows=26, discount=0.5)
    assert found.lengths.sum() == len(found.reward) and len(found.lengths) == 6 and found.held.sum() == 1
    some = evidence(data([10] * 20), rows=95)
    assert len(some.lengths) == 10 and some.obs[some.begin, 0].tolist() == sorted(some.obs[some.begin, 0].tolist())
    assert all(first % 10 == 0 for first in some.obs[some.begin, 0])
    assert some.discount == discount_for(np.array([10])) == pytest.approx(0.6)
    assert found.returns[-1] == pytest.approx(sum(0.5**i * (23 + i) for i in range(7)))


def test_too_few_episodes_and_other_discounts_are_refused():
    with pytest.raises(DataError, match="has 2 episodes"):
        evidence(data([5, 5]), rows=10)
    with pytest.raises(UsageError, match="between 0 and 1"):
        evidence(data([5] * 6), rows=10, discount=1.0)


def test_scores_by_hand():
    truth = np.array([0.0, 10.0, 6.0, 7.0])
    assert rank_correlation(np.array([1.0, 4.0, 2.0, 3.0]), truth) == pytest.approx(1.0)
    assert np.isnan(rank_correlation(np.zeros(4), truth))
    assert regret(np.array([0.0, 1.0, 5.0, 2.0]), truth) == 4.0
    assert regret(np.array([0.0, 1.0, 5.0, 2.0]), truth, 2) == 3.0
    assert regret(np.zeros(4), truth) == pytest.approx(10 - truth.mean(), abs=1.0)
    assert held(np.array([0, 11]), np.array([1, 12]), np.array([0.5, 5.0])) == 0.5
