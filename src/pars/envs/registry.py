"""All tasks by id. An id that looks like one of Gymnasium's (`Name-v0`) is made with Gymnasium."""

import re
from collections.abc import Callable

from pars.envs.base import Task
from pars.envs.gym import gym_task
from pars.envs.pointmaze import pointmaze
from pars.errors import UsageError
from pars.suggest import unknown

# How data was collected; the evaluation is the same for all protocols of a map.
POINTMAZE = {
    "umaze": ("fixed", "diverse"),  # D4RL's umaze has no play goals either
    "medium": ("fixed", "play", "diverse"),
    "large": ("fixed", "play", "diverse"),
}


def _pointmaze(map_name: str, protocol: str) -> Callable[[], Task]:
    task_id = f"pointmaze-{map_name}-{protocol}"
    return lambda: pointmaze(task_id, map_name, dataset=task_id)


TASKS: dict[str, Callable[[], Task]] = {
    f"pointmaze-{map_name}-{protocol}": _pointmaze(map_name, protocol)
    for map_name, protocols in POINTMAZE.items()
    for protocol in protocols
}


def list_tasks() -> list[Task]:
    """The library's own tasks, in the order of the registry."""
    return [build() for build in TASKS.values()]


def make_task(task_id: str) -> Task:
    """The task of an id of `TASKS` or of Gymnasium. Raises UsageError (unknown id) or TaskError (cannot be made)."""
    if task_id in TASKS:
        return TASKS[task_id]()
    if re.search(r"-v\d+$", task_id) or ":" in task_id:
        return gym_task(task_id)
    raise UsageError(unknown("task", task_id, TASKS) + "; a Gymnasium id such as Hopper-v5 works too")
