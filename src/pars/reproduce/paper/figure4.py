"""Figure 4 of PARS: a larger scale asks for a finer representation; a piecewise constant stands for the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pars.report.charts.plot import INK, Picture, figure, line_style, picture, style, to_csv
from pars.report.stats.comparison import Comparison, Reference
from pars.reproduce.base import Arrays, Finding, Study

BINS = 5


@dataclass(frozen=True)
class Line:
    """y = slope x on [0, end], and the largest error that the paper's drawing shows."""

    slope: float
    end: float
    error: float

    @property
    def name(self) -> str:
        return f"y = {'' if self.slope == 1 else f'{self.slope:g}'}x on [0, {self.end:g}]"


LINES = {"unit": Line(1.0, 1.0, 0.2), "scaled": Line(5.0, 1.0, 1.0), "fine": Line(5.0, 0.2, 0.2)}


def fit(line: Line, bins: int = BINS, level: float = 0.0, points: int = 101) -> Arrays:
    """The line and a piecewise constant over equal bins, `x`, `y`, `fit` [bins, points]; bins include both their ends.

    level: where in its bin the constant meets the line, 0 at the left edge, 0.5 in the middle (the least error).
    """
    edges = np.linspace(0.0, line.end, bins + 1)
    share = np.linspace(0.0, 1.0, points)
    x = edges[:-1, None] + share * np.diff(edges)[:, None]
    value = line.slope * (edges[:-1] + level * np.diff(edges))
    return {"x": x, "y": line.slope * x, "fit": np.repeat(value[:, None], points, axis=1)}


def compute(seeds: Sequence[int]) -> Arrays:
    """All three lines; nothing is drawn by chance."""
    return {f"{name}_{key}": values for name, line in LINES.items() for key, values in fit(line).items()}


def error(part: Mapping[str, np.ndarray], name: str) -> float:
    """Largest distance between line and constant."""
    return float(np.abs(part[f"{name}_y"] - part[f"{name}_fit"]).max())


def show(parts: Mapping[str, Arrays]) -> Finding:
    part = parts["fit"]
    found = {name: error(part, name) for name in LINES}
    comparisons = [
        Comparison(
            line.name,
            "largest error",
            np.array([found[name]]),
            Reference(line.error, n=1, tolerance=1e-6, source="Figure 4"),
        )
        for name, line in LINES.items()
    ]
    unit, scaled, fine = found.values()
    reading = [
        f"With {BINS} bins a slope of 5 in place of 1 multiplies the largest error by {scaled / unit:.3g}, from "
        f"{unit:.3g} to {scaled:.3g}; bins {LINES['unit'].end / LINES['fine'].end:.3g} times as narrow take it back to "
        f"{fine:.3g} (analytic: no seeds, no spread).",
        "The constants start at the left edges of their bins, as drawn in the paper; in the middle of the bins they "
        f"would err by half of that, {_middle('unit'):.3g}, {_middle('scaled'):.3g} and {_middle('fine'):.3g}.",
    ]
    return Finding(comparisons, [_picture(part, found)], reading)


def _middle(name: str) -> float:
    best = fit(LINES[name], level=0.5)
    return float(np.abs(best["y"] - best["fit"]).max())


def _picture(part: Mapping[str, np.ndarray], found: Mapping[str, float]) -> Picture:
    with style():
        fig = figure((6.4, 2.5))
        axes = fig.subplots(1, len(LINES))
        for ax, (name, line) in zip(axes, LINES.items(), strict=True):
            x, y, constant = (part[f"{name}_{key}"] for key in ("x", "y", "fit"))
            ax.plot(x.ravel(), y.ravel(), label="target", **line_style(0))
            gaps = np.concatenate([x, np.full((len(x), 1), np.nan)], axis=1).ravel()
            steps = np.concatenate([constant, np.full((len(x), 1), np.nan)], axis=1).ravel()
            ax.plot(
                gaps,
                steps,
                label="piecewise constant",
                color=line_style(1)["color"],
                linewidth=2.4,
                solid_capstyle="butt",
            )
            ax.fill_between(
                x.ravel(), constant.ravel(), y.ravel(), color=line_style(1)["color"], alpha=0.18, linewidth=0
            )
            ax.set_title(line.name)
            ax.set_xlabel("x")
            ax.text(0.04, 0.93, f"error ≤ {found[name]:.2g}", transform=ax.transAxes, color=INK, va="top")
        axes[0].set_ylabel("y")
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
        rows = [
            (LINES[name].name, *row)
            for name in LINES
            for row in zip(*(part[f"{name}_{key}"][:, ::20].ravel() for key in ("x", "y", "fit")), strict=True)
        ]
        return picture(
            fig,
            "figure4",
            "A piecewise constant under a larger scale",
            f"{BINS} bins, each at the value of its left edge. Shaded: the error.",
            "Three line plots of a line and a piecewise constant of five bins.",
            to_csv(("line", "x", "target", "piecewise_constant"), rows),
        )


FIGURE4 = Study(
    id="figure4",
    title="A piecewise constant fit under a larger scale",
    claim="Fitting a steeper target as well as a flat one takes a finer resolution of the input.",
    parts={"fit": compute},
    show=show,
    seconds=0.1,
    seeds=1,
    notes=("Analytic: equal bins at the value of their left edge.",),
)
