"""Curves over training with bands over seeds, in the form of the paper's Figures 7, 10 and 13."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.ticker import FuncFormatter, MaxNLocator

from pars.report.charts.plot import HALF, Picture, as_series, figure, legend, line_style, picture, short, style, to_csv
from pars.report.records import Curve
from pars.report.stats.statistics import bootstrap_band

CAPTION = "Line: mean over seeds. Band: 95 % percentile bootstrap interval of the mean (n ≥ 2)."


def band_chart(
    name: str, title: str, curves: Mapping[str, Curve], *, xlabel: str, ylabel: str, caption: str = ""
) -> Picture:
    """One line per name over steps. Raises ValueError without curves."""
    if not curves:
        raise ValueError("nothing to draw: give at least one curve")
    with style():
        fig = figure(HALF)
        ax = fig.subplots()
        for index, (label, curve) in enumerate(curves.items()):
            steps, values = curve.steps, curve.values
            look = line_style(index)
            with as_series(ax, index):
                ax.plot(steps, values.mean(axis=0), label=label, zorder=3, **look)
                if len(values) > 1:
                    low, high = bootstrap_band(values)
                    ax.fill_between(steps, low, high, color=look["color"], alpha=0.15, linewidth=0, zorder=1)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if len(curves) > 1:
            legend(fig, ax)
        rows = [
            (label, seed, int(step), float(value))
            for label, curve in curves.items()
            for seed, line in enumerate(curve.values)
            for step, value in zip(curve.steps, line, strict=True)
        ]
        alt = f"Line chart of {ylabel.lower()} over {xlabel.lower()} for {', '.join(curves)}."
        text = f"{caption} {CAPTION}".strip()
        return picture(fig, name, title, text, alt, to_csv(("curve", "seed", "step", "value"), rows))
