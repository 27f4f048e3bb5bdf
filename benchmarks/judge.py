"""Which way of choosing a policy without a simulator is right, on tasks that have one: `python -m benchmarks judge`.

Policies good and bad: TD3+BC with BC terms from none to ten times the usual and IQL, small networks, short trainings,
every evaluation's policies kept. What is done of a task stays in `--out`, and the same command goes on. `--show`: only
the tables of what is there.

Regrets are in per cent of what lies between the best and the worst policy by plain return. "held": share of intervals
that hold the true discounted return. "off": share of estimates that miss it by more than a quarter of what lies between
its least and its most, of those that are trusted and of those that are not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import plants
from benchmarks.table import FOLDER, Column, Row, lines, write_csv
from pars import api
from pars.data import Dataset, from_arrays, load_dataset
from pars.envs import make_task
from pars.judge.estimates import ESTIMATORS
from pars.judge.fitted import Fit
from pars.judge.judging import Judged, judge
from pars.judge.scores import held, rank_correlation, regret
from pars.system import write_whole

ROWS = 20_000
OFF = 0.25
SMALL: dict[str, Any] = dict(hidden="64x64", actor_hidden="64x64", batch_size=64)
METHODS: dict[str, dict[str, Any]] = {
    "td3_bc": {"bc_weight": [0.0, 0.1, 1.0, 10.0]},
    "iql": {"advantage_scale": [0.3, 10.0]},
}
DRY: dict[str, Any] = dict(hidden="8x8", actor_hidden="8x8", batch_size=16)
COLUMNS = [
    Column("task", "task", left=True),
    Column("by", "chosen by", left=True),
    Column("n", "n"),
    Column("rank", "rank corr.", ".2f"),
    Column("regret1", "regret@1 %", ".0f"),
    Column("regret5", "regret@5 %", ".0f"),
    Column("held", "held %", ".0f"),
    Column("trusted", "trusted %", ".0f"),
    Column("held_trusted", "held, trusted %", ".0f"),
    Column("off_trusted", "off, trusted %", ".0f"),
    Column("off_not", "off, not %", ".0f"),
]


def collected(task: str) -> tuple[Any, Dataset]:
    made = make_task(task)
    return made, load_dataset(task, rows=ROWS)


def logged(name: str) -> tuple[Any, Dataset]:
    task = make_task(f"benchmarks.plants:{name}")
    return task, from_arrays(plants.logs(name, ROWS)[0], name=name, task=task, next_obs="file")


def twin(task: str) -> tuple[Any, Dataset]:
    made = make_task(task)
    return made, api.open_dataset("twin", made)


TASKS: dict[str, Callable[[], tuple[Any, Dataset]]] = {
    "pointmaze-umaze-diverse": partial(collected, "pointmaze-umaze-diverse"),
    "PendulumPlant-v0": partial(logged, "PendulumPlant-v0"),
    "CartPlant-v0": partial(logged, "CartPlant-v0"),
    "hopper-medium-v2": partial(twin, "hopper-medium-v2"),
    "CarPlant-v0": partial(logged, "CarPlant-v0"),
    "pointmaze-medium-play": partial(collected, "pointmaze-medium-play"),
    "walker2d-medium-v2": partial(twin, "walker2d-medium-v2"),
}
USUAL = tuple(TASKS)[:-1]  # walker2d's twin takes hours to make


def measured(name: str, given: argparse.Namespace) -> list[Row]:
    """A record of each policy of a task: what is said of it, and the truth."""
    file = given.out / name / "outcome.json"
    if not file.is_file():
        task, data = TASKS[name]()
        runs = []
        for method, axes in METHODS.items():
            runs.append(given.out / name / method)
            settings = (DRY if given.dry else SMALL) | axes
            steps = dict(steps=given.steps, eval_every=max(1, given.steps // 5), eval_episodes=1)
            options: dict[str, Any] = dict(seeds=range(given.seeds), keep_policies=True, probes=[], quiet=given.dry)
            api.train(method, task, data=data, settings=settings, out=runs[-1], **steps, **options)
        how = Fit(critics=2, hidden=(8, 8), steps=20) if given.dry else Fit()
        found = judge(runs, data, truth=given.episodes, how=how, rows=given.rows, note=print)
        facts = {"data": float(found.plain_returns.mean()), "discount": found.discount}
        write_whole(file, json.dumps([record(one) | facts for one in found.policies], indent=1))
    return [one for one in json.loads(file.read_text()) if one["step"]]


def record(one: Judged) -> Row:
    assert one.truth is not None
    discounted, plain = one.truth.mean(axis=1).tolist()
    row: Row = {"label": one.name.label, "step": one.name.step, "discounted": discounted, "return": plain}
    row |= {"distance": one.distance, "td_error": one.td_error}
    for said in one.estimates:
        row[said.estimator] = {"estimate": said.estimate, "low": said.low, "high": said.high, "flags": said.flags}
        row[said.estimator] |= {"facts": said.facts}
    return row


def ways(records: Sequence[Row]) -> dict[str, np.ndarray]:
    """Scores [K] of the ways to choose; the most is chosen."""
    found = {name: np.array([one[name]["estimate"] for one in records]) for name in ESTIMATORS}
    for name in ("fqe", "dr"):
        flagged = np.array([bool(one[name]["flags"]) for one in records])
        low = np.array([one[name]["low"] for one in records])
        behind = low - low.max() + found[name].min() - 1.0  # below all that are trusted
        found[f"{name}, trusted first"] = np.where(flagged, behind, found[name])
    found["fqe, lower bound"] = np.array([one["fqe"]["low"] for one in records])
    found["last step"] = np.array([float(one["step"]) for one in records])
    found["least TD error"] = -np.array([one["td_error"] for one in records])
    found["least BC distance"] = -np.array([one["distance"] for one in records])
    found["chance"] = np.zeros(len(records))
    return found


def compared(name: str, records: Sequence[Row]) -> list[Row]:
    """A row of the table for each way to choose."""
    truth, early = (np.array([one[key] for one in records]) for key in ("return", "discounted"))
    rows: list[Row] = []
    for by, score in ways(records).items():
        rows.append({"task": name, "by": by, "n": len(records)})
        if np.ptp(score):
            rows[-1]["rank"] = rank_correlation(score, truth)
        for k in (1, 5):
            rows[-1][f"regret{k}"] = 100.0 * regret(score, truth, k) / (float(np.ptp(truth)) or 1.0)
        if by in ESTIMATORS:
            low, high = (np.array([one[by][key] for one in records]) for key in ("low", "high"))
            trust = np.array([not one[by]["flags"] for one in records])
            rows[-1] |= {"held": 100.0 * held(low, high, early), "trusted": 100.0 * trust.mean()}
            rows[-1] |= {"held_trusted": _share(held(low[trust], high[trust], early[trust]))}
            off = np.abs(score - early) > OFF * np.ptp(early)
            for key, part in (("off_trusted", trust), ("off_not", ~trust)):
                rows[-1][key] = _share(float(off[part].mean()) if part.any() else float("nan"))
    return rows


def _share(value: float) -> float | None:
    """In per cent; None of nothing."""
    return 100.0 * value if np.isfinite(value) else None


def run(args: Sequence[str] = ()) -> None:
    """Print the tables and keep them as CSV."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks judge", description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(USUAL), choices=TASKS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3000, help="gradient steps of each training")
    parser.add_argument("--rows", type=int, default=ROWS, help="that policies are judged on")
    parser.add_argument("--episodes", type=int, default=8, help="of each policy, for the truth")
    parser.add_argument("--out", type=Path, default=FOLDER / "judge", help="what is finished there stays")
    parser.add_argument("--show", action="store_true", help="only of what is there")
    parser.add_argument("--dry", action="store_true", help="tiny, to see that it runs")
    given = parser.parse_args(args)
    if given.dry:
        given.steps, given.rows, given.episodes, given.seeds = 10, 600, 1, 1
    rows: list[Row] = []
    for name in given.tasks:
        if given.show and not (given.out / name / "outcome.json").is_file():
            continue
        rows += compared(name, measured(name, given))
        print(*lines(COLUMNS, [row for row in rows if row["task"] == name]), "", sep="\n", flush=True)
    means: list[Row] = []
    for by in dict.fromkeys(row["by"] for row in rows):
        own = [row for row in rows if row["by"] == by]
        mean = {column.key: _mean(own, column.key) for column in COLUMNS[3:]}
        means.append({"task": f"mean of {len(own)}", "by": by, "n": sum(row["n"] for row in own)} | mean)
    print(*lines(COLUMNS, means), sep="\n")
    write_csv(given.out / "judge.csv", rows + means)


def _mean(rows: Sequence[Row], key: str) -> float | None:
    known = [row[key] for row in rows if row.get(key) is not None and np.isfinite(row[key])]
    return float(np.mean(known)) if known else None
