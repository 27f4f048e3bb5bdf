"""A column of the paper's Table 2 as one population: as many of its steps as the minutes allow.

    python -m benchmarks paper [--minutes 8] [--column antmaze|mujoco|adroit | --tasks ID ..] [--algorithms pars ..]
        [--steps N] [--seeds 5] [--rows N] [--out runs/bench] [--work FOLDER] [--dry]

Every dataset of the column, or those named, times the seeds, with the paper's settings: of each algorithm one program
where they fit together, one algorithm after another. D4RL's files are taken where they are on this machine, else twins
of our own making, which are collected first, side by side. Policies are evaluated while they train. What is worth
taking home is written: the table (CSV, text) of the last evaluations, curves (metrics.csv), reports, and of the newest
checkpoint the policies alone, which `pars eval OUT/.../GROUP --at STEP` runs anywhere.

A table here is no result of the paper: it says how many of its steps were trained, on which data and physics.
`--dry` runs all of it on any machine with tiny networks and point masses; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.table import FOLDER, Column, Row, lines, write_csv
from pars import api
from pars.algos import find_algorithm
from pars.collect.twins import twin_path
from pars.config import field_types
from pars.data import list_datasets
from pars.envs import list_tasks, make_task
from pars.errors import Interrupted, ParsError, UsageError
from pars.report.load import read_group
from pars.report.stats.statistics import estimate
from pars.reproduce import paper
from pars.training import checkpoint
from pars.training.checkpoint import latest
from pars.training.folder import read_description, read_status
from pars.training.kept import KEPT, slim
from pars.training.launch import make_groups, train_runs
from pars.training.lengths import make_plan
from pars.training.plan import Group, How, Request
from pars.training.progress import make_view
from pars.training.restore import group_folders, restore
from pars.training.teams import teams
from pars.training.view import Stop

COLUMNS = ("antmaze", "mujoco", "adroit")
PRECISIONS = ("float32", "tf32", "bfloat16")
POINTS = ["pointmaze-umaze-fixed", "pointmaze-umaze-diverse"]
DRY: dict[str, Any] = dict(hidden="8x8", actor_hidden="8x8", critics=4, batch_size=16)
EVERY = 50_000  # gradient steps between evaluations
PAGES = 0.08  # of the minutes, kept for the pages
TABLE = (
    Column("task", "task", left=True),
    Column("algorithm", "algorithm", left=True),
    Column("n", "n"),
    Column("mean", "score", ".1f"),
    Column("std", "std", ".1f"),
    Column("low", "95 % from", ".1f"),
    Column("high", "to", ".1f"),
    Column("paper", "paper's", ".1f"),
    Column("steps", "steps", ",d"),
    Column("share", "of the paper's", ".1%"),
    Column("episodes", "episodes"),
    Column("data", "data", left=True),
    Column("physics", "physics", left=True),
    Column("state", "stands", left=True),
)


def tasks_of(column: str) -> list[str]:
    """The datasets of a column in the order of Table 2."""
    known = {task.id: task.family for task in list_tasks()}
    own = [one.dataset for one in paper.load("table2") if one.method == "PARS" and not one.is_average]
    return [name for name in own if known.get(name) == column]


def data_for(names: Sequence[str], rows: int | None) -> dict[str, str | None]:
    """Of each dataset what to open: None for D4RL's own file, else the twin's file, collected if it is absent."""
    found: dict[str, str | None] = {}
    children = {}
    here = {entry["id"] for entry in list_datasets() if entry["cached"]}  # D4RL's files, and point masses' data
    for name in names:
        if name.startswith("pointmaze") or name in here:
            found[name] = None
            continue
        found[name] = str(twin_path(name, rows))
        if not Path(str(found[name])).exists():
            line = [sys.executable, "-m", "pars.cli", "data", "collect", name, *(["--rows", str(rows)] if rows else [])]
            environment = os.environ | {"JAX_PLATFORMS": "cpu"}  # the accelerator is for the training
            children[name] = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)
    if failed := [name for name, child in children.items() if child.wait()]:
        raise UsageError(f"no data for {', '.join(failed)}: neither D4RL's file nor a twin could be had")
    return found


def requests(names: Sequence[str], given: argparse.Namespace, work: Path) -> list[Request]:
    """A run of all algorithms for each dataset, as `pars train` makes them."""
    found = []
    data = data_for(names, given.rows)
    for name in names:
        task = make_task(name)
        groups = [group for one in given.algorithms for group in make_groups([one], name, settings(one, given),
                                                                             range(given.seeds))]  # fmt: skip
        steps = 40 if given.dry else given.steps
        plan = make_plan(task, steps, eval_every=20 if given.dry else given.every, eval_episodes=given.episodes)
        columns = {column for group in groups for column in group.algo.stored_columns(group.configs[0])}
        dataset = api.open_dataset(data[name], task, columns=tuple(sorted(columns)))
        dataset = replace(dataset, name=f"twin:{name}") if data[name] else dataset
        found.append(Request(groups, [plan] * len(groups), dataset, task, work / name))
    return found


def settings(algorithm: str, given: argparse.Namespace) -> dict[str, Any]:
    """What is set over the paper's, as far as the algorithm has it."""
    wanted = {"precision": given.precision} | (DRY if given.dry else {})
    known = field_types(find_algorithm(algorithm).config)
    return {name: value for name, value in wanted.items() if name in known}


