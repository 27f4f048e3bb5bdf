"""Scores against a number that was varied: the paper's Figures 11 and 17 and its Table 14 as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pars.report.charts.arms import INTERVAL, estimates, marks, table
from pars.report.charts.plot import HALF, Picture, as_series, figure, legend, line_style, picture, short, style
from pars.report.stats.statistics import Estimate

CAPTION = f"Line: mean over seeds. Band: {INTERVAL}. Dots: seeds."


def line_chart(
    name: str,
    title: str,
    x: Sequence[float],
    arms: Sequence[str],
    scores: Sequence[Sequence[Any]],
    *,
    xlabel: str,
    ylabel: str = "Score",
    log_x: bool = False,
    published: Any = None,
    caption: str = "",
) -> Picture:
    """One line per arm over the numbers x, with bands, seeds and published values.

    Args:
        x: increasing; each has its tick. Positive if log_x.
        scores: [arms][x] lists of scores, one per seed; lengths may differ, an empty one leaves a hole.
        published: [arms, x], None or NaN where there is none; drawn as an open diamond.
        caption: said before what the signs mean.
    """
    at = np.asarray(x, float)
    if (np.diff(at) <= 0).any() or not np.isfinite(at).all() or (log_x and (at <= 0).any()):
        raise ValueError(f"x must be increasing{' and positive on a log axis' if log_x else ''}, got {list(x)}")
    cells, theirs = estimates(arms, x, scores), marks(arms, x, published)
    with style():
        fig = figure(HALF)
        ax = fig.subplots()
        for i, arm in enumerate(arms):
            with as_series(ax, i):
                _draw_arm(ax, at, cells[i], arm, i)
                ax.plot(
                    at, theirs[i], "D", markersize=6, markerfacecolor="none", markeredgewidth=1.3,
                    color=line_style(i)["color"], zorder=4,
                )  # fmt: skip
        if np.isfinite(theirs).any():
            ax.plot([], [], "D", markersize=6, markerfacecolor="none", color="black", label="published")
        if log_x:
            ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(list(at)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if len(arms) > 1 or np.isfinite(theirs).any():
            legend(fig, ax)
        marked = "Diamonds: published values." if np.isfinite(theirs).any() else ""
        text = " ".join(part for part in (caption, CAPTION, marked) if part)
        alt = f"Line chart of {ylabel.lower()} against {xlabel.lower()} for {', '.join(arms)}."
        return picture(fig, name, title, text, alt, table((xlabel, "arm"), arms, [f"{v:g}" for v in at], cells, theirs))


def _draw_arm(ax: Axes, x: np.ndarray, cells: list[Estimate], arm: str, index: int) -> None:
    """One arm: its line with a dot in each mean, its band where there are intervals, its seeds."""
    look = line_style(index)
    means = np.array([cell.mean for cell in cells])
    bounds = np.array([cell.interval or (np.nan, np.nan) for cell in cells])
    ax.plot(x, means, label=arm, marker="o", markersize=4, zorder=3, **look)
    ax.fill_between(x, bounds[:, 0], bounds[:, 1], color=look["color"], alpha=0.13, linewidth=0, zorder=1)
    for place, cell in zip(x, cells, strict=True):
        ax.plot(np.full(cell.n, place), cell.values, "o", markersize=2.2, alpha=0.6, color=look["color"], zorder=2)
