"""What policies are really worth, where a simulator knows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pars.envs import Task
from pars.errors import TaskError
from pars.judge.candidates import Moment
from pars.training.restore import task_of
from pars.training.rollout import EVALUATION, Evaluator, environment_seed


def starts(found: Sequence[Moment], episodes: int) -> np.ndarray:
    """Where the evaluation's episodes begin [episodes, O], so that what is estimated is what is measured."""
    env, seeds = _task(found[0]).make(episodes), [environment_seed(EVALUATION, i) for i in range(episodes)]
    obs = env.reset(np.arange(episodes), np.array(seeds, np.int64))
    env.close()
    return np.asarray(obs, np.float32)


def truths(found: Sequence[Moment], discount: float, episodes: int) -> list[np.ndarray]:
    """Discounted and plain returns [2, episodes] of each policy."""
    real: list[np.ndarray] = []
    for one in found:
        evaluator = Evaluator(_task(one), len(one.names), episodes, sees=one.there.algo.sees, discount=discount)
        done = evaluator(one.there.policies)
        evaluator.close()
        assert done.discounted is not None
        real += list(np.stack([done.discounted, done.returns], axis=1))
    return real


def _task(one: Moment) -> Task:
    """Raises TaskError where there is none."""
    task = task_of(one.there.description)
    if task is None:
        raise TaskError(f"{one.folder} was trained without an environment; leave out --truth")
    return task
