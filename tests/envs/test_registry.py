"""Task ids."""

import pytest

from pars.envs import TASKS, list_tasks, make_task
from pars.errors import UsageError


def test_every_task_is_itself():
    assert [task.id for task in list_tasks()] == list(TASKS)
    assert len(TASKS) == 8
    for task in list_tasks():
        assert task.dataset == task.id and task.maze is not None and task.maze.name in task.id


def test_protocols_of_a_map_share_the_evaluation():
    a, b = make_task("pointmaze-large-play"), make_task("pointmaze-large-diverse")
    assert a.maze == b.maze and a.time_limit == b.time_limit


def test_unknown_id_suggests():
    with pytest.raises(UsageError, match=r"unknown task 'pointmaze-larg-play'; did you mean pointmaze-large-play"):
        make_task("pointmaze-larg-play")
