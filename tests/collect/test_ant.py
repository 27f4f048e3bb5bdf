"""What the walking ant is shown, and where it is sent."""

from __future__ import annotations

import numpy as np
import pytest

from pars.collect.ant import GuidedAnt, seen, turned, upright
from pars.collect.guide import OFFSET, Guide
from pars.envs.maze import Maze

RNG = np.random.default_rng(0)
MAZE = Maze.named("umaze", cell=4.0, goal_radius=0.5)


def rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_turning_ant_and_direction_together_shows_the_same() -> None:
    qpos, qvel = RNG.normal(size=(5, 15)), RNG.normal(size=(5, 14))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    direction = RNG.uniform(-3, 3, 5)
    angle = 1.1
    other_qpos, other_qvel = qpos.copy(), qvel.copy()
    other_qpos[:, 3:7] = turned(qpos[:, 3:7], angle)
    other_qpos[:, :2] += 7.0  # where it stands does not matter
    other_qvel[:, :2] = qvel[:, :2] @ rotation(angle).T
    np.testing.assert_allclose(seen(other_qpos, other_qvel, direction + angle), seen(qpos, qvel, direction), atol=1e-6)


def test_velocity_is_shown_along_and_across_the_direction() -> None:
    qpos, qvel = np.zeros((1, 15)), np.zeros((1, 14))
    qpos[:, 3], qvel[:, 1] = 1.0, 2.0  # moves along +y
    shown = seen(qpos, qvel, np.array([np.pi / 2]))
    np.testing.assert_allclose(shown[0, 13:15], [2.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(seen(qpos, qvel, np.array([0.0]))[0, 13:15], [0.0, 2.0], atol=1e-6)


def test_both_quaternions_of_a_posture_show_the_same() -> None:
    qpos, qvel = RNG.normal(size=(3, 15)), RNG.normal(size=(3, 14))
    other = qpos.copy()
    other[:, 3:7] *= -1
    np.testing.assert_array_equal(seen(qpos, qvel, np.ones(3)), seen(other, qvel, np.ones(3)))


@pytest.mark.parametrize(
    ("quaternion", "cosine"), [([1, 0, 0, 0], 1), ([0, 1, 0, 0], -1), ([0.5**0.5, 0, 0.5**0.5, 0], 0)]
)
def test_upright(quaternion: list[float], cosine: float) -> None:
    assert upright(np.array(quaternion)) == pytest.approx(cosine, abs=1e-12)


def test_the_guide_leads_along_the_shortest_path_and_to_its_point() -> None:
    guide, both = Guide(MAZE, 2), np.array([0, 1])
    point = MAZE.goal + np.array([0.3, 1.4])
    for i in both:
        guide.send(i, point, np.random.default_rng(i))
    position = np.array([[0.0, 0.0], [0.5, 8.0]])
    ahead = position + guide.offsets(both, position)
    assert (ahead[0] >= [4.0, 0.0]).all() and (ahead[0] <= [4.0 + OFFSET, OFFSET]).all()  # along +x
    np.testing.assert_allclose(ahead[1], point)  # in the goal's cell straight to the point
    again = position + guide.offsets(both, position)
    assert not np.allclose(again[0], ahead[0]), "a waypoint is drawn anew at every step"


def test_cells_count_from_centre_to_centre_but_on_ultra() -> None:
    position = np.array([[3.9, 0.0], [4.1, 0.0], [-1.0, -1.0]])
    assert Guide(MAZE, 1).cell_of(position).tolist() == [[1, 1], [1, 2], [1, 1]]
    ultra = Guide(Maze.named("ultra", cell=4.0, goal_radius=0.5), 1)
    assert ultra.cell_of(position).tolist() == [[1, 2], [1, 2], [1, 1]]


@pytest.mark.parametrize("name", ["umaze", "medium", "large", "ultra"])
def test_an_ant_whose_cell_counts_as_wall_is_led_to_the_free_cell_beside_it_that_is_nearest_the_goal(name: str) -> None:
    maze = Maze.named(name, cell=4.0, goal_radius=0.5)
    following = Guide(maze, 1).following
    for goal in map(tuple, maze.free_cells.tolist()):
        for wall in map(tuple, np.argwhere(maze.wall).tolist()):
            to = tuple(following[goal][wall].tolist())
            beside = [tuple(c) for c in maze.free_cells.tolist() if abs(c[0] - wall[0]) + abs(c[1] - wall[1]) == 1]
            assert to in beside if beside else to == wall
            if beside:
                assert maze.steps_to[goal][to] == min(maze.steps_to[goal][cell] for cell in beside)


def test_the_ant_is_paid_for_speed_along_the_direction_it_was_shown() -> None:
    env = GuidedAnt(2, threads=1)
    env.reset(np.arange(2), np.arange(2))
    before, shown = env.physics.qpos[:, :2].copy(), env.direction.copy()
    result = env.step(np.arange(2), np.full((2, 8), 0.5))
    moved = env.physics.qpos[:, :2] - before
    expected = (moved * np.stack([np.cos(shown), np.sin(shown)], axis=1)).sum(axis=1) / 0.1
    np.testing.assert_allclose(result.reward, expected, rtol=1e-5)


def test_lying_on_its_back_ends_an_episode() -> None:
    env = GuidedAnt(1, threads=1)
    env.reset(np.arange(1), np.arange(1))
    qpos = env.physics.qpos.copy()
    qpos[0, 2:7] = [0.3, 0, 1, 0, 0]
    env.place(np.arange(1), qpos, np.zeros((1, 14)))
    assert env.step(np.arange(1), np.zeros((1, 8))).terminal[0]
