"""Where ants shall go: shortest paths through a maze as one waypoint after another, as D4RL's collector has them.

A cell counts from its centre to the next one's (`int(1 + x / 4)` there), so turns come half a cell late; a waypoint is
drawn anew at every step; in the goal's cell the way goes straight to the goal. (D4RL, scripts/generation and maze_env.)
"""

from __future__ import annotations

import numpy as np

from pars.envs.maze import MOVES, Maze

Array = np.ndarray

OFFSET = 1.0  # metres; waypoints on the way lie up to so far from a cell's centre along +x and +y


class Guide:
    """The ways of n ants, each to the point it was sent to."""

    def __init__(self, maze: Maze, n: int):
        self.maze, self.following = maze, _following(maze)
        self.rngs = [np.random.default_rng(0)] * n
        self.point, self.goal = np.zeros((n, 2)), np.zeros((n, 2), np.int64)

    def send(self, i: int, point: Array, rng: np.random.Generator) -> None:
        """Send ant i to the position `point` [2]; its waypoints are drawn from `rng`."""
        self.point[i], self.goal[i], self.rngs[i] = point, self.cell_of(point), rng

    def cell_of(self, position: Array) -> Array:
        """Cells [.., 2] of positions [.., 2] as the collector counts; ultra's, by Jiang et al., as the maze does."""
        if self.maze.name == "ultra":
            return self.maze.cell_of(position)
        return self.maze.cell_of(np.maximum(position, 1e-4) - self.maze.cell / 2)

    def offsets(self, index: Array, position: Array) -> Array:
        """From the ants `index` [k] at positions [k, 2] to their next waypoints. -> [k, 2] metres"""
        cell, goal = self.cell_of(position), self.goal[index]
        following = self.following[goal[:, 0], goal[:, 1], cell[:, 0], cell[:, 1]]
        drawn = np.stack([self.rngs[i].uniform(0.0, OFFSET, 2) for i in index])
        last = (following == goal).all(axis=1, keepdims=True)
        return np.where(last, self.point[index], self.maze.xy(following) + drawn) - position


def _following(maze: Maze) -> Array:
    """`Maze.next_cell` with an answer for walls too: the free cell beside it that is nearest to the goal."""
    rows, columns = maze.wall.shape
    table = maze.next_cell.copy()
    for i, j in np.argwhere(maze.wall).tolist():
        beside = [(i + di, j + dj) for di, dj in MOVES if 0 <= i + di < rows and 0 <= j + dj < columns]
        beside = [cell for cell in beside if not maze.wall[cell]]
        for goal in map(tuple, maze.free_cells.tolist()) if beside else ():
            table[goal][i, j] = min(beside, key=lambda cell, goal=goal: maze.steps_to[goal][cell])  # type: ignore[misc]
    return table
