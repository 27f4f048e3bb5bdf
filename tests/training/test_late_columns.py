"""Columns of online episodes that are known at their end: filled in at once, and alike after a resume."""

from __future__ import annotations

import dataclasses

import numpy as np

from pars.algos import ALGORITHMS
from pars.core import Column, Spec, Transition
from pars.packing import pack
from pars.training.late_columns import LateColumns
from pars.training.learner import Learner

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


UNKNOWN = ALGO.columns[0].unknown
WANT = np.full((5, 2), UNKNOWN, np.float32)
WANT[:2, 0], WANT[2:5, 0], WANT[:3, 1] = [2, 2], [3 + 0.5 * 6.5, 6.5, 5], [1 + 0.5 * 3.5, 3.5, 3]


def fresh() -> LateColumns:
    return LateColumns(ALGO, CONFIGS, 3, EXTRA)


def test_columns_come_when_episodes_end() -> None:
    late, found = fresh(), np.full((5, 2), UNKNOWN, np.float32)
    for row, last in zip(rows(), LAST):
        assert late.at_once(last[None]).tolist() == [[[UNKNOWN], [UNKNOWN]]]
        for member, numbers, columns in late(row[None], last[None]):
            found[numbers, member] = columns[:, 0]
    np.testing.assert_allclose(found, WANT)


def test_a_resume_knows_them_and_goes_on() -> None:
    whole, part = fresh(), fresh()
    np.testing.assert_allclose(whole.replay(rows(), LAST)[..., 0], WANT)
    part.replay(rows()[:4], LAST[:4])
    ((member, numbers, columns),) = part(rows()[4:], LAST[4:])
    assert member == 0 and numbers.tolist() == [2, 3, 4]
    np.testing.assert_allclose(columns[:, 0], WANT[2:5, 0])


def test_they_reach_the_replay() -> None:
    learner, late = Learner(ALGO, CONFIGS, [0, 1], SPEC, EXTRA), fresh()
    learner.go_online(300, rows()[:1], late.replay(rows()[:1], LAST[:1]))
    assert learner.replay is not None
    for row, last in zip(rows()[1:], LAST[1:]):
        learner.replay.push(row, late.at_once(last[None]))
        for member, numbers, columns in late(row[None], last[None]):
            learner.replay.annotate(member, numbers, columns)
    replay = learner.placement.take(learner.replay.array)
    np.testing.assert_allclose(replay[:, :5, -1].T, WANT)
    np.testing.assert_allclose(replay[:, :5, :-1].swapaxes(0, 1), rows())
    assert (replay[:, 5:, -1] == UNKNOWN).all() and not replay[:, 5:, :-1].any()


def test_with_several_environments_each_has_its_episodes() -> None:
    """Three steps of two environments of one member: rows 0, 2, 4 are of the first, 1, 3, 5 of the second."""
    algo = dataclasses.replace(ALGO, columns=(*ALGO.columns, Column("last")))
    late = LateColumns(algo, CONFIGS[:1], 3, (*EXTRA, ("last", ())), each=2)
    met, last = rows()[:3], np.array([[0, 0], [1, 0], [0, 1]], bool)
    found = late.replay(met.reshape(6, 1, -1), last.reshape(6, 1))
    want = np.stack([WANT[:3, [0, 1]], last], axis=-1)  # a return to go and whether the episode ended
    want[2, 0, 0] = UNKNOWN  # still open
    np.testing.assert_allclose(found.reshape(3, 2, 2), want)
