"""Figure 3 of PARS, a drawing: how Q goes on beyond the convex hull of the data, and how it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pars.report.charts.plot import COLORS, INK, Picture, figure, line_style, picture, style, to_csv
from pars.reproduce.base import Arrays, Finding, Study

HULL = (-0.6, 0.45)  # of the data's actions
DATA = ((-0.6, -0.35), (0.05, 0.45))  # where they are
VIEW, GRID = 1.6, 321
Q_MIN = -0.6
WIDTH = 0.45  # over which the wanted Q falls, beyond the hull


def in_hull(x: np.ndarray) -> np.ndarray:
    """Q over actions inside the hull: it rises towards both ends of the data, as one that is not finished may."""
    return np.asarray(0.25 + 0.3 * x + 0.55 * x**2)


def linear(x: np.ndarray) -> np.ndarray:
    """Beyond the hull along its slope there, as a network of ReLU goes on."""
    inner = np.clip(x, *HULL)
    slope = 0.3 + 1.1 * inner
    return in_hull(inner) + slope * (x - inner)


def wanted(x: np.ndarray) -> np.ndarray:
    """Beyond the hull gradually down, to Q_MIN far out."""
    inner = np.clip(x, *HULL)
    return np.asarray(Q_MIN + (in_hull(inner) - Q_MIN) * np.exp(-(((x - inner) / WIDTH) ** 2)))


def compute(seeds: Sequence[int]) -> Arrays:
    x = np.linspace(-VIEW, VIEW, GRID)
    return {"x": x, "linear": linear(x), "wanted": wanted(x)}


def show(parts: Mapping[str, Arrays]) -> Finding:
    part = parts["drawing"]
    feasible = np.abs(part["x"]) <= 1.0
    best = {name: float(part["x"][feasible][part[name][feasible].argmax()]) for name in ("linear", "wanted")}
    reading = [
        f"As drawn, a policy that climbs Q inside the box ends at {best['linear']:.2f} where Q goes on linearly, the "
        f"edge of the box, and at {best['wanted']:.2f} where it goes down beyond the hull, the edge of the data."
    ]
    return Finding(pictures=[_picture(part)], reading=reading)


def _picture(part: Mapping[str, np.ndarray]) -> Picture:
    x = part["x"]
    inside = (x >= HULL[0]) & (x <= HULL[1])
    with style():
        fig = figure((4.8, 3.3))
        ax = fig.subplots()
        ax.grid(False)
        ax.axvspan(*HULL, color="#bcd9ee", linewidth=0, zorder=0, label="hull of the data")
        for i, (low, high) in enumerate(((-VIEW, -1.0), (1.0, VIEW))):
            ax.axvspan(low, high, color="#dddddd", linewidth=0, zorder=0, label="infeasible" if i else None)
        ax.plot(x, part["linear"], label="linear, as ReLU goes on", **line_style(1))
        ax.plot(x, part["wanted"], label="wanted", **line_style(2))
        ax.plot(x[inside], in_hull(x[inside]), color=INK, linewidth=2.6)
        data = np.concatenate([np.linspace(*ends, 6) for ends in DATA])
        ax.plot(data, in_hull(data), "o", color=COLORS[0], markersize=5, label="data", zorder=3)
        ax.axhline(Q_MIN, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        ax.annotate("Q_min", (sum(HULL) / 2, Q_MIN), (0, 3), ha="center", textcoords="offset points", fontsize=9)
        ax.set(xlim=(-VIEW, VIEW), xlabel="action", ylabel="Q", xticks=(-1, 0, 1))
        ax.set_yticks([])
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=3, columnspacing=1.2)
        rows = list(zip(x[::4], part["linear"][::4], part["wanted"][::4], strict=True))
        return picture(
            fig,
            "figure3",
            "How Q goes on beyond the data",
            "A drawing: inside the hull of the data's actions Q lies between data; beyond it a network of ReLU goes on "
            "along its slope, up where that points up. Wanted is a gradual fall beyond the hull, down to Q_min where "
            "actions are infeasible.",
            "Two curves that agree inside the data's hull and part beyond it, one rising, one falling.",
            to_csv(("action", "linear", "wanted"), rows),
        )


FIGURE3 = Study(
    id="figure3",
    title="How Q should go on beyond the data",
    claim="Q should fall gradually beyond the convex hull of the data in the place of going on linearly.",
    parts={"drawing": compute},
    show=show,
    seconds=0.1,
    seeds=1,
    notes=(
        "The paper's figure is a drawing, and so is this: the curve is of our choosing. What networks do is figure5.",
    ),
)
