"""The point mass against hand-computed physics, and the laws every batched environment keeps."""

import mujoco
import numpy as np
import pytest

from pars.envs import make_task
from pars.envs.maze import Maze
from pars.envs.pointmaze import FRAME_SKIP, GOAL_RADIUS, MAX_SPEED, PointMaze, model_xml

MASS = 4 / 3 * np.pi * 0.1**3 * 1000


def env(name: str = "umaze", n: int = 1, **options) -> PointMaze:
    return PointMaze(Maze.named(name, cell=1.0, goal_radius=GOAL_RADIUS), n, **options)


def only(*index: int) -> np.ndarray:
    return np.array(index)


def test_mass_and_drive_are_the_published_ones():
    model = mujoco.MjModel.from_xml_string(model_xml(env().maze))
    assert model.body_mass[1] == pytest.approx(MASS) == pytest.approx(4.18879, abs=1e-5)
    assert model.actuator_gear[:, 0].tolist() == [100, 100]
    assert model.opt.timestep == 0.01 and FRAME_SKIP == 5


def test_free_motion_by_hand():
    """Euler with implicit damping: v' = (m v + h f) / (m + h d), x' = x + h v'."""
    e = env()
    e.place(only(0), np.array([[0.0, 0.0]]), np.zeros((1, 2)))
    obs = e.step(only(0), np.array([[0.5, 0.0]])).obs[0]
    x, v = 0.0, 0.0
    for _ in range(5):
        v = (MASS * v + 0.01 * 50) / (MASS + 0.01)
        x += 0.01 * v
    assert obs.tolist() == pytest.approx([x, 0.0, v, 0.0], abs=1e-6)


