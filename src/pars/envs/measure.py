"""How fast the tasks are on this machine, and what Gymnasium's checker says about their faces."""

import re
import time
import warnings
from collections.abc import Callable, Iterable
from typing import NamedTuple

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from pars.envs.base import Task
from pars.envs.face import NAMESPACE
from pars.errors import TaskError, UsageError

ENVIRONMENTS = 16
LONGEST = 3600.0  # seconds of a measurement
# Observations have no bounds, as in Gymnasium's own MuJoCo environments; the checker doubts any such space.
EXPECTED = re.compile(r"A Box observation space (min|max)imum value is -?infinity")
CLEAN = "clean"


class Measurement(NamedTuple):
    """steps_per_second: of all environments of a batch together; None if the task cannot be made here."""

    steps_per_second: float | None
    check_env: str  # "clean", what the checker says first, or what is missing


def measure_all(
    tasks: Iterable[Task], seconds: float, progress: Callable[[int, int], None] | None = None
) -> dict[str, Measurement]:
    """Task id -> measurement. Tasks that differ in nothing but their dataset are measured once and share it."""
    if not 0.0 < seconds <= LONGEST:
        raise UsageError(f"seconds={seconds:g}; measure each task for a time above 0, at most {LONGEST:g} s")
    same: dict[str, list[Task]] = {}
    for task in tasks:
        same.setdefault(environment(task), []).append(task)
    found: dict[str, Measurement] = {}
    for done, alike in enumerate(same.values(), start=1):
        found |= dict.fromkeys((task.id for task in alike), measure(alike[0], seconds))
        if progress:
            progress(done, len(same))
    return found


def environment(task: Task) -> str:
    """What a task is without its dataset: "antmaze umaze", "hopper"."""
    if task.dataset is None:
        return task.id
    return " ".join([task.id.partition("-")[0], *([task.maze.name] if task.maze else [])])


def measure(task: Task, seconds: float) -> Measurement:
    """Speed and check of one of the library's own tasks. A package that is absent is said, not raised."""
    try:
        return Measurement(steps_per_second(task, seconds), complaint(task.id) or CLEAN)
    except TaskError as error:
        extra = re.search(r"pars\[\w+\]", str(error))
        return Measurement(None, f"needs {extra[0]}" if extra else str(error))


def steps_per_second(task: Task, seconds: float, n: int = ENVIRONMENTS) -> float:
    """Environment steps per second of n environments on all cores under random actions, with the resets they need."""
    env = task.make(n)
    everyone, rng = np.arange(n), np.random.default_rng(0)
    actions = rng.uniform(-1.0, 1.0, (1024, n, task.action_dim))
    env.reset(everyone, everyone)
    env.step(everyone, actions[0])  # threads start here
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        result = env.step(everyone, actions[count % len(actions)])
        count += 1
        if len(ended := np.flatnonzero(result.terminal | result.truncated)):
            env.reset(ended, ended + count * n)
    env.close()
    return count * n / elapsed


def complaint(task_id: str) -> str | None:
    """The first thing that Gymnasium's checker says about a task, but for the two lines that it always says."""
    env = gymnasium.make(f"{NAMESPACE}/{task_id}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            check_env(env.unwrapped, skip_render_check=True)
        except Exception as error:  # it raises whatever the environment raises, and assertions of its own
            return f"{type(error).__name__}: {error}".partition("\n")[0]
        finally:
            env.close()
    lines = [re.sub(r"\x1b\[\d+m", "", str(warning.message)) for warning in said]
    return next((line for line in lines if not EXPECTED.search(line)), None)
