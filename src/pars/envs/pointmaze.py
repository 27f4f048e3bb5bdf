"""PointMaze: a MuJoCo point mass in D4RL's mazes with one fixed goal and a sparse reward.

Observation x, y, vx, vy; two actions, forces along x and y. Reward 1 and end of the task on arrival, else 0. The mass,
its drive and its velocity limit are those of the published PointMaze environments.

Departures from them:
1. One action lasts 5 simulator steps (20 Hz instead of 100 Hz), so that single actions matter to the value.
2. Episodes start in a random free cell (`start="map"`: in the map's start cell) and end at the goal.
3. The frame is AntMaze's: the start cell is the origin.
"""

from typing import Literal

import mujoco
import numpy as np

from pars.envs.base import Array, MujocoBatch, Task, within
from pars.envs.maze import Maze

Start = Literal["random", "map"]

FRAME_SKIP = 5  # simulator steps of 0.01 s per action
MAX_SPEED = 5.0  # per axis
START_NOISE = 0.25  # half width of the square around a cell's centre in which episodes start
GOAL_RADIUS = 0.45
TIME_LIMIT = {"umaze": 120, "medium": 240, "large": 320}  # actions

XML = """
<mujoco model="pointmaze">
  <option timestep="0.01" gravity="0 0 0" integrator="Euler"/>
  <default><geom condim="1" margin="0.002" density="1000"/></default>
  <worldbody>
    {walls}
    <body name="point">
      <joint name="x" type="slide" axis="1 0 0" damping="1"/>
      <joint name="y" type="slide" axis="0 1 0" damping="1"/>
      <geom name="point" type="sphere" size="0.1" contype="1" conaffinity="0"/>
    </body>
  </worldbody>
  <actuator>
    <motor joint="x" gear="100" ctrllimited="true" ctrlrange="-1 1"/>
    <motor joint="y" gear="100" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"""


def model_xml(maze: Maze) -> str:
    """MJCF of the point mass and the maze's walls."""
    box = '<geom type="box" pos="{} {} 0" size="{} {} 0.5" contype="0" conaffinity="1"/>'
    return XML.format(walls="\n    ".join(box.format(*wall) for wall in maze.walls()))


class PointMaze(MujocoBatch):
    """n point masses in one maze."""

    def __init__(self, maze: Maze, n: int, *, start: Start = "random", threads: int | None = None) -> None:
        model = mujoco.MjModel.from_xml_string(model_xml(maze))
        super().__init__(model, n, frame_skip=FRAME_SKIP, time_limit=TIME_LIMIT[maze.name], threads=threads)
        self.maze, self.goals = maze, np.tile(maze.goal, (n, 1))
        free = maze.free_cells
        cells = free[(free != maze.goal_cell).any(axis=1)] if start == "random" else np.array([maze.start_cell])
        self._starts = maze.xy(cells)

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        centre = self._starts[rng.integers(len(self._starts))]
        return centre + rng.uniform(-START_NOISE, START_NOISE, 2), np.zeros(2)

    def constrain(self, index: Array) -> None:
        self.physics.qvel[index] = within(self.physics.qvel[index], MAX_SPEED)

    def observe(self, index: Array) -> Array:
        return self.physics.state[index, 1:5].astype(np.float32)

    def outcome(self, index: Array) -> tuple[Array, Array]:
        offset = self.physics.qpos[index] - self.maze.goal
        arrived = (offset**2).sum(axis=1) <= self.maze.goal_radius**2
        return arrived.astype(np.float32), arrived


def pointmaze(task_id: str, map_name: str, *, start: Start = "random", dataset: str | None = None) -> Task:
    """The PointMaze task on one of D4RL's maps. The score is the success rate in percent."""
    maze = Maze.named(map_name, cell=1.0, goal_radius=GOAL_RADIUS)
    return Task(
        id=task_id,
        family="pointmaze",
        obs_dim=4,
        action_dim=2,
        time_limit=TIME_LIMIT[map_name],
        reference=(0.0, 1.0),
        eval_episodes=100,
        dataset=dataset,
        max_return=1.0,
        physics="stock",
        maze=maze,
        goal_dim=2,
        make=lambda n, threads=None: PointMaze(maze, n, start=start, threads=threads),
    )
