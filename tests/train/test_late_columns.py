"""Columns of online episodes that are known at their end: filled in at once, and alike after a resume."""

from __future__ import annotations

import numpy as np

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.packing import pack
from pars.train.late_columns import Hindsight
from pars.train.learner import Learner

ALGO = ALGORITHMS["cal_ql"]
EXTRA = (("mc_return", ()),)
CONFIGS = [ALGO.configure(dict(discount=discount, hidden=(8,), actor_hidden=(8,))) for discount in (0.5, 0.5)]
SPEC = Spec(3, 2)
LAST = np.array([[0, 0], [1, 0], [0, 1], [0, 0], [1, 0]], bool)  # [T, P]


def rows() -> np.ndarray:
    """[T, P, W], rewards 1, 2, 3, ..; no row is terminal."""
    rng, shape = np.random.default_rng(0), (*LAST.shape, 1)
    reward = np.broadcast_to(np.arange(1.0, 6.0)[:, None], LAST.shape)
    parts = (rng.normal(size=(*LAST.shape, n)) for n in (3, 2, 3))
    obs, action, next_obs = parts
    flat = Transition(
        *(x.reshape(-1, x.shape[-1]) for x in (obs, action)), reward.ravel(), next_obs.reshape(-1, 3), 0.0
    )
    return pack(flat._replace(terminal=np.zeros(LAST.size))).reshape(*shape[:2], -1)


WANT = np.full((5, 2), ALGO.unknown, np.float32)
WANT[:2, 0], WANT[2:5, 0], WANT[:3, 1] = [2, 2], [3 + 0.5 * 6.5, 6.5, 5], [1 + 0.5 * 3.5, 3.5, 3]


def test_columns_come_when_episodes_end() -> None:
    hindsight, found = Hindsight(ALGO, CONFIGS, 3, EXTRA), np.full((5, 2), ALGO.unknown, np.float32)
    for row, last in zip(rows(), LAST):
        for member, first, columns in hindsight(row, last):
            found[first : first + len(columns), member] = columns[:, 0]
    np.testing.assert_allclose(found, WANT)


def test_a_resume_knows_them_and_goes_on() -> None:
    whole = Hindsight(ALGO, CONFIGS, 3, EXTRA)
    np.testing.assert_allclose(whole.replay(rows(), LAST, 1)[..., 0], WANT)
    part = Hindsight(ALGO, CONFIGS, 3, EXTRA)
    part.replay(rows()[:4], LAST[:4], 1)
    ((member, first, columns),) = part(rows()[4], LAST[4])
    assert (member, first) == (0, 2)
    np.testing.assert_allclose(columns[:, 0], WANT[2:5, 0])


def test_they_reach_the_replay() -> None:
    learner = Learner(ALGO, CONFIGS, [0, 1], SPEC, EXTRA)
    hindsight = Hindsight(ALGO, CONFIGS, 3, EXTRA)
    learner.set_replay(rows()[:1], 300, hindsight.replay(rows()[:1], LAST[:1], 1))
    for row, last in zip(rows()[1:], LAST[1:]):
        learner.push(row)
        for member, first, columns in hindsight(row, last):
            learner.annotate(member, first, columns)
    replay = learner.placement.take(learner.replay)
    np.testing.assert_allclose(replay[:, :5, -1].T, WANT)
    np.testing.assert_allclose(replay[:, :5, :-1].swapaxes(0, 1), rows())
    assert (replay[:, 5:, -1] == ALGO.unknown).all() and not replay[:, 5:, :-1].any()
