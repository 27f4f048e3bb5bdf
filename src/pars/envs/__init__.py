"""Tasks: batched environments, their scores, and the registry of ids."""

from pars.envs.base import BatchEnv, StepResult, Task
from pars.envs.face import TaskEnv, register
from pars.envs.maze import MAPS, Maze
from pars.envs.registry import TASKS, list_tasks, make_task

__all__ = ["MAPS", "TASKS", "BatchEnv", "Maze", "StepResult", "Task", "TaskEnv", "list_tasks", "make_task"]

register()  # with Gymnasium, whose entry points for plugins are gone since 1.0
