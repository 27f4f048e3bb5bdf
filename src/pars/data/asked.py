"""What may be asked of a dataset that is collected: how many rows, and which draw."""

from pars import system
from pars.config import check_whole
from pars.envs.base import Task

LEAST = 2  # rows
COPIES = 2  # of the rows in memory at the end: step by step, and one column after another


def check_asked(task: Task, rows: int | None, seed: int) -> None:
    """Raises UsageError for numbers that make no dataset, ResourceError for more rows than there is memory for: all are
    kept until the file is written. rows: None, as many as the recipe makes."""
    check_whole("rows", rows, LEAST)
    check_whole("seed", seed, 0)
    system.check_memory(f"rows={rows} of {task.id}", COPIES * (rows or 0) * 4 * (task.obs_dim + task.action_dim + 1))
