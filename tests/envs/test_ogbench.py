"""OGBench's tasks for AntMaze: cells, starts, goals and ends."""

from __future__ import annotations

import numpy as np
import pytest

from pars.envs import make_task
from pars.envs.ogbench import CELLS, NOISE, TaskMaze
from pars.errors import UsageError

EVERYONE = np.arange(200)


def drawn(task_id: str, **options: str) -> tuple[TaskMaze, np.ndarray, np.ndarray]:
    """The environments, and of each start and goal in cells [200, 2] (row, column), not rounded."""
    env = make_task(task_id, **options).make(200)
    assert isinstance(env, TaskMaze)
    obs = env.reset(EVERYONE, EVERYONE)
    found = [xy[:, ::-1] / env.maze.cell + env.maze.start_cell for xy in (obs[:, :2], env.goals)]
    env.close()
    return env, *found


@pytest.mark.parametrize("name", CELLS)
def test_every_task_leads_from_a_free_cell_to_one_that_it_reaches(name: str) -> None:
    task = make_task(f"antmaze-{name}-v0")
    assert task.maze is not None and (task.time_limit, task.physics, task.dataset) == (1000, "stock", None)
    far = [task.maze.steps_to[*goal, *start] for start, goal in CELLS[name]]
    assert len(far) == 5 and min(far) > 0 and (name != "giant" or far == [30, 26, 30, 26, 17])


def test_an_episode_has_one_of_five_tasks_and_noise_of_a_metre() -> None:
    env, start, goal = drawn("antmaze-giant-v0")
    near = [np.abs(start - a).max(axis=1) + np.abs(goal - b).max(axis=1) < 1.0 for a, b in CELLS["giant"]]
    assert (np.sum(near, axis=0) == 1).all() and min(np.mean(near, axis=1)) > 0.1
    off = np.abs(
        np.stack([start, goal]) - np.array([CELLS["giant"][i] for i in np.argmax(near, axis=0)]).swapaxes(0, 1)
    )
    assert 0.9 * NOISE < env.maze.cell * off.max() <= NOISE and np.abs(off.mean() - NOISE / 2 / env.maze.cell) < 0.02


def test_one_task_alone_and_without_noise_of_its_goal() -> None:
    _, start, goal = drawn("antmaze-large-v0", goal="task3")
    assert np.abs(start - (7, 4)).max() < 0.26 and 0.2 < np.abs(goal - (1, 10)).max() < 0.26
    _, start, goal = drawn("antmaze-large-v0", goal="single3")
    assert np.abs(start - (7, 4)).max() > 0.2 and (goal == (1, 10)).all()
    assert make_task("antmaze-large-v0", goal="single3").physics == "stock, single3"


def test_it_ends_at_the_goal() -> None:
    env = make_task("antmaze-medium-v0").make(2)
    env.reset(EVERYONE[:2], EVERYONE[:2])
    env.physics.qpos[0, :2] = env.goals[0]
    result = env.step(EVERYONE[:2], np.zeros((2, 8)))
    assert result.reward.tolist() == [1.0, 0.0] and result.terminal.tolist() == [True, False]
    env.close()


def test_goals_that_there_are_not_are_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"antmaze-giant-v0: goal='fixed'; choose episode, task1, .*single5"):
        make_task("antmaze-giant-v0", goal="fixed")
    with pytest.raises(UsageError, match=r"antmaze-large-play-v2: goal='task1'; choose episode, fixed"):
        make_task("antmaze-large-play-v2", goal="task1")
