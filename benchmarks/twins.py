"""AntMaze twins against what is public about D4RL's files: `python -m benchmarks twins`.

Walkers: ours, and the one in the file that the environment variable PARS_WALKER names (docs/data.md, D4RL's for
instance). The evaluation goal is one draw, so the rewarded share is shown for the twin's own goal and over 40 others.
`--go-on` measures the other reading of D4RL's scripts as well: episodes that go on where they arrive.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import FOLDER, Column, lines, write_csv
from pars.collect import antmaze
from pars.collect.ant import upright
from pars.collect.walker import Walker, load_walker
from pars.data.yardsticks import PUBLIC
from pars.envs import make_task
from pars.envs.antmaze import draw_goal
from pars.envs.maze import Maze

GOALS = 40


def measure(dataset_id: str, walker: Walker, rows: int, *, ends: bool = True) -> dict[str, Any]:
    """One twin's numbers. ends: whether episodes end on arrival, as the twins' do."""
    task = make_task(dataset_id)
    assert task.maze is not None
    protocol, once = antmaze.protocol_of(dataset_id), ends and dataset_id == antmaze.ONCE
    columns = antmaze.collect(task.maze, protocol, rows, 0, walker=walker, once=once, ends=ends)
    last, found = columns["timeouts"].nonzero()[0], antmaze.measured(columns)
    shares = []
    for seed in range(GOALS):
        paid = antmaze.near(columns["observations"], draw_goal(task.maze, np.random.default_rng(seed)))
        shares.append(100 * (paid[1:] & ~columns["timeouts"][:-1]).mean())
    standing = upright(columns["infos/qpos"][:, 3:7]) > 0
    speed = np.linalg.norm(columns["infos/qvel"][standing, :2], axis=1)
    arrive, detour = arrivals(task.maze, columns)
    return {
        "rewarded": 100 * float(columns["rewards"].mean()),
        "goals": shares,
        "published": PUBLIC[dataset_id].rewarded,
        "arrive": arrive,
        "length": float(np.median(np.diff([-1, *last])[:-1])) if len(last) > 1 else None,  # the last may be cut
        "detour": detour,
        "back": found["upside_down"],
        "bound": found["saturated"],
        "speed": float(speed.mean()),
    }


def arrivals(maze: Maze, columns: dict[str, np.ndarray]) -> tuple[float, float | None]:
    """The share of the episodes that arrive, and metres walked for each metre of the shortest way, of two cells or
    more from centre to centre, by those that do. The last episode, which may be cut, is left out of more than one."""
    walked = way = 0.0
    arrived = []
    last = columns["timeouts"].nonzero()[0]
    for begin, end in zip([0, *(last[:-1] + 1)], last, strict=True):
        position, goal = columns["infos/qpos"][begin : end + 1, :2], columns["infos/goal"][begin]
        there = antmaze.near(position, goal)
        arrived.append(bool(there.any()))
        cells = int(maze.steps_to[tuple(maze.cell_of(goal))][tuple(maze.cell_of(position[0]))])
        if arrived[-1] and cells >= 2:
            walked += float(np.linalg.norm(np.diff(position[: there.argmax() + 1], axis=0), axis=1).sum())
            way += maze.cell * cells
    return float(np.mean(arrived[:-1] or arrived)), walked / way if way else None


def spread2(values: Sequence[float]) -> str:
    """The median with the range, two digits: shares lie below 1 %."""
    return f"{np.median(values):.2f} [{min(values):.2f} {max(values):.2f}]"


COLUMNS = [
    Column("dataset", "dataset", left=True),
    Column("walker", "walker", left=True),
    Column("recipe", "on arrival", left=True),
    Column("rewarded", "rewarded %", ".3f"),
    Column("goals", "40 goals", spread2),
    Column("published", "D4RL's", "g"),
    Column("arrive", "arrive", ".0%"),
    Column("length", "rows", ".0f"),
    Column("detour", "walked m/m", ".2f"),
    Column("back", "on back", ".0%"),
    Column("bound", "at bound", ".0%"),
    Column("speed", "m/s", ".2f"),
]


def run(args: Sequence[str] = ()) -> None:
    """Print the table and keep it as CSV."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks twins", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--datasets", nargs="+", default=list(PUBLIC), choices=PUBLIC)
    parser.add_argument("--go-on", action="store_true", help="also with episodes that go on where they arrive")
    options = parser.parse_args(args)
    named = os.environ.get("PARS_WALKER")
    walkers = {"ours": load_walker()} | ({Path(named).stem: load_walker(Path(named))} if named else {})
    if not named:
        print("PARS_WALKER names no other walker's weights: ours alone")
    rows = [
        {"dataset": dataset_id, "walker": name, "recipe": "end" if ends else "go on"}
        | measure(dataset_id, walker, options.rows, ends=ends)
        for dataset_id in options.datasets
        for name, walker in walkers.items()
        for ends in ((True, False) if options.go_on else (True,))
    ]
    print(*lines(COLUMNS, rows), sep="\n")
    write_csv(FOLDER / "twins.csv", rows)