def policies(folder: Path, target: Path) -> None:
    """Keep the policies of a group's newest checkpoint in `target`, without critics and optimizers."""
    there = restore(folder)
    unread = {name: None for name in there.state._fields if name in ("critic", "value")}
    checkpoint.save(target / KEPT, there.position, {"state": slim(there.state._replace(**unread))}, {})


def train(asked: Sequence[Request], end: float, work: Path) -> None:
    """Every population its part of the time until `end`, one after another: a column may not fit into one."""
    view, parts, begun = make_view(), teams(asked, print), time.monotonic()
    for number, team in enumerate(parts, 1):
        stop = Stop(begun + (end - begun) * number / len(parts))
        own = [replace(entry.request, groups=[entry.group], plans=[entry.plan]) for entry in team]
        try:
            train_runs(own, How(view, stop, probes=("actions",)), root=work)
        except Interrupted as error:
            print(error)
            if stop.signalled:
                return
        except ParsError as error:  # of one population; the others are worth their minutes
            print(error)


def folders_of(request: Request, group: Group) -> list[Path]:
    """Of the group that is asked for, or of its parts; those with something to evaluate."""
    found = []
    for folder in group_folders(request.out):
        own = group.name in (folder.name, read_description(folder).get("part_of"))
        if own and latest(folder / "checkpoints"):
            found.append(folder)
    return found


def table(asked: Sequence[Request], episodes: int) -> list[Row]:
    """Of each dataset and algorithm the last evaluation that was logged."""
    return [_row(request, group, episodes) for request in asked for group in request.groups]


def _row(request: Request, group: Group, episodes: int) -> Row:
    task, folders = request.task, folders_of(request, group)
    assert task is not None
    printed = paper.find("table2", task.id, group.algo.title)
    row: Row = {"task": task.id, "algorithm": group.algo.name, "paper": printed.mean if printed else None}
    row |= {"n": 0, "steps": 0, "share": 0.0, "episodes": episodes, "data": request.dataset.name}
    row |= {"physics": task.physics, "state": "not begun"}
    curves = [curve for folder in folders if (curve := read_group(folder).metrics.get("offline", {}).get("score"))]
    if curves:
        scores, steps = estimate(np.concatenate([curve.values[:, -1] for curve in curves])), curves[0].steps[-1]
        low, high = scores.interval or (None, None)
        row |= {"n": scores.n, "mean": scores.mean, "std": scores.std, "low": low, "high": high, "steps": int(steps)}
        row |= {"share": steps / make_plan(task).offline_steps, "state": read_status(folders[0])["state"]}
    return row


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks paper", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--column", choices=COLUMNS, default="antmaze")
    parser.add_argument("--tasks", nargs="+", help="in the place of a column")
    parser.add_argument("--algorithms", nargs="+", default=["pars"])
    parser.add_argument("--steps", type=int, help="gradient steps; by default the paper's")
    parser.add_argument("--every", type=int, default=EVERY, help="gradient steps between evaluations")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, help="of each twin; by default as many as the recipe makes")
    parser.add_argument("--precision", choices=PRECISIONS, default="tf32", help="on a CPU tf32 is float32")
    parser.add_argument("--episodes", type=int, default=20, help="of an evaluation of each policy")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--work", type=Path, help="where checkpoints are kept; the same folder goes on (default: OUT)")
    parser.add_argument("--dry", action="store_true", help="tiny networks and point masses, on any machine")
    given = parser.parse_args(args)
    begun = time.monotonic()
    names = given.tasks or (POINTS if given.dry else tasks_of(given.column))
    column = "dry" if given.dry else "tasks" if given.tasks else given.column
    out, work = given.out / f"paper-{column}", (given.work or given.out) / f"column-{column}"
    out.mkdir(parents=True, exist_ok=True)
    device = jax.devices()[0].device_kind
    print(f"{len(names)} datasets x {given.seeds} seeds on {len(jax.devices())} x {device}", flush=True)
    asked = requests(names, given, work)
    print(
        f"data: {', '.join(request.dataset.name for request in asked)} ({time.monotonic() - begun:.0f} s)", flush=True
    )
    train(asked, begun + 60 * given.minutes * (1 - PAGES), work)
    rows = table(asked, given.episodes)
    words = [*given.algorithms, given.precision, device, time.strftime("%d %B %Y"), f"{given.minutes:g} minutes"]
    text = "\n".join([", ".join(words), *lines(TABLE, rows)])
    print(text)
    (out / "table.txt").write_text(f"{text}\n")
    write_csv(out / "table.csv", rows)
    _take_home(asked, out, work)
    print(f"written: {out} ({(time.monotonic() - begun) / 60:.1f} min)")


def _take_home(asked: Sequence[Request], out: Path, work: Path) -> None:
    """Policies, curves, descriptions and pages: megabytes, where checkpoints are hundreds."""
    from pars.report import write_report

    found = [
        (request, folder) for request in asked for group in request.groups for folder in folders_of(request, group)
    ]
    if found:
        write_report(work)
        shutil.copy(work / "report.html", out / "report.html")
    for request, folder in found:
        place = out / request.out.name / folder.name
        policies(folder, place)
        for name in ("run.json", "status.json", "metrics.csv", "timing.csv"):
            shutil.copy(folder / name, place / name)
        shutil.copy(request.out / "report.html", place.parent / "report.html")
