"""A column of the paper's Table 2 as one population: as many of its steps as the minutes allow.

    python -m benchmarks paper [--minutes 8] [--column antmaze|mujoco|adroit] [--rows N] [--out runs/bench] [--dry]

Every dataset of the column times the seeds, with the paper's settings, in one program where they fit together. D4RL's
files are taken where they are on this machine, else twins of our own making, which are collected first, side by side.
Policies are evaluated while they train. When the time is over, each is evaluated once more, and what is worth taking
home is written: the table (CSV, text), curves (metrics.csv), reports, and actors (safetensors) instead of checkpoints.

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
from safetensors import safe_open
from safetensors.numpy import save_file

from benchmarks.table import FOLDER, Column, Row, lines, write_csv
from pars import api
from pars.collect.twins import twin_path
from pars.data import list_datasets
from pars.envs import list_tasks, make_task
from pars.errors import Interrupted, ParsError, UsageError
from pars.report.stats.statistics import estimate
from pars.reproduce import paper
from pars.training.checkpoint import latest
from pars.training.folder import read_description, read_status
from pars.training.launch import make_groups, train_runs
from pars.training.lengths import make_plan
from pars.training.plan import How, Request
from pars.training.progress import make_view
from pars.training.restore import group_folders
from pars.training.teams import teams
from pars.training.view import Stop

ALGORITHM = "pars"
COLUMNS = ("antmaze", "mujoco", "adroit")
PRECISIONS = ("float32", "tf32", "bfloat16")
DRY: dict[str, Any] = dict(hidden="8x8", actor_hidden="8x8", critics=4, batch_size=16)
EVERY = 50_000  # gradient steps between evaluations
LAST = 0.2  # of the minutes, kept for the last evaluation and the pages
TABLE = (
    Column("task", "task", left=True),
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
    """A run for each dataset, as `pars train` makes them."""
    settings: dict[str, Any] = {"precision": given.precision} | (DRY if given.dry else {})
    found = []
    data = data_for(names, given.rows)
    for name in names:
        task = make_task(name)
        groups = make_groups([ALGORITHM], name, settings, range(given.seeds))
        steps = 40 if given.dry else None
        plan = make_plan(task, steps, eval_every=20 if given.dry else EVERY, eval_episodes=given.episodes)
        columns = groups[0].algo.stored_columns(groups[0].configs[0])
        dataset = api.open_dataset(data[name], task, columns=columns)
        dataset = replace(dataset, name=f"twin:{name}") if data[name] else dataset
        found.append(Request(groups, [plan] * len(groups), dataset, task, work / name))
    return found


def actors(folder: Path, path: Path) -> None:
    """The policies of a group's newest checkpoint alone."""
    saved = latest(folder / "checkpoints")
    if saved is None:
        return
    with safe_open(saved.folder / "state.safetensors", framework="numpy") as file:
        wanted = [name for name in file.keys() if ".actor" in name or ".norm" in name]  # noqa: SIM118
        save_file({name: file.get_tensor(name) for name in wanted}, path)


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


def folders_of(request: Request) -> list[Path]:
    """Of the group that is asked for, or of its parts; those with something to evaluate."""
    (group,) = request.groups
    found = []
    for folder in group_folders(request.out):
        own = group.name in (folder.name, read_description(folder).get("part_of"))
        if own and latest(folder / "checkpoints"):
            found.append(folder)
    return found


def table(asked: Sequence[Request], episodes: int) -> list[Row]:
    """Final scores, an evaluation of the newest checkpoints, of whatever has been trained."""
    printed = {one.dataset: one.mean for one in paper.load("table2") if one.method == "PARS"}
    rows: list[Row] = []
    for request in asked:
        task, folders = request.task, folders_of(request)
        row: Row = {"task": task.id, "paper": printed.get(task.id), "episodes": episodes}
        row |= {
            "n": 0,
            "steps": 0,
            "share": 0.0,
            "data": request.dataset.name,
            "physics": task.physics,
            "state": "not begun",
        }
        if folders:
            results = [one for folder in folders for one in api.evaluate(folder, episodes)]
            scores = estimate(np.concatenate([result.scores.mean(axis=1) for result in results]))
            steps = min(result.position.step for result in results)
            low, high = scores.interval or (None, None)
            row |= {"n": scores.n, "mean": scores.mean, "std": scores.std, "low": low, "high": high, "steps": steps}
            row |= {"share": steps / make_plan(task).offline_steps, "state": read_status(folders[0])["state"]}
        rows.append(row)
    return rows


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks paper", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--column", choices=COLUMNS, default="antmaze")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, help="of each twin; by default as many as the recipe makes")
    parser.add_argument("--precision", choices=PRECISIONS, default="tf32", help="on a CPU tf32 is float32")
    parser.add_argument("--episodes", type=int, default=20, help="of an evaluation of each policy")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--work", type=Path, help="where checkpoints are kept; the same folder goes on (default: OUT)")
    parser.add_argument("--dry", action="store_true", help="tiny networks and point masses, on any machine")
    given = parser.parse_args(args)
    begun = time.monotonic()
    names = ["pointmaze-umaze-fixed", "pointmaze-umaze-diverse"] if given.dry else tasks_of(given.column)
    column = "dry" if given.dry else given.column
    out, work = given.out / f"paper-{column}", (given.work or given.out) / f"column-{column}"
    out.mkdir(parents=True, exist_ok=True)
    device = jax.devices()[0].device_kind
    print(f"{len(names)} datasets x {given.seeds} seeds on {len(jax.devices())} x {device}", flush=True)
    asked = requests(names, given, work)
    print(
        f"data: {', '.join(request.dataset.name for request in asked)} ({time.monotonic() - begun:.0f} s)", flush=True
    )
    train(asked, begun + 60 * given.minutes * (1 - LAST), work)
    rows = table(asked, given.episodes)
    head = f"{ALGORITHM}, {given.precision}, {device}, {time.strftime('%d %B %Y')}, {given.minutes:g} minutes"
    text = "\n".join([head, *lines(TABLE, rows)])
    print(text)
    (out / "table.txt").write_text(f"{text}\n")
    write_csv(out / "table.csv", rows)
    _take_home(asked, out, work)
    print(f"written: {out} ({(time.monotonic() - begun) / 60:.1f} min)")


def _take_home(asked: Sequence[Request], out: Path, work: Path) -> None:
    """Actors, curves, descriptions and pages: megabytes, where checkpoints are hundreds."""
    from pars.report import write_report

    begun = [request for request in asked if folders_of(request)]
    if begun:
        write_report(work)
        shutil.copy(work / "report.html", out / "report.html")
    for request in begun:
        for folder in folders_of(request):
            place = out / request.out.name / folder.name
            place.mkdir(parents=True, exist_ok=True)
            actors(folder, place / "actors.safetensors")
            for name in ("run.json", "status.json", "metrics.csv", "timing.csv"):
                shutil.copy(folder / name, place / name)
        shutil.copy(request.out / "report.html", out / request.out.name / "report.html")