def test_actions_are_clipped_and_nan_is_no_force(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    e = env(n=3)
    e.place(np.arange(3), np.zeros((3, 2)), np.zeros((3, 2)))
    obs = e.step(np.arange(3), np.array([[1.0, 0.0], [7.0, 0.0], [np.nan, 0.0]])).obs
    assert (obs[0] == obs[1]).all() and obs[0, 2] > 1
    assert obs[2].tolist() == [0, 0, 0, 0]
    assert not list(tmp_path.iterdir())  # MuJoCo wrote no log


def test_goals_are_the_maps():
    e = env(n=2)
    assert e.goals.tolist() == [e.maze.goal.tolist()] * 2


def test_velocity_is_limited():
    e = env("large")
    e.place(only(0), np.array([[0.0, 2.0]]), np.array([[4.5, 0.0]]))  # the long row of the map
    for _ in range(4):
        speed = e.step(only(0), np.array([[1.0, 0.0]])).obs[0, 2]
        assert speed == MAX_SPEED


def test_walls_hold():
    e = env()
    e.place(only(0), np.array([[0.0, 0.0]]), np.zeros((1, 2)))
    for _ in range(60):
        obs = e.step(only(0), np.array([[-1.0, -1.0]])).obs[0]
    assert obs[:2] == pytest.approx([-0.4, -0.4], abs=0.03)  # half a cell minus the radius


def test_reward_and_end_on_arrival_only():
    e = env(n=2)
    e.place(np.arange(2), np.array([[0.44, 2.0], [0.46, 2.0]]), np.zeros((2, 2)))  # the radius is .45
    result = e.step(np.arange(2), np.zeros((2, 2)))
    assert result.reward.tolist() == [1, 0] and result.terminal.tolist() == [True, False]
    assert result.reward.dtype == result.obs.dtype == np.float32 and not result.truncated.any()


@pytest.mark.parametrize(("name", "limit"), [("umaze", 120), ("medium", 240), ("large", 320)])
def test_time_limit_truncates_unless_the_task_ended(name, limit):
    e = env(name, n=3)
    e.reset(np.arange(3), np.arange(3))
    e.count[:] = limit - 2
    e.physics.qpos[2] = e.maze.goal
    assert not e.step(only(0), np.zeros((1, 2))).truncated.any()
    e.step(only(2), np.zeros((1, 2)))
    result = e.step(only(0, 2), np.zeros((2, 2)))
    assert result.truncated.tolist() == [True, False] and result.terminal.tolist() == [False, True]
    e.reset(only(0), only(5))
    assert not e.step(only(0), np.zeros((1, 2))).truncated.any()
    assert e.count.tolist() == [1, limit - 2, limit]


def test_starts_cover_all_free_cells_but_the_goal():
    e = env("medium", n=500)
    obs = e.reset(np.arange(500), np.arange(500))
    cells = e.maze.cell_of(obs[:, :2])
    visited = {tuple(c) for c in cells.tolist()}
    assert visited == {tuple(c) for c in e.maze.free_cells.tolist()} - {e.maze.goal_cell}
    assert np.abs(obs[:, :2] - e.maze.xy(cells)).max() <= 0.25 and not obs[:, 2:].any()


def test_start_map_is_the_start_cell():
    e = env("medium", n=50, start="map")
    obs = e.reset(np.arange(50), np.arange(50))
    assert np.abs(obs[:, :2]).max() <= 0.25 and len(np.unique(obs[:, 0])) == 50


def actions(steps: int, n: int) -> np.ndarray:
    """Pushes held for a while, so that walls are hit."""
    return np.repeat(np.random.default_rng(3).uniform(-1, 1, (steps // 6, n, 2)), 6, axis=0)


def trajectories(e: PointMaze, index: np.ndarray, seeds: np.ndarray, pushes: np.ndarray) -> np.ndarray:
    return np.stack([e.reset(index, seeds)] + [e.step(index, push).obs for push in pushes])


def test_bits_do_not_depend_on_threads_neighbours_or_history():
    pushes = actions(120, 40)
    seeds = np.arange(40)
    reference = trajectories(env("medium", 40, threads=1), seeds, seeds, pushes)
    many = env("medium", 40, threads=4)
    assert (trajectories(many, seeds, seeds, pushes) == reference).all()
    assert (trajectories(many, seeds, seeds, pushes) == reference).all()  # second use of the same object
    many.close()
    some = np.array([31, 2, 17])  # alone, in another order, in other slots
    alone = trajectories(env("medium", 3), np.array([2, 0, 1]), some, pushes[:, some])
    assert (alone == reference[:, some]).all()


def test_only_the_stepped_environments_move():
    e = env(n=4)
    before = e.reset(np.arange(4), np.arange(4))
    e.step(only(1, 3), np.ones((2, 2)))
    after = e.observe(np.arange(4))
    assert (after[[0, 2]] == before[[0, 2]]).all() and (after[[1, 3]] != before[[1, 3]]).any(axis=1).all()


def test_physics_is_that_of_mj_step():
    """The engine is a faster way to call mj_step, not another physics."""
    e = env("medium")
    e.reset(only(0), only(1))
    data = mujoco.MjData(e.physics.model)
    data.qpos[:] = e.physics.qpos[0]
    for push in actions(120, 1):
        data.ctrl[:] = push[0]
        mujoco.mj_step(e.physics.model, data, nstep=FRAME_SKIP)
        data.qvel[:] = np.clip(data.qvel, -MAX_SPEED, MAX_SPEED)
        e.step(only(0), push)
        np.testing.assert_allclose(e.physics.qpos[0], data.qpos, atol=1e-9)


def test_close_can_be_called_twice():
    e = env(n=20, threads=2)
    e.reset(np.arange(20), np.arange(20))
    e.step(np.arange(20), np.zeros((20, 2)))
    e.close()
    e.close()


def test_task_scores_success_in_percent():
    task = make_task("pointmaze-umaze-diverse")
    assert task.score(np.array([0.0, 1.0, 0.5])).tolist() == [0, 100, 50]
    assert (task.obs_dim, task.action_dim, task.time_limit, task.max_return) == (4, 2, 120, 1.0)
    batch = task.make(2)
    assert batch.reset(np.arange(2), np.arange(2)).shape == (2, 4)
    batch.close()
