"""All tasks by id. D4RL's are named as its datasets; an id that looks like Gymnasium's is made with Gymnasium."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pars.envs.antmaze import antmaze
from pars.envs.base import Task
from pars.envs.gym import gym_task
from pars.envs.locomotion import locomotion
from pars.envs.ogbench import CELLS, ogbench_antmaze
from pars.envs.pointmaze import pointmaze
from pars.errors import UsageError, unknown
from pars.units import SCALED, ActionRange, parse_range

# How data was collected; the evaluation is the same for all protocols of a map.
POINTMAZE = {
    "umaze": ("fixed", "diverse"),  # D4RL's umaze has no play goals either
    "medium": ("fixed", "play", "diverse"),
    "large": ("fixed", "play", "diverse"),
}
ANTMAZE = {
    "umaze": ("umaze-v2", "umaze-diverse-v2"),
    "medium": ("medium-play-v2", "medium-diverse-v2"),
    "large": ("large-play-v2", "large-diverse-v2"),
    "ultra": ("ultra-play-v0", "ultra-diverse-v0"),
}
ADROIT = {  # D4RL's returns that score 0 and 100
    "pen": (96.262799, 3076.8331017826877),
    "door": (-56.512833, 2880.5693087298737),
    "hammer": (-274.856578, 12794.134825156867),
    "relocate": (-6.425911, 4233.877797728884),
}
ROBOTS = ("halfcheetah", "hopper", "walker2d")
LONGEST = 1e6  # seconds that a step may take: alarms and waits of the system take no more than some weeks
QUALITIES = ("random", "medium-replay", "medium", "medium-expert", "expert")


def _hand(*args: Any, **more: Any) -> Task:
    from pars.envs.adroit import adroit  # reads large models

    return adroit(*args, **more)


Build = Callable[..., Task]


def _own(build: Callable[..., Task], task_id: str, *args: Any, **more: Any) -> tuple[str, Build]:
    return task_id, partial(build, task_id, *args, dataset=task_id, **more)


TASKS: dict[str, Build] = dict(
    [_own(pointmaze, f"pointmaze-{name}-{way}", name) for name, ways in POINTMAZE.items() for way in ways]
    + [_own(antmaze, f"antmaze-{rest}", name) for name, ids in ANTMAZE.items() for rest in ids]
    + [
        _own(_hand, f"{hand}-{kind}-v1", hand, reference=scores)
        for hand, scores in ADROIT.items()
        for kind in ("cloned", "expert")
    ]
    + [_own(locomotion, f"{robot}-{quality}-v2", robot) for robot in ROBOTS for quality in QUALITIES]
    + [(task_id, partial(ogbench_antmaze, task_id, name)) for name in CELLS for task_id in [f"antmaze-{name}-v0"]]
)


def list_tasks() -> list[Task]:
    """The library's own tasks, in the order of the registry."""
    return [build() for build in TASKS.values()]


def make_task(
    task_id: str,
    *,
    physics: str | None = None,
    goal: str | None = None,
    env_args: Mapping[str, Any] | str | None = None,
    env_timeout: float | None = None,
    action_range: str | None = None,
    action_limits: str | None = None,
    isolate: bool = False,
) -> Task:
    """The task of an id of `TASKS` or of Gymnasium.

    Args:
        physics: "d4rl" (the default of D4RL's tasks: the engine as the datasets were made) or "stock".
        goal: of AntMaze, "episode" (default: drawn at every reset) or "fixed" (drawn once); of OGBench's see
            `pars.envs.ogbench`.
        env_args: of Gymnasium's, keyword arguments of the environment: a dict, or its JSON, as runs keep it.
        env_timeout: of Gymnasium's, seconds that one reset or step may take; 0: any time.
        action_range, isolate: of a Gymnasium environment, see `gym_task`.
        action_limits: what actions are kept within, in the task's units, "0..80,-1..1" or one "LOW..HIGH" for all.

    Raises UsageError (unknown id, option that the task has not) or TaskError (cannot be made).
    """
    task = _made(task_id, physics, goal, env_args, env_timeout, action_range, isolate)
    return task if action_limits is None else limited(task, action_limits)


def limited(task: Task, text: str) -> Task:
    """The task with actions that are kept within limits. Raises UsageError."""
    asked = parse_range(text, task.action_dim, "--action-limits")
    units = task.action_range or ActionRange.of([-1.0] * task.action_dim, [1.0] * task.action_dim, "")
    inside = ActionRange.of(units.to_scaled(asked.low), units.to_scaled(asked.high), "given")
    if any(low >= high for low, high in zip(inside.low, inside.high)):
        raise UsageError(f"--action-limits {text}: leaves no action; those of {task.id} are in {units}")
    return replace(task, limits=inside, options=(*task.options, ("action_limits", text)))


def _made(
    task_id: str,
    physics: str | None,
    goal: str | None,
    env_args: Mapping[str, Any] | str | None,
    env_timeout: float | None,
    action_range: str | None,
    isolate: bool,
) -> Task:
    options = {name: value for name, value in (("mode", physics), ("goal", goal)) if value is not None}
    if env_timeout is not None and not 0 <= env_timeout <= LONGEST:
        raise UsageError(f"--env-timeout {env_timeout:g}: seconds, a number from 0 (any time) to {LONGEST:g}")
    if task_id in TASKS:
        if env_args:
            raise UsageError(f"{task_id}: arguments are for Gymnasium environments; leave --env-arg out")
        if isolate:
            raise UsageError(f"{task_id}: its simulator is our own; leave --isolate out")
        if action_range not in (None, SCALED):
            raise UsageError(f"{task_id}: its actions are in [-1, 1]; leave --action-range {action_range} out")
        task = TASKS[task_id]()
        if goal is not None and not task.goal_choices:
            raise UsageError(f"{task_id}: goal={goal} is for AntMaze tasks only; leave it out")
        if goal is not None and goal not in task.goal_choices:
            raise UsageError(f"{task_id}: goal={goal!r}; choose {', '.join(task.goal_choices)}")
        if physics is not None and len(task.modes) == 1:
            if physics not in task.modes:
                raise UsageError(f"{task_id}: has no physics={physics}; PointMaze is our own, on MuJoCo as installed")
            del options["mode"]
        told = tuple((name, value) for name, value in (("physics", physics), ("goal", goal)) if value is not None)
        return replace(TASKS[task_id](**options) if options else task, options=told)
    if re.search(r"-v\d+$", task_id) or ":" in task_id:
        if goal is not None or physics not in (None, "stock"):
            raise UsageError(
                f"{task_id}: physics and goal are for D4RL's tasks ({', '.join(ROBOTS)}, ...), leave them out"
            )
        args = json.loads(env_args) if isinstance(env_args, str) else dict(env_args or {})
        task = gym_task(task_id, args, env_timeout, action_range, isolate)
        told = (("env_args", json.dumps(args, sort_keys=True)),) if args else ()
        return replace(task, options=(*told, *task.options))
    raise UsageError(unknown("task", task_id, TASKS) + "; a Gymnasium id such as Hopper-v5 works too")
