"""The page of a reproduced table or figure: ours beside the paper's with interval and verdict, and every cell's run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from pars.report.charts.plot import Picture, to_csv
from pars.report.pages import html, reading
from pars.report.stats.comparison import Comparison, Finding, verdict
from pars.report.stats.statistics import iqm, number
from pars.system import write_whole

PAGE, CELLS, SUMMARY, FIGURES = "report.html", "cells.csv", "summary.json", "figures"
HEADER = (
    "what", "dataset", "ours: mean ± std", "95 % interval", "n", "IQM", "best (picked after)", "reference", "verdict",
)  # fmt: skip
MEANING = (
    "± is the sample standard deviation (ddof = 1) over seeds; intervals are percentile bootstrap ones of the mean "
    "over seeds, 2,000 draws, and too narrow with few seeds. The headline is the last evaluation; best is the "
    "evaluation with the highest mean over seeds, chosen after seeing all, so it flatters. Verdict: inside the "
    "reference's tolerance; without one, zero lies in Welch's 95 % interval of the difference of the means, published "
    "spreads taken as those of five seeds; a number printed without spread must lie in the t interval of our mean; "
    "else below or above. Not comparable: data, lengths or settings are known to differ."
)
SHORT = 2  # sentences of a page's reading that the index repeats: the last ones sum up
UNLIKE = (
    "These runs are not the paper's: nothing below is held against its numbers, which stand there for orientation only."
)


class Described(Protocol):
    """What a page says of an experiment before any result."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def claim(self) -> str: ...
    @property
    def notes(self) -> Sequence[str]: ...


