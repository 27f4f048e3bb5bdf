"""The world in which our walking ant learns: D4RL's large maze, where it is sent from cell to cell.

What it sees is turned so that the wanted direction is +x, so one skill, walking along +x from any heading, serves all
directions. It does not see the walls: it learns to walk so that touching one does not throw it over. Reward: speed in
m/s along the wanted direction. An episode ends when the torso leaves heights of 0.2 to 1 m or is upside down.
"""

from __future__ import annotations

import numpy as np

from pars.collect.guide import Guide
from pars.envs.antmaze import CELL, GOAL_RADIUS, Ant, draw_goal
from pars.envs.base import Array, StepResult
from pars.envs.maze import Maze

SEEN = 27  # height, quaternion, 8 joint angles, 14 velocities
TIME_LIMIT = 300  # actions
HEIGHT = (0.2, 1.0)  # metres
SECONDS = 0.1  # per action


class GuidedAnt(Ant):
    """n ants in the large maze, each on its way to a cell, with any heading at the start."""

    def __init__(self, n: int, threads: int | None = None) -> None:
        maze = Maze.named("large", cell=CELL, goal_radius=GOAL_RADIUS)
        super().__init__(maze, n, time_limit=TIME_LIMIT, threads=threads)
        self.maze, self.guide = maze, Guide(maze, n)
        self.direction = np.zeros(n)  # wanted, in radians

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        qpos, qvel = super().start(i, rng)
        qpos[3:7] = turned(qpos[3:7], rng.uniform(-np.pi, np.pi))
        qpos[:2] += self.maze.xy(self.maze.free_cells[rng.integers(len(self.maze.free_cells))])
        self.send(i, rng)
        return qpos, qvel

    def send(self, i: int, rng: np.random.Generator) -> None:
        """Send ant i to any cell."""
        cell = self.maze.free_cells[rng.integers(len(self.maze.free_cells))]
        self.guide.send(i, draw_goal(self.maze, rng, tuple(cell)), rng)

    def step(self, index: Array, action: Array) -> StepResult:
        """One action for each of the ants `index` [k], paid along the direction it was shown."""
        before, direction = self.physics.qpos[index, :2], self.direction[index]
        self._before, self._along = before, np.stack([np.cos(direction), np.sin(direction)], axis=1)
        return super().step(index, action)

    def observe(self, index: Array) -> Array:
        qpos, qvel = self.physics.qpos[index], self.physics.qvel[index]
        left = np.linalg.norm(self.guide.point[index] - qpos[:, :2], axis=1)
        for i in index[left <= GOAL_RADIUS]:  # on to the next cell
            self.send(i, self.guide.rngs[i])
        offset = self.guide.offsets(index, qpos[:, :2])
        self.direction[index] = np.arctan2(offset[:, 1], offset[:, 0])
        return seen(qpos, qvel, self.direction[index])

    def outcome(self, index: Array) -> tuple[Array, Array]:
        qpos = self.physics.qpos[index]
        speed = ((qpos[:, :2] - self._before) * self._along).sum(axis=1) / SECONDS
        standing = (qpos[:, 2] > HEIGHT[0]) & (qpos[:, 2] < HEIGHT[1]) & (upright(qpos[:, 3:7]) > 0)
        return speed, ~standing


def upright(quaternion: Array) -> Array:
    """Cosine of the angle between the body's axis and the vertical. [.., 4] -> [..]"""
    return 1.0 - 2.0 * (quaternion[..., 1] ** 2 + quaternion[..., 2] ** 2)


def turned(quaternion: Array, angle: Array | float) -> Array:
    """Quaternions [.., 4] of bodies turned by `angle` [..] about the vertical."""
    c, s = np.cos(np.asarray(angle) / 2), np.sin(np.asarray(angle) / 2)
    w, x, y, z = np.moveaxis(quaternion, -1, 0)
    return np.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], axis=-1)


def seen(qpos: Array, qvel: Array, direction: Array) -> Array:
    """What the skill sees of ants that shall walk in `direction` [n] (radians). qpos [n, 15], qvel [n, 14] -> [n, 27].

    Positions are left out. The quaternion's sign is fixed: q and -q are the same posture. Angular velocities are in
    the body's frame already.
    """
    quaternion = turned(qpos[:, 3:7], -direction)
    quaternion = np.where(quaternion[:, :1] < 0, -quaternion, quaternion)
    c, s = np.cos(direction), np.sin(direction)
    along, across = c * qvel[:, 0] + s * qvel[:, 1], c * qvel[:, 1] - s * qvel[:, 0]
    parts = [qpos[:, 2:3], quaternion, qpos[:, 7:], along[:, None], across[:, None], qvel[:, 2:]]
    return np.concatenate(parts, axis=1).astype(np.float32)
