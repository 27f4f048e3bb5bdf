"""What `pars reproduce` does with its words: jobs, the plan that is printed before anything starts, and the run."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jax
from rich.console import Console
from rich.table import Column, Table

from pars.algos import find_algorithm
from pars.config import coerce, field_types, parse_axes
from pars.envs import TASKS
from pars.errors import UsageError, unknown
from pars.reproduce.base import Study
from pars.reproduce.catalogue import find
from pars.reproduce.cost import Machine, Seconds
from pars.reproduce.grid import Grid, make_configs, paper_grade, small_grade
from pars.reproduce.reproduce import Job, Outcome, Unit, plan_units, reproduce
from pars.training.progress import duration, make_view, progress_bar

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 60.0}


def run(
    words: Sequence[str],
    data: Literal["d4rl", "twin"] | None,
    steps_scale: float | None,
    seeds: int | None,
    budget: str | None,
    tasks: Sequence[str],
    arms: Sequence[str],
    rows: int | None,
    episodes: int | None,
    small: bool,
    dry_run: bool,
    out: Path,
    quiet: bool,
    command: str,
) -> None:
    begun, seconds = time.monotonic(), parse_budget(budget)
    ids, axes = [word for word in words if "=" not in word], parse_axes(word for word in words if "=" in word)
    if not ids:
        raise UsageError("name the tables and figures to reproduce, such as figure5 table12, or all")
    changes = dict(data=data, steps_scale=steps_scale, seeds=seeds, rows=rows, episodes=episodes)
    changes = {name: value for name, value in changes.items() if value is not None}
    found = find(ids)
    if all(isinstance(one, Study) for one in found) and (axes or tasks or arms or changes.keys() - {"seeds"}):
        raise UsageError(f"{', '.join(one.id for one in found)}: computed, not trained; only --seeds changes anything")
    jobs = [make_job(one, changes, tasks, arms, axes, small, out) for one in found]
    console, machine = Console(), Machine(together=jax.default_backend() != "cpu")
    with progress_bar("estimating") as advance:
        units = plan_units(jobs, machine, command, advance)
    if not quiet or dry_run:
        _print_plan(console, jobs, units, seconds)
    if dry_run:
        return
    flat = [unit for some in units for unit in some]
    outcome = reproduce(jobs, flat, seconds, make_view(console, quiet), command, begun)
    _print_end(console, outcome, out, time.monotonic() - begun)
    for error in outcome.errors[1:]:
        print(f"pars: {error}", file=sys.stderr)
    if outcome.errors:
        raise outcome.errors[0]


def make_job(
    one: Study | Grid,
    changes: dict[str, Any],
    tasks: Sequence[str],
    arms: Sequence[str],
    axes: dict[str, list[str]],
    small: bool,
    out: Path,
) -> Job:
    """An experiment at the grade that the options say. Raises UsageError for options that do not fit."""
    count, scale = changes.get("seeds"), changes.get("steps_scale", 1.0)
    if count is not None and count < 1:
        raise UsageError(f"--seeds {count}: give at least one seed")
    if not 0.0 < scale <= 1.0:
        raise UsageError(f"--steps-scale {scale:g} is not a share up to 1")
    few = {name: changes[name] for name in ("rows", "episodes") if changes.get(name, 1) < 1}
    if few:
        raise UsageError(", ".join(f"--{name} {value}" for name, value in few.items()) + ": give at least 1")
    if isinstance(one, Study):
        return Job(replace(one, seeds=count or one.seeds) if one.seeds > 1 else one, None, out)
    grade = replace(small_grade(one) if small else paper_grade(one), **changes)
    if grade.data == "d4rl" and "rows" not in changes:
        grade = replace(grade, rows=None)  # of the small form's twins
    values, settings = _settings(one, axes)
    known = [arm.label for arm in one.arms]
    if strange := [arm for arm in arms if arm not in known]:
        raise UsageError(f"{one.id}: {unknown('arm', strange[0], known)}")
    grade = replace(
        grade,
        tasks=tuple(tasks) or grade.tasks,
        arms=tuple(arms) or grade.arms,
        values=values or grade.values,
        settings={**grade.settings, **settings},
    )
    if grade.data == "d4rl" and grade.rows:
        raise UsageError("--rows is the size of a twin; add --data twin")
    for task_id in grade.tasks:  # unknown names and settings are said before anything starts
        if task_id not in TASKS:
            raise UsageError(unknown("task", task_id, TASKS))
        make_configs(one, grade, task_id)
    return Job(one, grade, out)


def _settings(grid: Grid, axes: dict[str, list[str]]) -> tuple[tuple[Any, ...] | None, dict[str, Any]]:
    """Values of the grid's axis, if given, and settings (`hidden=64x64`), with the types that the arms give them."""
    axis, found = None, {}
    kinds = [find_algorithm(arm.algorithm).config for arm in grid.arms]
    for name, values in axes.items():
        kind = next((kind for kind in kinds if name in field_types(kind)), None)
        if kind is None:
            known = {setting for kind in kinds for setting in field_types(kind)}
            raise UsageError(f"{grid.id}: {unknown('setting', name, known)}")
        converted = tuple(coerce(kind, name, value) for value in values)
        if name == grid.axis:
            axis = converted
        elif len(values) > 1:
            own = grid.axis or "none"
            raise UsageError(
                f"{name}={','.join(values)}: {grid.id} takes one value of a setting; its own axis is {own}"
            )
        else:
            found[name] = converted[0]
    return axis, found


def parse_budget(text: str | None) -> float | None:
    """`90s`, `30m`, `2h`, or minutes -> seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"--budget {text!r} is not a time such as 90s, 30m or 2h")
    return float(match[1]) * UNITS[match[2]]


def _print_plan(console: Console, jobs: Sequence[Job], units: Sequence[Sequence[Unit]], budget: float | None) -> None:
    """One line for each experiment: what it is, how much of it is there, what the rest costs here and on a GPU."""
    if not console.is_terminal:
        console = Console(width=max(console.width, 130))
    table = Table(
        Column("experiment", no_wrap=True), "what", "on", Column("units", justify="right"),
        Column("done", justify="right"), Column("here", justify="right", no_wrap=True),
        Column("a GPU", justify="right", no_wrap=True), box=None, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    total = Seconds(0.0, 0.0)
    for job, own in zip(jobs, units, strict=True):
        left = sum((unit.cost for unit in own if not unit.done), Seconds(0.0, 0.0))
        on = "computed" if job.grade is None else job.grade.text(job.grid)
        done = sum(unit.done for unit in own)
        shared = job.grade is not None and not own
        here, gpu = (f"with {job.grid.runs}",) * 2 if shared else (duration(left.here), duration(left.gpu))
        total += left
        table.add_row(job.experiment.id, job.experiment.title, on, str(len(own)), str(done), here, gpu)
    console.print(table)
    limit = f"; budget {duration(budget)}" if budget else ""
    console.print(
        f"left: about {duration(total.here)} here, {duration(total.gpu)} on one GPU (h:min:s){limit}. Estimates from "
        "this machine's rate of matrix products and physics; the GPU's are reasoned, not measured.",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def _print_end(console: Console, outcome: Outcome, out: Path, seconds: float) -> None:
    console.print(f"{len(outcome.finished)} units finished in {duration(seconds)}; index: {out / 'index.html'}")
    if outcome.left:
        names = ", ".join(dict.fromkeys(unit.experiment for unit in outcome.left))
        console.print(
            f"{len(outcome.left)} of the units are left for the next call ({names}); the same command continues",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
