"""What is asked for must fit the data, the task and the plan: refused before anything is trained or written."""

from __future__ import annotations

from pars.data import Dataset
from pars.envs.base import Task
from pars.errors import TaskError, UsageError
from pars.training.parts import sizes
from pars.training.plan import Group, Plan, Request, rounded
from pars.training.program import first_state


def check_group(group: Group, plan: Plan, request: Request) -> None:
    """Raises UsageError or TaskError where a group cannot be trained as it is planned."""
    _check_batches(group, plan)
    _check_rows(group, request.dataset)
    _check_goals(group, plan, request)


def _check_batches(group: Group, plan: Plan) -> None:
    cfg = group.configs[0]
    first = max(("random_steps", "learning_starts"), key=lambda name: getattr(cfg, name))
    if 0 < plan.online_steps <= getattr(cfg, first):
        raise UsageError(
            f"{group.algo.name} takes {first}={getattr(cfg, first)} environment steps before it learns, and "
            f"{plan.online_steps} online steps are planned; give more --online-steps or a smaller {first}"
        )
    if plan.online_steps and not group.algo.due(cfg, rounded(plan.online_steps, cfg.environments)):
        raise UsageError(
            f"{group.algo.name} takes its first gradient step later than after the {plan.online_steps} online steps "
            f"that are planned; give more --online-steps, or smaller settings (pars algos {group.algo.name})"
        )


def _check_rows(group: Group, dataset: Dataset) -> None:
    """Raises UsageError where a batch that was asked for is larger than the data."""
    size, usual, rows = group.configs[0].batch_size, group.algo.configure().batch_size, len(dataset.last)
    if group.algo.offline and size > max(rows, usual):
        raise UsageError(f"batch_size={size} is more than the {rows:,} rows of {dataset.name}; give at most {rows}")


def _check_goals(group: Group, plan: Plan, request: Request) -> None:
    """Raises what an algorithm that is shown goals says of a task or data that they do not fit, before anything is
    written."""
    task = request.task
    if group.algo.sees.goal and task and not task.goal_dim:
        raise TaskError(f"{task.id} has no goals to show to the policy; choose a task with goals (docs/tasks.md)")
    if group.algo.sees.goal:
        first_state(group.algo, group.configs[0], sizes(group, request.dataset, plan, task))


def check_widths(dataset: Dataset, task: Task | None) -> None:
    """Raises TaskError where the data are another task's."""
    if task is None:
        return
    widths = (dataset.columns.obs.shape[1], dataset.columns.action.shape[1])
    if widths != (task.obs_dim, task.action_dim):
        raise TaskError(
            f"{dataset.name} has observations and actions of widths {widths}, {task.id} has "
            f"{(task.obs_dim, task.action_dim)}; use the data of this task or another --env"
        )
