"""What `pars eval`, `pars report` and `pars ls` do with what came out of runs."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pars import api
from pars.cli.files import write_records
from pars.envs import make_task
from pars.errors import UsageError, printable
from pars.training.folder import read_description
from pars.training.restore import run_folders


def evaluate(
    run: Path,
    episodes: int | None,
    first_episode: int,
    env: str | None,
    env_timeout: float | None,
    isolate: bool = False,
    csv_file: Path | None = None,
    json_file: Path | None = None,
    at: str | None = None,
) -> None:
    if env:
        described = [read_description(folder) for folder in run_folders(run)]
        named = {one["task"] for one in described}
        if named != {env}:
            raise UsageError(f"--env {env}: the run's is {', '.join(map(str, named))}; name that, or leave it out")
        find_here(env)
        options = described[0].get("task_options", {})
        make_task(env, **options, isolate=isolate)  # imports its module, which the user trusts, here or apart
    results = api.evaluate(run, episodes, first_episode, env_timeout, at, isolate)
    write_records([row for result in results for row in every_episode(result)], csv_file, json_file)
    tasks = dict.fromkeys(result.task.id for result in results)
    for task in tasks:
        title = task if len(tasks) > 1 else None
        words = [Column(name, overflow="fold") for name in ("algorithm", "at", "physics")]
        names = ("seed", "score", "return mean", "std", "episodes", "length")
        numbers = [Column(name, no_wrap=True, justify="right") for name in names]
        columns = [words[0], numbers[0], words[1], *numbers[1:], words[2]]
        table = Table(*columns, title=title, box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for result in results:
            for row in _rows(result) if result.task.id == task else []:
                table.add_row(*map(Text, map(printable, row)))
        wide_console().print(table)


def wide_console() -> Console:
    """A console for a table; a pipe has no width."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 120))


def _rows(result: api.Result) -> Iterator[list[str]]:
    """Of each member: algorithm, seed, position, scores and sizes."""
    at = f"{result.position.phase} {result.position.step:,}"
    returns, lengths = result.evaluation.returns, result.evaluation.lengths
    for i, seed in enumerate(result.seeds):
        std = f"{returns[i].std(ddof=1):.2f}" if len(returns[i]) > 1 else "-"
        figures = (f"{result.scores[i].mean():.1f}", f"{returns[i].mean():.2f}", std)
        sizes = (str(len(returns[i])), f"{lengths[i].mean():.0f}")
        yield [result.algorithm, str(seed), at, *figures, *sizes, result.task.physics]


def every_episode(result: api.Result) -> Iterator[dict[str, Any]]:
    """A flat record for each episode of each member."""
    where: dict[str, Any] = {"algorithm": result.algorithm, "task": result.task.id, "physics": result.task.physics}
    where |= {"phase": result.position.phase, "step": result.position.step}
    for member, seed in enumerate(result.seeds):
        parts = result.evaluation.returns[member], result.evaluation.lengths[member], result.scores[member]
        for number, (gain, length, score) in enumerate(zip(*parts, strict=True)):
            own = {"member": member, "seed": seed, "episode": number, "return": float(gain), "length": int(length)}
            yield where | own | {"score": float(score)}


def report(runs: Sequence[Path], out: Path | None = None, quiet: bool = False) -> None:
    from pars.report import comparison, summary, write_report  # slow to import, and training can start without it
    from pars.report.records import SEARCH

    if not runs or (out and len(runs) == 1):
        raise UsageError("name a run, such as runs/RUN" if not runs else f"--out {out}: is for a page of several runs")
    if twice := [run for i, run in enumerate(runs) if run.resolve() in [other.resolve() for other in runs[:i]]]:
        raise UsageError(f"{twice[0]} is named twice; name each run once")
    console = Console()
    if len(runs) == 1 and (runs[0] / SEARCH).is_file():
        _report_search(runs[0], console)
        return
    for run in runs:
        run_folders(run)
    if len(runs) > 1:
        lines, path = comparison.summary(runs), comparison.write(runs, out or Path("comparison.html"))
    else:
        path, lines = write_report(runs[0]), [] if quiet else summary(runs[0])
    for line in lines:
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {path}", markup=False, soft_wrap=True)


def _report_search(out: Path, console: Console) -> None:
    """The page of a search once more, from its record."""
    from pars.sweep import page, search, space  # slow to import

    record = search.read_record(out)
    assert record is not None
    wanted = space.of_record(record.asked["space"])
    for line in page.summary(record, wanted):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"page: {page.write_page(record, wanted, out)}", markup=False, soft_wrap=True)


def list_runs(
    folders: Sequence[Path], algo: str, task: str, state: str, csv_file: Path | None, json_file: Path | None
) -> None:
    from pars.report.listing import age, listed

    rows = listed(folders, algo, task, state)
    words = [Column(name, overflow="fold") for name in ("run", "algorithm", "task", "differs")]
    numbers = [Column(name, no_wrap=True, justify="right") for name in ("n", "score", "stands at")]
    table = Table(
        *words, *numbers, "state", Column("age", no_wrap=True), box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for row in rows:
        score = "-" if math.isnan(row.score) else f"{row.score:.1f}" + (f" ± {row.std:.1f}" if row.seeds > 1 else "")
        at = f"{row.at}/{row.planned:,}" if row.planned else row.at
        cells = (row.run, row.algorithm, row.task, row.changed, str(row.seeds), score, at, row.state, age(row.age))
        table.add_row(*map(Text, map(printable, cells)))
    console = wide_console()
    if not rows:
        console.print("no run there fits; leave out --algo, --task or --state")
        return
    console.print(table)
    write_records([row.record() for row in rows], csv_file, json_file)


def find_here(env: str) -> None:
    """A module that the user names as an environment's may lie in the working folder, as with `python -m`."""
    if ":" in env and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
