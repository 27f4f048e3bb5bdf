"""judge.html: one file with the table, the picture and what the words mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pars.judge.estimates import ESTIMATORS, FLAGS
from pars.judge.judging import Judgement
from pars.judge.ranking import Place, ranked, table, verdict
from pars.report.charts.plot import COLORS, HALF, INK, Picture, figure, picture, style, to_csv
from pars.report.pages import html

PAGE = "judge.html"
OPEN = 20  # rows of the table that stand open
DRAWN = 40  # intervals in the picture without a truth


def write_page(judged: Judgement, estimator: str, target: Path) -> Path:
    """Write the page and return its path. Raises ResourceError if that is impossible."""
    return html.save(target, render(judged, estimator), "free some space")


def render(judged: Judgement, estimator: str) -> str:
    """The whole page as HTML."""
    places = ranked(judged, estimator)
    first, *rest = verdict(judged, places)
    header, rows = table(judged, places)
    trusted = sum(place.said.trust for place in places)
    caveat = (
        f"{len(places) - trusted} of {len(places)} estimates are not to be trusted." if trusted < len(places) else ""
    )
    flags = dict.fromkeys(flag for place in places for flag in place.said.flags)
    body = [
        html.head(
            f"Judged without an environment · {judged.data}", first, *map(html.note, rest), html.note(caveat, "caveat")
        ),
        html.section("Policies", html.figures([_picture(judged, places)], "half"), html.table(header, rows[:OPEN])),
        html.details(f"All {len(rows)} policies", html.table(header, rows)) if len(rows) > OPEN else "",
        html.section(
            "What the words mean",
            html.definitions([("estimate", ESTIMATORS[estimator]), *((name, FLAGS[name]) for name in flags), *WORDS]),
        ),
    ]
    return html.page(f"judged: {judged.data}"[:120], "\n".join(body))


WORDS = (
    ("interval", "of 95 %: from critics on bootstrap samples of the episodes, the starts, errors on held-out episodes"),
    ("overlap", "share of the data's states where the policy's action is among those that were tried"),
    ("true", "discounted return in the simulator, what is estimated; return: the plain one"),
)


def _picture(judged: Judgement, places: Sequence[Place]) -> Picture:
    measured = [place for place in places if place.policy.truth is not None]
    return _against_truth(judged, measured) if measured else _intervals(judged, places)


def _against_truth(judged: Judgement, places: Sequence[Place]) -> Picture:
    """Estimate against truth, and what one would have picked."""
    true = np.array([place.policy.truth[0].mean() for place in places if place.policy.truth is not None])
    said = np.array([(place.said.low, place.said.estimate, place.said.high) for place in places])
    trust = np.array([place.said.trust for place in places])
    with style():
        fig = figure(HALF)
        ax = fig.subplots()
        ends = [min(true.min(), said[:, 1].min()), max(true.max(), said[:, 1].max())]
        ax.plot(ends, ends, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label="estimate = truth")
        for kind, color, label in ((trust, COLORS[0], "trusted"), (~trust, COLORS[1], "not to be trusted")):
            if kind.any():
                ax.vlines(true[kind], said[kind, 0], said[kind, 2], color=color, alpha=0.35, linewidth=1.5)
                ax.plot(true[kind], said[kind, 1], "o", color=color, markersize=4.5, label=label)
        ax.plot(true[0], said[0, 1], "*", color=INK, markersize=13, label="the pick", zorder=5)
        wide = 0.35 * (ends[1] - ends[0] or 1.0)
        ax.set_ylim(ends[0] - wide, ends[1] + wide)
        ax.set(xlabel="true discounted return", ylabel=f"estimate ({places[0].said.estimator})")
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2, borderaxespad=0.1)
    rows = [(place.policy.name.label, x, *y, place.said.trust) for place, x, y in zip(places, true, said, strict=True)]
    csv = to_csv(("policy", "true", "low", "estimate", "high", "trust"), rows)
    caption = "A dot for each policy, its interval upright. What is far below or above the line was misjudged."
    alt = f"Estimates of {len(places)} policies against their true discounted returns on {judged.data}."
    return picture(fig, "judged", "Estimate against truth", caption, alt, csv, png=False)


def _intervals(judged: Judgement, places: Sequence[Place]) -> Picture:
    """Estimates with their intervals, beside what the data's own behaviour returned."""
    shown = list(places[:DRAWN])
    with style():
        fig = figure((HALF[0], 1.2 + 0.16 * len(shown)))
        ax = fig.subplots()
        mean, error = judged.returns.mean(), 2.0 * judged.returns.std() / len(judged.returns) ** 0.5
        ax.axvspan(mean - error, mean + error, color=COLORS[2], alpha=0.25)
        ax.axvline(mean, color=COLORS[2], label="the data's own return")
        for row, place in enumerate(shown):
            color = COLORS[0] if place.said.trust else COLORS[1]
            ax.plot((place.said.low, place.said.high), (row, row), color=color, alpha=0.5, linewidth=2)
            ax.plot(place.said.estimate, row, "o", color=color, markersize=4)
        for kind, color in (("trusted", COLORS[0]), ("not to be trusted", COLORS[1])):
            ax.plot([], [], "o", color=color, label=kind)
        ax.set_yticks([])
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set(xlabel=f"discounted return ({places[0].said.estimator})", ylabel="policies in the table's order")
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2, borderaxespad=0.1)
    rows = [(p.policy.name.label, p.said.low, p.said.estimate, p.said.high, p.said.trust) for p in places]
    csv = to_csv(("policy", "low", "estimate", "high", "trust"), rows)
    caption = "Dot: estimate. Bar: its interval." + (
        f" The first {DRAWN} of {len(places)}." if len(places) > DRAWN else ""
    )
    alt = f"Estimates with intervals of {len(shown)} policies beside the return of the data of {judged.data}."
    return picture(fig, "judged", "Estimates and the data's own return", caption, alt, csv, png=False)
