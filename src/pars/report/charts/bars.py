"""Bars side by side in the form of the paper's Figure 9: groups on x (a reward scale), one bar per arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pars.report.charts.arms import INTERVAL, estimates, marks, table
from pars.report.charts.plot import COLORS, INK, Picture, figure, legend, picture, style
from pars.report.stats.statistics import Estimate

WIDTH = 0.84  # of a group, of which the bars share
LEAST, MOST = 4.8, 5.6  # inches of the figure: groups that do not fit stand in rows, so that a phone has their letters
CAPTION = f"Bar: mean over seeds. Error bar: {INTERVAL}. Dots: seeds."


def bar_chart(
    name: str,
    title: str,
    groups: Sequence[str],
    arms: Sequence[str],
    scores: Sequence[Sequence[Any]],
    *,
    xlabel: str,
    ylabel: str = "Score",
    published: Any = None,
    caption: str = "",
) -> Picture:
    """One bar per arm in each group, with interval, seeds and published values.

    Args:
        scores: [arms][groups] lists of scores, one per seed; lengths may differ, an empty one leaves a gap.
        published: [arms, groups], None or NaN where there is none; drawn as a black line across the bar.
        caption: said before what the signs mean.
    """
    cells, theirs = estimates(arms, groups, scores), marks(arms, groups, published)
    group = 0.19 * len(arms) + 0.2  # inches
    rows = -(-len(groups) // max(int((MOST - 0.8) / group), 1))
    each = -(-len(groups) // rows)
    inches = min(max(LEAST, 0.8 + each * group), MOST)
    with style():
        fig = figure((inches, 3.3 + 2.7 * (rows - 1)))
        panels = np.atleast_1d(fig.subplots(rows, 1, sharey=True))
        for row, ax in enumerate(panels):
            own = slice(row * each, (row + 1) * each)
            _draw_panel(ax, groups[own], arms, [one[own] for one in cells], theirs[:, own])
            ax.set_xlim(-0.55, each - 0.45)
            ax.set_xticks(np.arange(len(groups[own])), list(groups[own]), **turned(groups, inches * rows))
            ax.set_ylabel(ylabel)
        if np.isfinite(theirs).any():
            panels[0].plot([], [], color="black", linewidth=1.8, label="published")  # named after the arms
        panels[-1].set_xlabel(xlabel)
        legend(fig, panels[0])
        text = " ".join(part for part in (caption, CAPTION, _marked(theirs)) if part)
        alt = (
            f"Bar chart of {ylabel.lower()} by {xlabel.lower()} ({', '.join(map(str, groups))}) for {', '.join(arms)}."
        )
        return picture(fig, name, title, text, alt, table((xlabel, "arm"), arms, groups, cells, theirs))


def _draw_panel(
    ax: Axes, groups: Sequence[str], arms: Sequence[str], cells: list[list[Estimate]], theirs: np.ndarray
) -> None:
    """Some of the groups."""
    width = WIDTH / len(arms)
    for i, arm in enumerate(arms):
        places = np.arange(len(groups)) + (i - (len(arms) - 1) / 2) * width
        _draw_arm(ax, places, width, cells[i], arm, COLORS[i % len(COLORS)])
        left = places - 0.46 * width
        ax.hlines(theirs[i], left, left + 0.92 * width, color="black", linewidth=1.8, zorder=4)
    ax.axhline(0, color=INK, linewidth=0.8, zorder=3)
    ax.grid(False, axis="x")
    ax.tick_params(axis="x", length=0)


def _draw_arm(ax: Axes, places: np.ndarray, width: float, cells: list[Estimate], arm: str, color: str) -> None:
    """The bars of one arm; dots stand side by side so that equal scores can be counted."""
    ax.bar(
        places, [cell.mean if cell.n else 0.0 for cell in cells], 0.9 * width,
        color=color + "66", edgecolor=color, linewidth=1.0, zorder=2,
    )  # fmt: skip
    ax.plot([], [], "s", markersize=9, markerfacecolor=color + "66", markeredgecolor=color, label=arm)
    for place, cell in zip(places, cells, strict=True):
        if cell.n:
            spread = np.linspace(-0.3, 0.3, cell.n) * width if cell.n > 1 else np.zeros(1)
            ax.plot(place + spread, cell.values, "o", markersize=2.6, color=color, zorder=4, clip_on=False)
        if cell.interval is not None:
            ax.errorbar(
                place, cell.mean, np.abs(np.array(cell.interval)[:, None] - cell.mean), color=INK, linewidth=1.1,
                capsize=2.5, capthick=1.1, zorder=5,
            )  # fmt: skip


def turned(groups: Sequence[str], inches: float) -> dict[str, Any]:
    """How to write names under the groups: aslant where they are too long to stand side by side."""
    room = inches / max(len(groups), 1)
    aslant = len(groups) > 1 and 0.085 * max(map(len, groups)) > 0.95 * room
    return {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if aslant else {}


def _marked(published: np.ndarray) -> str:
    return "Black line across a bar: the published value." if np.isfinite(published).any() else ""
