"""AntMaze: the ant's model against D4RL's numbers, and resets, goals, rewards and ends by hand."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from pars.envs import make_task
from pars.envs.antmaze import FIXED_GOAL_SEED, AntMaze, ant_xml, draw_goal
from pars.envs.engine import compile_model
from pars.envs.maze import MAPS, Maze
from pars.errors import UsageError

EVERYONE = np.arange(200)


def maze(name: str) -> Maze:
    return Maze.named(name, cell=4.0, goal_radius=0.5)


def test_the_model_is_d4rls_ant() -> None:
    model = compile_model(ant_xml(maze("umaze")), "stock")
    assert (model.nq, model.nv, model.nu) == (15, 14, 8)
    assert model.opt.timestep == 0.02 and model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
    np.testing.assert_array_equal(model.actuator_ctrlrange, np.tile([-30.0, 30.0], (8, 1)))
    np.testing.assert_array_equal(model.actuator_gear[:, 0], 1.0)
    np.testing.assert_allclose(model.geom_solref, np.tile([0.02, 1.0], (model.ngeom, 1)))
    np.testing.assert_allclose(model.geom_solimp[:, :3], np.tile([0.8, 0.8, 0.01], (model.ngeom, 1)))
    np.testing.assert_allclose(model.geom_margin, 0.01)
    order = [model.joint(model.actuator(i).trnid[0]).name for i in range(8)]
    assert order == ["hip_4", "ankle_4", "hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3"]


@pytest.mark.parametrize(
    ("name", "goal", "free"),
    [("umaze", (0, 8), 7), ("medium", (20, 20), 26), ("large", (32, 24), 46), ("ultra", (52, 36), 89)],
)
def test_walls_and_goals_are_where_d4rl_has_them(name: str, goal: tuple[int, int], free: int) -> None:
    m = maze(name)
    assert tuple(m.goal) == goal and len(m.free_cells) == free
    model = compile_model(ant_xml(m))
    boxes = model.geom_type == mujoco.mjtGeom.mjGEOM_BOX
    np.testing.assert_allclose(model.geom_size[boxes], np.tile([2.0, 2.0, 1.0], (boxes.sum(), 1)))
    np.testing.assert_allclose(model.geom_pos[boxes][:, 2], 1.0)
    assert boxes.sum() == m.wall.sum() and set(map(tuple, m.cell_of(model.geom_pos[boxes][:, :2]).tolist())) == set(
        map(tuple, np.argwhere(m.wall).tolist())
    )


@pytest.mark.parametrize(("name", "cells"), [("umaze", 6), ("medium", 10), ("large", 14), ("ultra", 22)])
def test_shortest_paths(name: str, cells: int) -> None:
    m = maze(name)
    assert m.steps_to[m.goal_cell][m.start_cell] == cells


def test_resets_are_noisy_and_quaternions_have_length_one() -> None:
    env = AntMaze(maze("medium"), 200)
    obs = env.reset(EVERYONE, EVERYONE)
    offset = env.physics.qpos - env.rest
    joints = np.r_[0:3, 7:15]
    assert np.abs(offset[:, joints]).max() <= 0.1 and np.abs(offset[:, joints]).max() > 0.099
    np.testing.assert_allclose(np.linalg.norm(env.physics.qpos[:, 3:7], axis=1), 1.0, rtol=1e-12)
    assert env.physics.qvel.std() == pytest.approx(0.1, rel=0.05)
    assert obs.shape == (200, 29) and env.rest[2] == pytest.approx(0.75)
    np.testing.assert_allclose(obs, np.concatenate([env.physics.qpos, env.physics.qvel], axis=1), rtol=1e-6)
    stock = AntMaze(maze("medium"), 200, mode="stock")
    stock.reset(EVERYONE, EVERYONE)
    assert np.ptp(np.linalg.norm(stock.physics.qpos[:, 3:7], axis=1)) > 0.05, "as newer engines leave them"


def test_goals_are_drawn_at_every_reset_within_their_offsets() -> None:
    for name, low, high in (("large", 0.0, 1.5), ("ultra", -1.0, 0.5)):
        env = AntMaze(maze(name), 200)
        env.reset(EVERYONE, EVERYONE)
        offset = env.goals - env.maze.goal
        assert offset.min() >= low and offset.max() <= high and np.ptp(offset) > 1.2
        before = env.goals.copy()
        env.reset(EVERYONE[:1], np.array([7]))
        assert not np.allclose(env.goals[0], before[0]) and np.allclose(env.goals[1:], before[1:])


def test_a_fixed_goal_stays() -> None:
    env = AntMaze(maze("ultra"), 3, goal="fixed")
    env.reset(EVERYONE[:3], EVERYONE[:3])
    np.testing.assert_array_equal(
        env.goals, np.tile(draw_goal(env.maze, np.random.default_rng(FIXED_GOAL_SEED)), (3, 1))
    )


def test_the_reward_is_for_the_position_after_the_step_and_ends_the_task() -> None:
    env = AntMaze(maze("umaze"), 2)
    env.reset(EVERYONE[:2], EVERYONE[:2])
    qpos = np.tile(env.rest, (2, 1))
    qpos[0, :2] = env.goals[0] + [0.3, 0.3]  # 0.42 away
    qpos[1, :2] = env.goals[1] - [0.0, 0.8]
    env.place(EVERYONE[:2], qpos, np.zeros((2, 14)))
    result = env.step(EVERYONE[:2], np.zeros((2, 8)))
    assert result.reward.tolist() == [1.0, 0.0] and result.terminal.tolist() == [True, False]


def test_a_fallen_ant_goes_on() -> None:
    env = AntMaze(maze("umaze"), 1)
    env.reset(EVERYONE[:1], EVERYONE[:1])
    qpos = env.rest[None].copy()
    qpos[0, 2:7] = [0.3, 0, 1, 0, 0]
    env.place(EVERYONE[:1], qpos, np.zeros((1, 14)))
    for _ in range(20):
        result = env.step(EVERYONE[:1], np.zeros((1, 8)))
    assert not result.terminal[0]


@pytest.mark.parametrize(
    ("name", "limit"),
    [("umaze-v2", 700), ("medium-play-v2", 1000), ("large-diverse-v2", 1000), ("ultra-play-v0", 2000)],
)
def test_time_limits(name: str, limit: int) -> None:
    assert make_task(f"antmaze-{name}").time_limit == limit


def test_the_score_states_physics_and_goal() -> None:
    assert make_task("antmaze-umaze-v2").physics == "d4rl"
    assert make_task("antmaze-ultra-play-v0", physics="stock", goal="fixed").physics == "stock, fixed goal"
    with pytest.raises(UsageError, match="goal='moving'; choose episode"):
        make_task("antmaze-umaze-v2", goal="moving").make(1)


def test_ultra_has_holes_nowhere() -> None:
    wall = maze("ultra").wall
    assert wall[0].all() and wall[-1].all() and wall[:, 0].all() and wall[:, -1].all()
    assert {len(row) for row in MAPS["ultra"]} == {16}
