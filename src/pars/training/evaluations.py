"""Evaluations that training need not wait for: each acts with policies of its own moment, in a thread of its own."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import numpy as np

from pars.core import PLAIN, Sight
from pars.envs.base import GYM, Task
from pars.position import Position
from pars.training.policy import Policies
from pars.training.rollout import Evaluation, Evaluator
from pars.training.view import Stop, seconds_since


class Timed(NamedTuple):
    evaluation: Evaluation
    seconds: float  # that it took


class Boundary(NamedTuple):
    """What is written at a place where training was looked at, as soon as its evaluation is done."""

    position: Position
    values: dict[str, np.ndarray]  # [P] by name
    tree: dict[str, Any]  # of the checkpoint: NumPy copies
    evaluations: list[Future[Timed]]  # of each job; none without environments, and before there is a policy


class Evaluations:
    """The evaluations of a job, one after another in `thread`; of a Gymnasium environment in the caller's.

    beside: training goes on meanwhile, and keeps a core for itself.
    stop: who may end it.
    """

    def __init__(
        self,
        task: Task,
        members: int,
        episodes: int,
        thread: Executor,
        sees: Sight = PLAIN,
        beside: bool = False,
        stop: Stop | None = None,
    ):
        urgent = (lambda: stop.urgent) if stop else (lambda: False)
        self.task = task
        self.evaluator = Evaluator(task, members, episodes, sees=sees, spare=int(beside), stop=urgent)
        self._thread = thread

    def start(self, policies: Policies) -> Future[Timed]:
        if self.task.family != GYM:
            return self._thread.submit(self._run, policies)
        done: Future[Timed] = Future()
        done.set_result(self._run(policies))
        return done

    def _run(self, policies: Policies) -> Timed:
        before = time.monotonic()
        return Timed(self.evaluator(policies), seconds_since(before))

    def scores(self, evaluation: Evaluation) -> dict[str, np.ndarray]:
        """What metrics.csv says of an evaluation: [P] by name."""
        returns = evaluation.returns
        return {
            "score": self.task.score(returns).mean(axis=1),
            "return_mean": returns.mean(axis=1),
            "return_std": returns.std(axis=1),
            "length_mean": evaluation.lengths.mean(axis=1),
        }

    def give_up(self) -> None:
        """End the evaluation that is under way, if any, at its next step."""
        self.evaluator.given_up = True

    def close(self) -> None:
        """Free the simulators."""
        self.evaluator.close()
