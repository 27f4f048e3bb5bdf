"""AntMaze of OGBench (Park et al. 2025, arXiv 2410.20092): D4RL's ant with five tasks for each map, from one cell to
another.

Start and goal are drawn around their cells' centres, a metre at most along x and y; an episode has 1000 actions.
`goal="episode"` (the default) draws one of the five at every reset, "task1" to "task5" is one of them alone, and
"single1" to "single5" are those of its single-task sets, whose goal stands in the middle of its cell. In all of them a
step is paid 1 at the goal, where the task ends, and else 0: the score is the success rate.

Maps, cells, noise and limits are those of seohongpark/ogbench 1d41409, ogbench/locomaze. Its data come from MuJoCo as
it is today, so `stock` is the default physics.
"""

from typing import get_args

import numpy as np

from pars.envs.antmaze import CELL, GOAL_RADIUS, Ant, AntMaze
from pars.envs.base import Array, Task
from pars.envs.engine import Mode
from pars.envs.maze import Maze
from pars.errors import UsageError

TIME_LIMIT = 1000  # actions
NOISE = 1.0  # metres, of starts and goals
Cell = tuple[int, int]  # row, column
CELLS: dict[str, tuple[tuple[Cell, Cell], ...]] = {  # start and goal of each task
    "medium": (((1, 1), (6, 6)), ((6, 1), (1, 6)), ((5, 3), (4, 2)), ((6, 5), (6, 1)), ((2, 6), (1, 1))),
    "large": (((1, 1), (7, 10)), ((5, 4), (7, 1)), ((7, 4), (1, 10)), ((3, 8), (5, 4)), ((1, 1), (5, 4))),
    "giant": (((1, 1), (10, 14)), ((1, 14), (10, 1)), ((8, 14), (1, 1)), ((8, 3), (5, 12)), ((5, 9), (3, 8))),
}
GOALS = ("episode", *(f"{kind}{i}" for kind in ("task", "single") for i in range(1, 6)))


class TaskMaze(AntMaze):
    """n ants, each between the cells of a task."""

    def __init__(
        self, maze: Maze, n: int, *, goal: str = "episode", mode: Mode = "stock", threads: int | None = None
    ) -> None:
        if goal not in GOALS:
            raise UsageError(f"goal={goal!r}; choose {', '.join(GOALS)}")
        Ant.__init__(self, maze, n, time_limit=TIME_LIMIT, mode=mode, threads=threads)
        self.maze, self.cells = maze, CELLS[maze.name]
        self.number = None if goal == "episode" else int(goal[-1]) - 1  # None: drawn
        self.noise = 0.0 if goal.startswith("single") else NOISE  # of goals
        self.goals = np.tile(maze.goal, (n, 1))

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        qpos, qvel = Ant.start(self, i, rng)
        start, goal = self.cells[rng.integers(len(self.cells)) if self.number is None else self.number]
        qpos[:2] = self.maze.xy(np.array(start)) + rng.uniform(-NOISE, NOISE, 2)
        self.goals[i] = self.maze.xy(np.array(goal)) + self.noise * rng.uniform(-1.0, 1.0, 2)
        return qpos, qvel


def ogbench_antmaze(task_id: str, map_name: str, *, mode: Mode = "stock", goal: str = "episode") -> Task:
    """The five tasks of one of OGBench's maps, or one of them. The score is the success rate in percent."""
    maze = Maze.named(map_name, cell=CELL, goal_radius=GOAL_RADIUS)
    return Task(
        id=task_id,
        family="antmaze",
        obs_dim=29,
        action_dim=8,
        time_limit=TIME_LIMIT,
        reference=(0.0, 1.0),
        eval_episodes=100,
        dataset=None,
        max_return=1.0,
        physics=mode if goal == "episode" else f"{mode}, {goal}",
        modes=("stock", *(name for name in get_args(Mode) if name != "stock")),
        goal_choices=GOALS,
        maze=maze,
        goal_dim=2,
        make=lambda n, threads=None: TaskMaze(maze, n, goal=goal, mode=mode, threads=threads),
    )
