"""Ours against the paper as a table in colours: one cell per method and dataset, what differs is what is coloured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pars.report.charts.plot import INK, Picture, blank, figure, picture, style, to_csv
from pars.report.stats.statistics import signed

# vermilion through white to blue, the ends of Okabe and Ito (2008): below, like, above the published number
DIVERGING = LinearSegmentedColormap.from_list(
    "below and above", ["#B34700", "#F0B48A", "#F7F7F7", "#8FC1E3", "#00598C"]
)
NOTHING = "n/c"
CELL = (0.74, 0.38)  # inches
WIDEST = 10  # columns; a table with more and with fewer rows is drawn on its side
CAPTION = (
    "In each cell our score, and below it the published one with the difference coloured: blue is above, orange below. "
    "Hatched, n/c: the two are not comparable, or one of them is missing."
)


def heat_table(
    name: str,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    ours: Any,
    published: Any,
    comparable: Any = None,
    *,
    span: float | None = None,
    caption: str = "",
    labels: tuple[str, str] = ("method", "dataset"),
) -> Picture:
    """Our scores beside the published ones. Tables with many columns and few rows are drawn on their side.

    Args:
        ours, published: [rows, columns] scores, None or NaN where there is none.
        comparable: [rows, columns] of bool, False where data, length or networks are not the paper's; None: all are.
        caption: said before what the signs mean.
        span: difference in points at which the colours end; None: the largest difference, at least 5, at most 50.
        labels: what a row and what a column is, for the CSV.
    """
    scores, theirs = _matrix("ours", ours, rows, columns), _matrix("published", published, rows, columns)
    alike = np.ones(scores.shape, bool) if comparable is None else _matrix("comparable", comparable, rows, columns) > 0
    gap = np.where(alike, scores - theirs, np.nan)
    if span is None:
        span = float(np.clip(np.nanmax(np.abs(gap)), 5.0, 50.0)) if np.isfinite(gap).any() else 5.0
    flat = to_csv(
        (*labels, "ours", "published", "comparable", "difference"),
        (
            (row, column, *map(blank, (scores[i, j], theirs[i, j])), "yes" if alike[i, j] else "no", blank(gap[i, j]))
            for i, row in enumerate(rows)
            for j, column in enumerate(columns)
        ),
    )
    shown = int(np.isfinite(gap).sum())
    alt = f"Table of {len(rows)} by {len(columns)} scores beside published ones, {shown} of them comparable."
    if len(columns) > max(WIDEST, len(rows)):
        rows, columns, scores, theirs, gap = columns, rows, scores.T, theirs.T, gap.T
    text = f"{caption} {CAPTION}".strip()
    with style():
        return picture(_draw(rows, columns, scores, theirs, gap, span), name, title, text, alt, flat)


def _draw(
    rows: Sequence[str], columns: Sequence[str], ours: np.ndarray, published: np.ndarray, gap: np.ndarray, span: float
) -> Figure:
    """The table as a figure, as large as its cells and names need."""
    left = 0.085 * max(map(len, rows)) + 0.3
    turned = max(map(len, columns)) > 8
    top = 0.085 * max(map(len, columns)) * (0.71 if turned else 0) + 0.3
    fig = figure((max(left + CELL[0] * len(columns) + 0.2, 3.2), top + CELL[1] * len(rows) + 0.7))
    ax = fig.subplots()
    norm = Normalize(-span, span)
    for i, j in np.ndindex(gap.shape):
        colour = DIVERGING(norm(float(gap[i, j]))) if np.isfinite(gap[i, j]) else None
        _cell(ax, j, i, float(ours[i, j]), float(published[i, j]), colour)
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set_xticks(np.arange(len(columns)) + 0.5, list(columns))
    ax.set_yticks(np.arange(len(rows)) + 0.5, list(rows))
    if turned:
        for label in ax.get_xticklabels():
            label.set(rotation=45, ha="left", rotation_mode="anchor")
    bar = fig.colorbar(
        ScalarMappable(norm, DIVERGING), ax=ax, location="bottom", label="ours minus published (points)",
        aspect=28, shrink=min(1.0, 4.5 / fig.get_figwidth()), pad=0.02,
        extend="both" if (np.abs(gap[np.isfinite(gap)]) > span).any() else "neither",
    )  # fmt: skip
    bar.outline.set_visible(False)
    return fig


def _cell(ax: Axes, x: int, y: int, ours: float, published: float, colour: Any) -> None:
    """One cell, its corner at (x, y). colour: None where the numbers cannot be held against each other."""
    if colour is None:
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor="#f2f2f2", edgecolor="#d0d0d0", hatch="////", linewidth=0))
        ax.add_patch(Rectangle((x, y), 1, 1, fill=False, edgecolor="white", linewidth=1.2))
        box = dict(boxstyle="round,pad=0.15", facecolor="#f2f2f2", linewidth=0)
        ax.text(x + 0.5, y + 0.5, NOTHING, ha="center", va="center", color="#5a5a5a", fontsize=8, bbox=box)
        return
    ax.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.2))
    light = float(np.dot(colour[:3], (0.299, 0.587, 0.114)))  # luma, to choose the ink
    ink = INK if light > 0.55 else "white"
    ax.text(x + 0.5, y + 0.33, _number(ours), ha="center", va="center", color=ink, fontsize=9.5)
    ax.text(x + 0.5, y + 0.74, _number(published), ha="center", va="center", color=ink, fontsize=7)


def _number(value: float) -> str:
    return signed(value, 1).lstrip("+")


def _matrix(what: str, values: Any, rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    """values as [rows, columns] of float, None as NaN."""
    matrix = np.array(values, dtype=float)
    if matrix.shape != (len(rows), len(columns)) or not matrix.size:
        raise ValueError(
            f"heat_table takes {what} as [rows, columns] = {(len(rows), len(columns))} with at least one cell, "
            f"got {matrix.shape}"
        )
    return matrix
