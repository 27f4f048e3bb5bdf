"""What `pars reproduce` does with its words: jobs, the plan that is printed before anything starts, and the run."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Literal

import jax
from rich.console import Console
from rich.table import Column, Table

from pars.config import parse_axes
from pars.errors import UsageError
from pars.reproduce.asked import Asked
from pars.reproduce.cost import Machine, Seconds
from pars.reproduce.reproduce import Job, Outcome, Unit, plan_units, reproduce
from pars.reproduce.units import PAGES_SECONDS, run_units
from pars.reproduce.workers import Runner
from pars.sweep.drive import Pool, in_words
from pars.sweep.workers import Workers, take_gpus
from pars.system import cores
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
    who: Workers | None,
    command: str,
) -> None:
    """who: trains the populations; None: this process."""
    begun, seconds = time.monotonic(), parse_budget(budget)
    ids, axes = [word for word in words if "=" not in word], parse_axes(word for word in words if "=" in word)
    if not ids:
        raise UsageError("name the tables and figures to reproduce, such as figure5 table12, or all")
    changes = dict(data=data, steps_scale=steps_scale, seeds=seeds, rows=rows, episodes=episodes)
    changes = {name: value for name, value in changes.items() if value is not None}
    asked = Asked(ids, changes, tasks, arms, axes, small)
    jobs = asked.jobs(out)
    gpus = take_gpus() if who else []
    console, machine = Console(), Machine(together=jax.default_backend() != "cpu")
    with closing(who.open(out.resolve(), gpus, Runner.__module__)) if who else nullcontext() as pool:
        with progress_bar("estimating") as advance:
            units = plan_units(jobs, machine, command, advance)
        if not quiet or dry_run:
            _print_plan(console, jobs, units, seconds, pool)
        if dry_run:
            return
        flat = [unit for some in units for unit in some]
        runner = Runner(pool, who.retries, out, asked, command) if who and pool else run_units
        outcome = reproduce(jobs, flat, seconds, make_view(console, quiet), command, begun, runner)
    _print_end(console, outcome, out, time.monotonic() - begun)
    for error in outcome.errors[1:]:
        print(f"pars: {error}", file=sys.stderr)
    if outcome.errors:
        raise outcome.errors[0]


def parse_budget(text: str | None) -> float | None:
    """`90s`, `30m`, `2h`, or minutes -> seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None or not 0.0 < float(match[1]) < math.inf:
        raise UsageError(f"--budget {text!r} is not a time such as 90s, 30m or 2h")
    return float(match[1]) * UNITS[match[2]]


def _print_plan(
    console: Console, jobs: Sequence[Job], units: Sequence[Sequence[Unit]], budget: float | None, pool: Pool | None
) -> None:
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
        here, gpu = (f"with {job.grid.runs}",) * 2 if shared else (duration(left.here, True), duration(left.gpu, True))
        total += left
        table.add_row(job.experiment.id, job.experiment.title, on, str(len(own)), str(done), here, gpu)
    console.print(table)
    limit = _with_pool(units, pool) if pool else ""
    limit += f"; budget {duration(budget)}" if budget else ""
    console.print(
        f"left: about {duration(total.here, True)} here, {duration(total.gpu, True)} on one GPU (h:min:s){limit}. "
        "Estimates from this machine's rate of matrix products and physics; the GPU's are in part measured, in part "
        "reasoned.",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def _with_pool(units: Sequence[Sequence[Unit]], pool: Pool) -> str:
    """How long its workers take, with cores like this machine's: what is trained is shared out, the rest is not."""
    left = [unit for own in units for unit in own if not unit.done]
    trained = [unit.cost.gpu if pool.gpu else unit.cost.here * cores() / pool.cores for unit in left if unit.parts]
    longest = max([*trained, sum(trained) / pool.workers])
    rest = sum(unit.cost.here for unit in left if not unit.parts)
    return f"; about {duration(longest + rest)} by {in_words(pool)}"


def _print_end(console: Console, outcome: Outcome, out: Path, seconds: float) -> None:
    console.print(f"{len(outcome.finished)} units finished in {duration(seconds)}; index: {out / 'index.html'}")
    if outcome.left:
        names = ", ".join(dict.fromkeys(unit.experiment for unit in outcome.left))
        console.print(
            f"{len(outcome.left)} of the units are left for the next call ({names}); the same command continues",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    whole = next((unit for unit in outcome.left if not unit.divisible), None)
    if whole and not outcome.finished:
        minutes = math.ceil((1.2 * whole.cost.here + PAGES_SECONDS + seconds) / 60)
        console.print(
            f"{whole.experiment}, {whole.label}: takes about {duration(whole.cost.here)} and cannot be stopped "
            f"halfway, so it is only begun where it fits; give --budget {minutes}m",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