def write_page(
    folder: Path,
    experiment: Described,
    finding: Finding,
    conditions: str,
    comparable: bool | None = None,
    *,
    progress: Mapping[str, int] | None = None,
    above: str = "",
    command: str = "",
    more: str = "",
) -> list[str]:
    """Page, figures as SVG, PNG and CSV, cells.csv and summary.json below `folder`. -> lines for the terminal

    Args:
        conditions: data, lengths, seeds, physics: what every number on the page was got under.
        comparable: whether the conditions are the paper's; None for what is computed here, whose references say
            themselves what they are.
        progress: planned_cells and finished_cells, of a study its parts.
        above: path from `folder` to where the runs' links start.
        more: markup of further sections.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save_figures(folder / FIGURES, finding.pictures)
    found = [(one, verdict(one, comparable is not False)) for one in finding.comparisons]
    write_whole(folder / CELLS, _csv(found, conditions))
    counts = Counter(said for _, said in found)
    summary = {
        "id": experiment.id, "title": experiment.title, "conditions": conditions, "paper_grade": comparable,
        "verdicts": dict(counts), "reading": list(finding.reading),
        "figures": [one.name for one in finding.pictures], **(progress or {}),
    }  # fmt: skip
    write_whole(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
    body = _body(experiment, finding, found, conditions, comparable, progress or {}, above, command, more)
    write_whole(folder / PAGE, html.page(f"{experiment.id}: {experiment.title}", body))
    counted = ", ".join(f"{count} {said}" for said, count in counts.items())
    lines = [f"{experiment.id}: {counted or 'no numbers'} ({conditions})"]
    return [*lines, *(f"  {line}" for line in finding.reading), f"  {folder / PAGE}"]


def _body(
    experiment: Described,
    finding: Finding,
    found: Sequence[tuple[Comparison, str]],
    conditions: str,
    comparable: bool | None,
    progress: Mapping[str, int],
    above: str,
    command: str,
    more: str,
) -> str:
    planned, finished = progress.get("planned_cells", 0), progress.get("finished_cells", 0)
    what = "parts" if comparable is None else "cells"
    missing = f"{planned - finished} of {planned} {what} are not finished; run the same command again."
    said = [
        html.note(f"The paper's claim: {experiment.claim}"),
        html.note(f"Here: {conditions}."),
        html.note(UNLIKE, "caveat") if comparable is False else "",
        html.note(missing, "warn") if planned > finished else "",
        html.reading(reading.EXHIBIT),
    ]
    parts = [
        html.head(experiment.id, experiment.title, *said),
        html.section("What came out", html.bullets(finding.reading)),
        html.section("Figures", html.figures(finding.pictures, "half")),
        more,
        html.section("Every number", _table(found, above), html.note(MEANING) if found else ""),
        html.section("Notes", *(html.note(line) for line in experiment.notes)),
        html.section("How to repeat this", html.code(command)),
    ]
    return "\n".join(parts)


def _table(found: Sequence[tuple[Comparison, str]], above: str) -> str:
    """Long form: one row for each number; the first cell links to the runs behind it."""
    if not found:
        return ""
    rows = [[*_texts(one), said] for one, said in found]
    links = [above + one.link if one.link else "" for one, _ in found]
    return html.table(HEADER, rows, links=links)


def _texts(one: Comparison) -> list[str]:
    ours, reference = one.estimate, one.reference
    middle = number(iqm(ours.values)) if ours.n > 3 else "n < 4"
    best = number(float(np.mean(one.best))) if one.best is not None and one.best.size else "—"
    theirs = f"{reference.text()} ({reference.source})" if reference else "—"
    return [one.row, one.column, ours.text(), ours.interval_text(), str(ours.n), middle, best, theirs]


def _csv(found: Sequence[tuple[Comparison, str]], conditions: str) -> str:
    header = ("what", "dataset", "n", "mean", "std", "low", "high", "iqm", "best", "reference", "reference_std",
              "source", "verdict", "seeds", "conditions")  # fmt: skip
    return to_csv(header, [_numbers(one, said, conditions) for one, said in found])


def _numbers(one: Comparison, said: str, conditions: str) -> tuple[Any, ...]:
    ours, reference = one.estimate, one.reference
    best = float(np.mean(one.best)) if one.best is not None and one.best.size else ""
    std = "" if reference is None or reference.std is None else reference.std
    theirs = (reference.mean, std, reference.source) if reference else ("", "", "")
    each = " ".join(f"{value:.9g}" for value in one.values)
    middle = (ours.n, ours.mean, ours.std, *(ours.interval or ("", "")), iqm(ours.values), best)
    return one.row, one.column, *middle, *theirs, said, each, conditions


def _save_figures(folder: Path, pictures: Sequence[Picture]) -> None:
    folder.mkdir(exist_ok=True)
    for one in pictures:
        files: dict[str, str | bytes] = {"svg": one.svg, "csv": one.csv, "png": one.png, "gif": one.gif}
        for ending, data in files.items():
            if data:
                write_whole(folder / f"{one.name}.{ending}", data)


def write_index(out: Path) -> Path:
    """out/index.html: every page below `out`, those of paper grade first and apart."""
    found = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(out.rglob(SUMMARY))]
    groups = (
        ("Paper-grade results", True),
        ("Computed here", None),
        ("Cut down or on other data: not comparable with the paper", False),
    )
    parts = [html.head("pars reproduce")]
    for title, grade in groups:
        here = [(path, facts) for path, facts in found if facts["paper_grade"] is grade]
        parts.append(html.section(title, html.cards([_card(out, path.parent, facts) for path, facts in here])))
    target = out / "index.html"
    write_whole(target, html.page("pars reproduce", "\n".join(parts)))
    return target


def _card(out: Path, folder: Path, facts: Mapping[str, Any]) -> SimpleNamespace:
    """What the index shows of a page: its first figure, how far it is, and in short what came out."""
    conditions = facts["conditions"][:1].upper() + facts["conditions"][1:]
    place = folder.relative_to(out).as_posix()
    image = next(iter(facts.get("figures") or ()), "")
    return SimpleNamespace(
        name=facts["id"],
        link=f"{place}/{PAGE}",
        image=f"{place}/{FIGURES}/{image}.svg" if image else "",
        alt=f"first figure of {facts['id']}",
        about=f"{facts['title']}. {conditions}.",
        planned=facts.get("planned_cells", 0),
        finished=facts.get("finished_cells", 0),
        verdicts=", ".join(f"{count} {said}" for said, count in facts["verdicts"].items()),
        short=" ".join(facts["reading"][-SHORT:]) or "—",
    )
