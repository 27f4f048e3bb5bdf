"""`pars judge`: thin, as the other subcommands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from pars.cli.options import Import


def judge(
    runs: Positional[tuple[Path, ...]],
    data: str | None = None,
    map: str | None = None,
    action_range: str | None = None,
    estimator: Literal["fqe", "critic", "is", "dr"] = "fqe",
    discount: float | None = None,
    rows: int = 20_000,
    fit_steps: int = 2500,
    truth: int = 0,
    json: Path | None = None,
    csv: Path | None = None,
    imports: Import = (),
) -> None:
    """Estimate what all policies of runs are worth from their data alone, and say which of them to trust.

    Train with --keep-policies to have the policies of every evaluation judged, not of the last checkpoints alone.

    `pars judge runs/RUN`: writes RUN/judge.json and RUN/judge.html, too.

    `pars judge runs/A runs/B --truth 20`: both, trained on the same data, beside 20 episodes of each in the simulator.

    Args:
        runs: Folders that `pars train` wrote, all on the same data.
        data: Their data, if it is no longer where they found it.
        map: Our names to those in that file; without --data as in training.
        action_range: Of the actions in that file; without --data as in training.
        estimator: What decides: fitted Q evaluation, the method's own critics, importance sampling, or doubly robust.
        discount: Of the estimates; by default a horizon of a quarter of the longest episode, of 100 steps at most.
        rows: Of whole episodes of the data that are looked at.
        fit_steps: Gradient steps of the critics of each policy.
        truth: Episodes of each policy in its simulator, to see how right the estimates are.
        json: Write all estimates to this file.
        csv: The same as a table.
    """
    from pars.cli import commands

    commands.import_modules(imports)
    options = dict(data=data, action_range=action_range, discount=discount, rows=rows, truth=truth)
    show(runs, estimator, fit_steps, json, csv, map, options)


SHOWN = 20  # rows


def show(
    runs: Sequence[Path],
    estimator: str,
    fit_steps: int,
    json_file: Path | None,
    csv_file: Path | None,
    mapping: str | None,
    options: dict[str, Any],
) -> None:
    """Judge, print the table and what one would pick, write the files."""
    from rich.table import Column, Table
    from rich.text import Text

    from pars.cli.files import write_records
    from pars.cli.outcome import wide_console
    from pars.data.formats.mapping_file import reading
    from pars.errors import UsageError
    from pars.judge.fitted import Fit
    from pars.judge.judging import judge
    from pars.judge.page import PAGE, write_page
    from pars.judge.ranking import ranked, records, table, verdict

    if not runs:
        raise UsageError("name a run to judge, such as runs/RUN")
    console = wide_console()
    judged = judge(runs, mapping=reading(mapping), how=Fit(steps=fit_steps), note=console.print, **options)
    places = ranked(judged, estimator)
    header, rows = table(judged, places)
    columns = [Column(name, overflow="fold", no_wrap=name not in ("policy", "trust")) for name in header]
    shown = Table(*columns, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for row in rows[:SHOWN]:
        shown.add_row(*map(Text, row))
    console.print(shown)
    if len(rows) > SHOWN:
        console.print(f"and {len(rows) - SHOWN} more, see the page")
    said = verdict(judged, places)
    delivery = len(said) - places[0].said.trust  # what to do next, if anything, is the last line
    for line in said[:delivery]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    write_records(records(judged), csv_file, json_file)
    for run in runs:
        page = write_page(judged, estimator, run / PAGE)
    for line in (f"page: {page}", *said[delivery:]):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
