"""The page above several runs, one for each task: what every algorithm came to on each, and the pages of the runs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pars.report.charts import figures
from pars.report.load import read_run, tasks_of
from pars.report.pages import html, reading
from pars.report.pages.page import render
from pars.report.pages.verdict import summary as verdict_summary
from pars.report.records import PHASES, Run
from pars.report.series import Series, all_series
from pars.report.stats.statistics import number
from pars.system import write_whole

PAGE = "report.html"


def write_report(folder: Path | str) -> Path:
    """Write report.html into the run folder (or the group folder) given and return its path; of several tasks one page
    for each, and one above them.

    Raises UsageError if the folder is no run, CheckpointError if it cannot be read.
    """
    folder = Path(folder)
    below = tasks_of(folder)
    runs = [read_run(path) for path in below or [folder]]
    for run in runs:
        write_whole(run.folder / PAGE, render(run))
    if below:
        write_whole(folder / PAGE, _render(folder, runs))
    return folder / PAGE


def summary(folder: Path | str) -> list[str]:
    """Lines for the terminal: result, comparisons, data, speed, state; of several tasks those of each, and what each
    algorithm came to over all of them. Raises as `write_report`."""
    folder = Path(folder)
    below = tasks_of(folder)
    if not below:
        return verdict_summary(read_run(folder))
    runs = [read_run(path) for path in below]
    lines = [line for run in runs for line in [run.folder.name, *(f"  {line}" for line in verdict_summary(run))]]
    return lines + [f"over all  {' '.join(means)}" for means in _means(runs)]


def _render(folder: Path, runs: Sequence[Run]) -> str:
    rows, links, pictures = [], [], []
    for run in runs:
        series = all_series(run)
        for one in series:
            rows.append([run.folder.name, *_cells(one)])
            links.append(f"{run.folder.name}/{PAGE}")
        if (curve := figures.score_curve(series)) is not None:
            pictures.append(replace(curve, title=run.folder.name))
    header = ["task", "algorithm", *(f"last {phase} evaluation: mean ± std" for phase in PHASES)]
    header += ["95 % interval of the last", "n", "stands", "data", "physics"]
    means = [html.note(" ".join(words)) for words in _means(runs)]
    body = [
        html.head(f"{len(runs)} tasks · {folder.name}", "", html.reading(reading.SCORES)),
        html.section("Scores by task", html.table(header, rows, links=links), *means),
        html.section("Curves by task", html.figures(pictures, "third")),
    ]
    return html.page(f"{len(runs)} tasks: {folder.name}"[:120], "\n".join(body))


def _cells(one: Series) -> list[str]:
    finals = [one.final(phase) for phase in PHASES]
    last = next((score for score in reversed(finals) if score is not None), None)
    interval, n = (last.interval_text(), str(last.n)) if last else ("—", "0")
    scores = [score.text() if score else "—" for score in finals]
    group = one.group
    stands = f"{group.state} at {group.phase} step {group.step:,}"
    return [one.label, *scores, interval, n, stands, str(group.dataset.get("name", "unknown")), group.physics]


def _means(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Of each algorithm the mean over the tasks of its scores at the end of a phase, with how many tasks have one: only
    what has finished, and is a score of 0 to 100."""
    every = [one for run in runs for one in all_series(run)]
    for label in dict.fromkeys(one.label for one in every):
        own = [one for one in every if one.label == label]
        done = [one for one in own if one.group.state == "finished" and one.group.task_card.get("reference")]
        for phase in PHASES:
            found = [score.mean for one in done if (score := one.final(phase)) is not None]
            if len(found) > 1:
                of = "" if len(found) == len(own) else f" of {len(own)}, those that have finished and have references"
                yield f"{label}, {phase}:", f"mean over {len(found)} tasks{of} {number(float(np.mean(found)))}."
