"""Where ants shall go: shortest paths through a maze as one waypoint after another, as D4RL's collector has them."""

from __future__ import annotations

import numpy as np

from pars.envs.maze import Maze

Array = np.ndarray

OFFSET = 1.0  # metres; waypoints on the way lie up to so far from a cell's centre along +x and +y
WANDER = 1.5  # metres; half width of the square around the goal cell's centre in which who arrived wanders about
ARRIVED = 0.5  # metres from a waypoint in the goal's cell; then the next one there is drawn


class Guide:
    """Directions for n ants, each on its way to the cell it was sent to. There it wanders about."""

    def __init__(self, maze: Maze, n: int):
        self.maze = maze
        self.rngs = [np.random.default_rng(0)] * n
        self.goal, self.target = np.zeros((n, 2), np.int64), np.full((n, 2), -1)
        self.waypoint = np.zeros((n, 2))

    def send(self, i: int, goal: Array, rng: np.random.Generator) -> None:
        """Send ant i to the cell `goal` [2]; its waypoints are drawn from `rng`."""
        self.goal[i], self.target[i], self.rngs[i] = goal, -1, rng

    def directions(self, index: Array, position: Array) -> Array:
        """The ants `index` [k] at positions [k, 2] -> [k] in radians."""
        cell, goal = self.maze.cell_of(position), self.goal[index]
        following = self.maze.next_cell[goal[:, 0], goal[:, 1], cell[:, 0], cell[:, 1]]
        near = np.linalg.norm(self.waypoint[index] - position, axis=1) < ARRIVED
        there = (cell == goal).all(axis=1)
        for k in np.flatnonzero((following != self.target[index]).any(axis=1) | (there & near)):
            i = index[k]
            low, high = (-WANDER, WANDER) if there[k] else (0.0, OFFSET)
            self.target[i] = following[k]
            self.waypoint[i] = self.maze.xy(following[k]) + self.rngs[i].uniform(low, high, 2)
        offset = self.waypoint[index] - position
        return np.arctan2(offset[:, 1], offset[:, 0])
