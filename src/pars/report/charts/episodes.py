"""The episodes of a dataset in the order of its file, coloured by what they came to."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.ticker import FuncFormatter

from pars.report.charts.plot import COLORS, INK, Picture, figure, picture, short, style, to_csv


def timeline(raw: Any, name: str) -> Picture | None:
    """Every episode as a bar as wide as it has rows and as high as its return; None if the card has no such thing.

    Args:
        raw: {"together", "rows": [E], "returns": [E], "terminal": [E]}, as the data card has it.
    """
    if not isinstance(raw, Mapping):
        return None
    try:
        rows, returns, terminal = (np.asarray(raw[key], float) for key in ("rows", "returns", "terminal"))
        together = int(raw["together"])
    except (KeyError, ValueError, TypeError):
        return None
    if not 0 < len(rows) == len(returns) == len(terminal):
        return None
    start = np.concatenate([[0.0], np.cumsum(rows)[:-1]])
    low, high = float(returns.min()), float(returns.max())
    room = 0.04 * (high - low) or 1.0
    with style():
        fig = figure((3.6, 2.6))
        ax = fig.subplots()
        colors = matplotlib.colormaps["viridis"](0.92 * (returns - low) / ((high - low) or 1.0))
        ax.bar(start, returns - low + room, rows, bottom=low - room, align="edge", color=colors, linewidth=0)
        ended = np.flatnonzero(terminal)
        marks = start[ended] + rows[ended]
        ax.plot(marks, np.full(len(ended), high + 2 * room), "v", markersize=4, color=COLORS[1], clip_on=False)
        ax.set(xlabel="rows, in the order of the file", ylabel="return", xlim=(0, float(rows.sum())))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        ax.spines["bottom"].set_color(INK)
    what = "Each bar: an episode" if together == 1 else f"Each bar: {together:,} episodes, their mean return"
    caption = f"{what}, as wide as its rows, coloured by return. Triangles: ends by the task itself."
    alt = f"Bar chart of the returns of {name}'s episodes in order, from {low:.4g} to {high:.4g}."
    cells = zip(start.astype(int).tolist(), rows.astype(int).tolist(), returns, terminal.astype(int).tolist())
    csv = to_csv(("first_row", "rows", "return", "terminal"), list(cells))
    return picture(fig, "timeline", "Episodes in order", caption, alt, csv, png=False)
