"""AntMaze twins against what is public about D4RL's files: `python -m benchmarks twins`.

Walkers: ours, and the one in the file that the environment variable PARS_WALKER names (docs/data.md, D4RL's for
instance). The evaluation goal is one draw, so the rewarded share is shown for the twin's own goal and over 40 others.
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

GOALS = 40


def measure(dataset_id: str, walker: Walker, rows: int) -> dict[str, Any]:
    """One twin's numbers."""
    task = make_task(dataset_id)
    assert task.maze is not None
    protocol, once = antmaze.protocol_of(dataset_id), dataset_id == antmaze.ONCE
    columns = antmaze.collect(task.maze, protocol, rows, 0, walker=walker, once=once)
    ends, found = columns["timeouts"].nonzero()[0], antmaze.measured(columns)
    shares = []
    for seed in range(GOALS):
        paid = antmaze.near(columns["observations"], draw_goal(task.maze, np.random.default_rng(seed)))
        shares.append(100 * (paid[1:] & ~columns["timeouts"][:-1]).mean())
    standing = upright(columns["infos/qpos"][:, 3:7]) > 0
    speed = np.linalg.norm(columns["infos/qvel"][standing, :2], axis=1)
    return {
        "rewarded": 100 * float(columns["rewards"].mean()),
        "goals": shares,
        "published": PUBLIC[dataset_id].rewarded,
        "arrive": found["arrived"],
        "length": float(np.median(np.diff(ends))),
        "back": found["upside_down"],
        "bound": found["saturated"],
        "speed": float(speed.mean()),
    }


def spread2(values: Sequence[float]) -> str:
    """The median with the range, two digits: shares lie below 1 %."""
    return f"{np.median(values):.2f} [{min(values):.2f} {max(values):.2f}]"


COLUMNS = [
    Column("dataset", "dataset", left=True),
    Column("walker", "walker", left=True),
    Column("rewarded", "rewarded %", ".3f"),
    Column("goals", "40 goals", spread2),
    Column("published", "D4RL's", "g"),
    Column("arrive", "arrive", ".0%"),
    Column("length", "rows", ".0f"),
    Column("back", "on back", ".0%"),
    Column("bound", "at bound", ".0%"),
    Column("speed", "m/s", ".2f"),
]


def run(args: Sequence[str] = ()) -> None:
    """Print the table and keep it as CSV."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks twins", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--datasets", nargs="+", default=list(PUBLIC), choices=PUBLIC)
    options = parser.parse_args(args)
    named = os.environ.get("PARS_WALKER")
    walkers = {"ours": load_walker()} | ({Path(named).stem: load_walker(Path(named))} if named else {})
    if not named:
        print("PARS_WALKER names no other walker's weights: ours alone")
    rows = [
        {"dataset": dataset_id, "walker": name} | measure(dataset_id, walker, options.rows)
        for dataset_id in options.datasets
        for name, walker in walkers.items()
    ]
    print(*lines(COLUMNS, rows), sep="\n")
    write_csv(FOLDER / "twins.csv", rows)
