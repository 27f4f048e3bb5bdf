"""MuJoCo twins, made where they are absent: how long it took and what came out: `python -m benchmarks robots`.

Medium and expert sets train a policy first, minutes to an hour of SAC. It is kept, and so is each twin, so a run that
broke off goes on (0 s: it was there already). Beside the rows' returns stands what BC reaches on D4RL's file.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from typing import Any

import h5py

from benchmarks.table import FOLDER, Column, lines, write_csv
from pars.collect import locomotion
from pars.collect.rollouts import returns
from pars.collect.twins import collect_twin
from pars.envs import make_task

TWINS = [f"{robot}-{quality}-v2" for robot in locomotion.MEDIUM for quality in (*locomotion.ROWS, "medium-replay")]
BC = {  # scores on D4RL's files, mean and standard deviation of four seeds: corl-team/CORL README, last scores
    "halfcheetah-medium-v2": "42.4 ± 0.2",
    "halfcheetah-medium-replay-v2": "35.7 ± 2.3",
    "halfcheetah-medium-expert-v2": "56.0 ± 7.4",
    "hopper-medium-v2": "53.5 ± 1.8",
    "hopper-medium-replay-v2": "29.8 ± 2.1",
    "hopper-medium-expert-v2": "52.3 ± 4.0",
    "walker2d-medium-v2": "63.2 ± 16.2",
    "walker2d-medium-replay-v2": "21.8 ± 10.2",
    "walker2d-medium-expert-v2": "99.0 ± 16.0",
}


def measure(dataset_id: str, rows: int | None = None) -> dict[str, Any]:
    """One twin, made if it is absent, with its times and returns."""
    task, (robot, quality) = make_task(dataset_id), locomotion.qualities(dataset_id)
    kinds = [] if quality in ("random", "medium-replay") else quality.split("-")
    began = time.perf_counter()
    skills = [locomotion.behaviour(robot, kind, 0, None) for kind in kinds]
    trained = time.perf_counter()
    path = collect_twin(dataset_id, rows)
    done = time.perf_counter()
    with h5py.File(path) as file:
        columns = {key: file[key][()] for key in ("rewards", "terminals", "timeouts")}
        made = str(file.attrs["made"])
    whole = returns(columns, task.time_limit)
    return {
        "rows": len(columns["rewards"]),
        "training": trained - began,
        "collecting": done - trained,
        "steps": " + ".join(f"{skill.facts['steps']:,}" for skill in skills) or None,
        "reached": " + ".join(re.findall(r"mean return (-?[\d,]*\d)", made)) or None,
        "medium": locomotion.MEDIUM[robot] if "medium" in quality else None,
        "episodes": len(whole),
        "return": float(whole.mean()) if len(whole) else None,
        "score": float(task.score(whole).mean()) if len(whole) else None,
        "bc": BC.get(dataset_id),
        "made": made,
    }


COLUMNS = [
    Column("dataset", "dataset", left=True),
    Column("rows", "rows", ",d"),
    Column("training", "training s", ",.0f"),
    Column("collecting", "collecting s", ",.0f"),
    Column("steps", "trained for"),
    Column("reached", "reached"),
    Column("medium", "medium is", ",.0f"),
    Column("episodes", "episodes", ",d"),
    Column("return", "their return", ",.0f"),
    Column("score", "score", ".1f"),
    Column("bc", "BC on D4RL's"),
]


def run(args: Sequence[str] = ()) -> None:
    """Print the table and keep it as CSV, twin by twin."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks robots", description=__doc__)
    parser.add_argument("--rows", type=int, help="of each twin; by default as many as the recipe makes")
    parser.add_argument("--datasets", nargs="+", default=TWINS, choices=TWINS)
    options = parser.parse_args(args)
    rows: list[dict[str, Any]] = []
    for dataset_id in options.datasets:
        rows.append({"dataset": dataset_id} | measure(dataset_id, options.rows))
        print(rows[-1]["made"], flush=True)
        write_csv(FOLDER / "robots.csv", rows)
    print(*lines(COLUMNS, rows), sep="\n")
