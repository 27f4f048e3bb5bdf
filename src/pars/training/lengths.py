"""How long a run trains and when it is looked at, from what is given and the defaults of task, method and data."""

from __future__ import annotations

from pars import presets
from pars.config import MOST_EPISODES, MOST_WHOLE, check_whole
from pars.core import Algorithm
from pars.envs import Task
from pars.errors import UsageError
from pars.training.plan import Plan


def make_plan(
    task: Task | None,
    steps: int | None = None,
    online_steps: int = 0,
    eval_every: int | None = None,
    online_eval_every: int | None = None,
    eval_episodes: int | None = None,
    algo: Algorithm | None = None,
    rows: int | None = None,
) -> Plan:
    """The given lengths over the defaults of task, algorithm and number of rows, in the phases that it has; at least
    ten evaluations a phase."""
    for what, value in (("steps", steps), ("online_steps", online_steps)):
        check_whole(what, value, 0)
    for what, value in (
        ("eval_every", eval_every),
        ("online_eval_every", online_eval_every),
        ("eval_episodes", eval_episodes),
    ):
        check_whole(what, value, 1, MOST_EPISODES if what == "eval_episodes" else MOST_WHOLE)
    name, task_id = algo.name if algo else None, task.id if task else None
    usual = presets.lengths(task_id)
    steps = presets.offline_steps(name, task_id, rows) if steps is None else steps
    if algo and not algo.offline:
        if not online_steps:
            raise UsageError(f"{algo.name} has no offline phase; give --online-steps")
        steps = 0
    if algo and not algo.online:
        online_steps = 0
    plan = Plan(
        offline_steps=steps,
        online_steps=online_steps,
        eval_every=eval_every or max(1, min(usual.eval_every, -(-steps // 10))),
        online_eval_every=online_eval_every or max(1, min(usual.online_eval_every, -(-online_steps // 10))),
        eval_episodes=eval_episodes or (task.eval_episodes if task else 1),
    )
    if plan.offline_steps + plan.online_steps == 0:
        raise UsageError(f"{plan.offline_steps} offline and {plan.online_steps} online steps; give at least one")
    return plan
