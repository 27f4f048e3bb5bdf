"""AntMaze twins against what is public about D4RL's files: `python -m benchmarks twins`.

Walkers: ours, and the one in the file that the environment variable PARS_WALKER names (docs/data.md, D4RL's for
instance). The evaluation goal is one draw, so the rewarded share is shown for the twin's own goal and over 40 others.
`--both` measures the other reading of D4RL's scripts as well: whether episodes end where they arrive.
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
from pars.config import check_whole
from pars.data.yardsticks import PUBLIC
from pars.envs import make_task
from pars.envs.antmaze import draw_goal
from pars.envs.maze import Maze

GOALS = 40


def measure(dataset_id: str, walker: Walker, rows: int, ending: antmaze.Ending) -> dict[str, Any]:
    """One twin's numbers, its episodes ending as is said."""
    task = make_task(dataset_id)
    assert task.maze is not None
    protocol = antmaze.protocol_of(dataset_id)
    columns = antmaze.collect(task.maze, protocol, rows, 0, walker=walker, ending=ending)
    last, found = columns["timeouts"].nonzero()[0], antmaze.measured(columns)
    shares = []
    for seed in range(GOALS):
        paid = antmaze.near(columns["observations"], draw_goal(task.maze, np.random.default_rng(seed)))
        shares.append(100 * (paid[1:] & ~columns["timeouts"][:-1]).mean())
    standing = upright(columns["infos/qpos"][:, 3:7]) > 0
    speed = np.linalg.norm(columns["infos/qvel"][standing, :2], axis=1)
    return {
        "ending": ending,
        "rewarded": 100 * float(columns["rewards"].mean()),
        "goals": shares,
        "published": PUBLIC[dataset_id].rewarded,
        "arrive": found["arrived"],
        "length": float(np.median(np.diff([-1, *last])[:-1])) if len(last) > 1 else None,  # the last may be cut
        "detour": detour(task.maze, columns),
        "back": found["upside_down"],
        "bound": found["saturated"],
        "speed": float(speed.mean()),
    }


def detour(maze: Maze, columns: dict[str, np.ndarray]) -> float | None:
    """Metres walked for each metre of the shortest way (cell to cell, two or more) by ants that arrive."""
    walked = way = 0.0
    for position, arrived in antmaze.arrivals(columns):
        begin, end = maze.cell_of(position[0]), maze.cell_of(position[-1])
        cells = int(maze.steps_to[tuple(end)][tuple(begin)])
        if arrived and cells >= 2:
            walked += float(np.linalg.norm(np.diff(position, axis=0), axis=1).sum())
            way += maze.cell * cells
    return walked / way if way else None


def endings(dataset_id: str, both: bool) -> list[antmaze.Ending]:
    """The twin's, and then the other reading if `both` are asked for."""
    own = antmaze.ending_of(dataset_id)
    return [own, "arrival" if own == "limit" else "limit"] if both else [own]


def spread2(values: Sequence[float]) -> str:
    """The median with the range, two digits: shares lie below 1 %."""
    return f"{np.median(values):.2f} [{min(values):.2f} {max(values):.2f}]"


COLUMNS = [
    Column("dataset", "dataset", left=True),
    Column("walker", "walker", left=True),
    Column("ending", "ends at", left=True),
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
    parser.add_argument("--both", action="store_true", help="with episodes that end on arrival and that do not")
    options = parser.parse_args(args)
    check_whole("rows", options.rows, 2)
    named = os.environ.get("PARS_WALKER")
    walkers = {"ours": load_walker()} | ({Path(named).stem: load_walker(Path(named))} if named else {})
    if not named:
        print("PARS_WALKER names no other walker's weights: ours alone")
    rows = [
        {"dataset": dataset_id, "walker": name} | measure(dataset_id, walker, options.rows, ending)
        for dataset_id in options.datasets
        for name, walker in walkers.items()
        for ending in endings(dataset_id, options.both)
    ]
    print(*lines(COLUMNS, rows), sep="\n")
    write_csv(FOLDER / "twins.csv", rows)
