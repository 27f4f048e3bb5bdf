"""Final scores in one figure: a row for each series, with its interval and its seeds."""

import textwrap
from typing import Any

import numpy as np

from pars.report.charts.plot import COLORS, HALF, INK, Picture, figure, picture, style, to_csv
from pars.report.records import PHASES
from pars.report.series import Series

MOST = 24  # rows
WIDE = 16  # letters of a name in a line: more leave no room for the panels


def ends(series: list[Series]) -> Picture | None:
    """Score at the end of each phase, side by side; None for fewer than two series with a score."""
    found = [(i, one) for i, one in enumerate(series) if any(one.final(phase) is not None for phase in PHASES)]
    if len(found) < 2:
        return None
    shown = found[:MOST]
    phases = [phase for phase in PHASES if any(one.final(phase) is not None for _, one in shown)]
    names = [textwrap.fill(one.label, WIDE) for _, one in shown]
    lines = sum(max(1.0, 0.55 * (1 + name.count("\n"))) for name in names)
    with style():
        fig = figure((HALF[0], max(1.2 + 0.3 * lines, 1.8)))
        for ax, phase in zip(
            np.atleast_1d(fig.subplots(1, len(phases), sharex=True, sharey=True)), phases, strict=True
        ):
            for row, (index, one) in enumerate(shown):
                _draw_row(ax, row, one, phase, COLORS[index % len(COLORS)])
            ax.set(xlabel="score", title=f"end of {phase}")
            ax.set_yticks(range(len(shown)), names)
            ax.tick_params(axis="y", length=0)
            ax.grid(axis="y", visible=False)
            ax.set_ylim(len(shown) - 0.5, -0.5)
    caption = "Dot: mean over seeds. Bar: 95 % percentile bootstrap interval over seeds (n ≥ 2). Circles: single seeds."
    if len(found) > MOST:
        caption += f" Shown: the first {MOST} of {len(found)}; the CSV has all."
    if len({(phase, one.last_step(phase)) for _, one in found for phase in PHASES if one.last_step(phase)}) > len(
        phases
    ):
        caption += " Not all stand at the same step, see the table."
    labels = ", ".join(one.label for _, one in shown)
    alt = f"Final scores with intervals at the end of {' and '.join(phases)} training for {labels}."
    return picture(fig, "ends", "Score at the end", caption, alt, _csv([one for _, one in found]), png=False)


def _draw_row(ax: Any, row: int, one: Series, phase: str, color: str) -> None:
    score = one.final(phase)
    if score is None or not score.n:
        return
    if score.interval is not None:
        ax.plot(score.interval, (row, row), color=color, linewidth=5, alpha=0.4, solid_capstyle="butt", zorder=2)
        ax.plot(score.values, [row] * score.n, "o", markersize=4.5, markerfacecolor="none", color=color, zorder=3)
    ax.plot(score.mean, row, "o", markersize=6, color=color, markeredgecolor=INK, markeredgewidth=0.6, zorder=4)


def _csv(series: list[Series]) -> str:
    rows: list[tuple[Any, ...]] = []
    for one in series:
        for phase in PHASES:
            if (score := one.final(phase)) is not None and score.n:
                low, high = score.interval or ("", "")
                rows.append((one.label, phase, one.last_step(phase), score.n, score.mean, score.std, low, high))
    return to_csv(("series", "phase", "step", "n", "mean", "sample_std", "low", "high"), rows)
