"""AntMaze of D4RL (Fu et al. 2020, arXiv 2004.07219), and its ultra map (Jiang et al. 2023, arXiv 2208.10291).

An ant walks from the map's start to its goal: 29 numbers seen (position, posture, velocities; no goal, no contact
forces), 8 torques of up to 30 N m, ten actions a second. Reward 1 and end of the task within half a metre of the goal,
else 0; a fallen ant goes on.

The goal is drawn around the goal cell's centre: D4RL's v2 tasks draw it at every reset, ultra's v0 once when the
environment is made and with other offsets. `goal="episode"` (the default, also for ultra: the score then averages over
goals instead of depending on one) or `goal="fixed"`.
"""

import re
from typing import Literal, get_args

import mujoco
import numpy as np

from pars.envs.assets import gymnasium_xml
from pars.envs.base import Array, MujocoBatch, Task
from pars.envs.engine import MODES, Mode, compile_model
from pars.envs.maze import Maze
from pars.errors import UsageError

Goal = Literal["episode", "fixed"]

CELL = 4.0  # metres
GOAL_RADIUS = 0.5  # metres
TORQUE = 30.0  # N m, of an action of 1
FRAME_SKIP = 5  # simulator steps of 0.02 s per action
TIME_LIMIT = {"umaze": 700, "medium": 1000, "large": 1000, "ultra": 2000}  # actions
FIXED_GOAL_SEED = 0

WALL = '<geom type="box" pos="{} {} 1" size="{} {} 1" contype="1" conaffinity="1" rgba="0.4 0.4 0.4 1"/>'


def ant_xml(maze: Maze | None) -> str:
    """MJCF of D4RL's ant, which is gym's with a longer time step, softer contacts and weaker motors, with walls."""
    xml = gymnasium_xml("ant.xml")
    changes = (
        (r'timestep="0\.01"', 'timestep="0.02"'),
        (r'<geom conaffinity="0" condim="3"', '<geom solref=".02 1" solimp=".8 .8 .01" conaffinity="0" condim="3"'),
        (r'ctrlrange="-1\.0 1\.0"', f'ctrlrange="-{TORQUE:g} {TORQUE:g}"'),
        (r' gear="150"', ' gear="1"'),
        (r"</worldbody>", "\n".join(WALL.format(*block) for block in (maze.blocks() if maze else [])) + "</worldbody>"),
    )
    for pattern, replacement in changes:
        xml, count = re.subn(pattern, replacement, xml)
        if not count:
            raise ValueError(f"Gymnasium's ant.xml has changed: no {pattern} in it")
    return xml


class Ant(MujocoBatch):
    """n ants; a subclass pays them."""

    def __init__(
        self, maze: Maze | None, n: int, *, time_limit: int, mode: Mode = "d4rl", threads: int | None = None
    ) -> None:
        model = compile_model(ant_xml(maze), mode)
        super().__init__(model, n, frame_skip=FRAME_SKIP, time_limit=time_limit, threads=threads)
        self.mode = mode
        self.rest = mujoco.MjData(model).qpos.copy()  # [15]

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        qpos = self.rest + rng.uniform(-0.1, 0.1, 15)
        if self.mode == "d4rl":  # MuJoCo <= 3.1 normalised the quaternion in qpos itself
            qpos[3:7] /= np.linalg.norm(qpos[3:7])
        return qpos, 0.1 * rng.standard_normal(14)

    def control(self, action: Array) -> Array:
        return TORQUE * action

    def observe(self, index: Array) -> Array:
        return self.physics.state[index, 1:30].astype(np.float32)

    def shown(self, obs: Array) -> tuple[Array, Array]:
        return obs[:, :15], obs[:, 15:]


class AntMaze(Ant):
    """n ants in one maze. `goals` [n, 2] are their goals' positions."""

    goals: Array

    def __init__(
        self, maze: Maze, n: int, *, goal: Goal = "episode", mode: Mode = "d4rl", threads: int | None = None
    ) -> None:
        if goal not in get_args(Goal):
            raise UsageError(f"goal={goal!r}; choose episode (drawn at every reset) or fixed (drawn once)")
        super().__init__(maze, n, time_limit=TIME_LIMIT[maze.name], mode=mode, threads=threads)
        self.maze, self.goal = maze, goal
        self.goals = np.tile(draw_goal(maze, np.random.default_rng(FIXED_GOAL_SEED)), (n, 1))

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        start = super().start(i, rng)
        if self.goal == "episode":
            self.goals[i] = draw_goal(self.maze, rng)
        return start

    def outcome(self, index: Array) -> tuple[Array, Array]:
        offset = self.physics.qpos[index, :2] - self.goals[index]
        arrived = np.linalg.norm(offset, axis=1) <= self.maze.goal_radius
        return arrived.astype(np.float32), arrived


def draw_goal(maze: Maze, rng: np.random.Generator, cell: tuple[int, int] | None = None) -> Array:
    """A goal [2] around a cell's centre, by default the goal cell's: up to 1.5 m further along x and y.

    On ultra between -1 and 0.5 m.
    """
    centre = maze.goal if cell is None else maze.xy(np.array(cell))
    if maze.name == "ultra":
        return centre - 0.5 + (rng.uniform(0, 1, 2) - 0.5) + rng.uniform(0, 0.5, 2)
    return np.maximum(centre + rng.uniform(0, 1, 2) + rng.uniform(0, 0.5, 2), 0.0)


def antmaze(
    task_id: str, map_name: str, *, mode: Mode = "d4rl", goal: Goal = "episode", dataset: str | None = None
) -> Task:
    """The AntMaze task on one of D4RL's maps. The score is the success rate in percent."""
    maze = Maze.named(map_name, cell=CELL, goal_radius=GOAL_RADIUS)
    return Task(
        id=task_id,
        family="antmaze",
        obs_dim=29,
        action_dim=8,
        time_limit=TIME_LIMIT[map_name],
        reference=(0.0, 1.0),
        eval_episodes=100,
        dataset=dataset,
        max_return=1.0,
        physics=mode if goal == "episode" else f"{mode}, fixed goal",
        modes=MODES,
        goal_choices=get_args(Goal),
        maze=maze,
        goal_dim=2,
        make=lambda n, threads=None: AntMaze(maze, n, goal=goal, mode=mode, threads=threads),
    )
