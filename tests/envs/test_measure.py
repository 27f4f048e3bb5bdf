"""Speed and check of the tasks: once per environment, complaints found, absent packages said."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from pars.envs import TASKS, list_tasks, make_task, measure
from pars.envs.face import TaskEnv
from pars.envs.measure import Measurement, complaint, environment, measure_all, steps_per_second
from pars.errors import TaskError, UsageError

TASK = "pointmaze-umaze-fixed"


def test_tasks_that_differ_in_their_dataset_alone_share_an_environment() -> None:
    names = {environment(task) for task in list_tasks()}
    assert len(names) == 17 and {"antmaze ultra", "pointmaze large", "pen", "walker2d"} <= names


def test_each_environment_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    heard: list[tuple[int, int]] = []

    def fake(task, seconds):
        asked.append(task.id)
        return Measurement(float(len(asked)), "clean")

    monkeypatch.setattr(measure, "measure", fake)
    found = measure_all(list_tasks(), 0.5, lambda done, total: heard.append((done, total)))
    assert list(found) != [] and set(found) == set(TASKS) and len(asked) == 17 and heard[-1] == (17, 17)
    assert found["hopper-medium-v2"] == found["hopper-random-v2"] != found["walker2d-medium-v2"]


def test_all_environments_step_and_those_that_end_start_anew() -> None:
    task = make_task("hopper-medium-v2")
    env = task.make(4)
    steps, resets = [], []

    class Spy:
        def step(self, index, action):
            steps.append(len(index))
            return env.step(index, action)

        def reset(self, index, seed):
            resets.append(index.tolist())
            return env.reset(index, seed)

        def close(self):
            env.close()

    speed = steps_per_second(dataclasses.replace(task, make=lambda n, threads=None: Spy()), 0.2, n=4)  # type: ignore[arg-type]
    assert set(steps) == {4} and 0.5 < speed * 0.2 / (4 * (len(steps) - 1)) <= 1.0
    assert resets[0] == [0, 1, 2, 3] and len(resets) > 1  # random actions soon let a hopper fall
    assert env.count.max() < task.time_limit


def test_the_checker_has_nothing_to_say_until_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint(TASK) is None
    reset, step = TaskEnv.reset, TaskEnv.step
    monkeypatch.setattr(TaskEnv, "reset", lambda self, **options: (reset(self, **options)[0].astype(np.float64), {}))
    assert "observation" in (complaint(TASK) or "")
    monkeypatch.setattr(TaskEnv, "reset", reset)
    monkeypatch.setattr(TaskEnv, "step", lambda self, action: (step(self, action)[0], math.nan, False, False, {}))
    assert "reward" in (complaint(TASK) or "").lower()


@pytest.mark.parametrize(
    ("message", "said"),
    [("models come with x; pip install 'pars[adroit]' (y)", "needs pars[adroit]"), ("no such file", "no such file")],
)
def test_what_is_missing_is_said(message: str, said: str) -> None:
    def broken(n: int, threads: int | None = None) -> None:
        raise TaskError(message)

    task = dataclasses.replace(make_task("pen-cloned-v1"), make=broken)  # type: ignore[arg-type]
    assert measure.measure(task, 0.1) == Measurement(None, said)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_a_time_to_measure(seconds: float) -> None:
    with pytest.raises(UsageError, match=f"seconds={seconds:g}; measure each task for a time above 0"):
        measure_all([], seconds)
