"""What the figures of the toy regression share: rows of heat maps, curves over c, and the numbers they are held to."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Circle, Rectangle
from scipy import stats

from pars.report.charts.plot import INK, Picture, figure, legend, line_style, picture, style, to_csv
from pars.report.stats.comparison import Comparison, Reference, verdict
from pars.report.stats.statistics import LEVEL, sample_std
from pars.reproduce.base import Arrays
from pars.reproduce.paper.toy import COLUMNS, NEAR, ONE, WIDE, Cones, Fit, Measures

TABLE = Path(__file__).parent / "toy.csv"
TABLED = ("outside", "share", "corner", "far")  # measures with a reference number
TOLERANCE = 0.05
THINNED = 5  # a map's CSV has every fifth point of each axis
CONTOUR = "#D55E00"


class Row(NamedTuple):
    """A row of heat maps: `values` [C, G, G] over [-half, half]^2."""

    label: str
    half: float
    values: np.ndarray


def label(cfg: Fit) -> str:
    """`2 layers, LN before, PA at 100, c = 10`."""
    norm = "no LN" if cfg.layer_norm == "none" else f"LN {cfg.layer_norm}"
    penalty = f", PA at {cfg.distance:g}" if cfg.penalized else ""
    return f"{len(cfg.hidden)} layers, {norm}{penalty}, c = {cfg.scale:g}"


@cache
def references() -> Mapping[tuple[str, ...], Mapping[str, str]]:
    """The lines of paper/toy.csv by layers, layer norm, distance of the penalty ("" without) and c."""
    with TABLE.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return {(line["layers"], line["layer_norm"], line["distance"], line["scale"]): line for line in lines}


def tolerance(values: np.ndarray) -> float:
    """How far our mean over seeds [n] may lie from a number that is taken for one more seed.

    Half the interval in which our own spread predicts another seed, and 0.05 at least: the reference differs from ours
    in what is not written down (initial weights, points of the map).
    """
    n = len(values)
    if n < 2:
        return TOLERANCE
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1)) * sample_std(values) * (1.0 + 1.0 / n) ** 0.5
    return round(max(TOLERANCE, half), 3)


def compare(cfg: Fit, measures: Measures, index: int) -> list[Comparison]:
    """All measures of config number `index` [S, C], those of the table held against it."""
    distance = f"{cfg.distance:g}" if cfg.penalized else ""
    key = (str(len(cfg.hidden)), cfg.layer_norm, distance, f"{cfg.scale:g}")
    line = references().get(key) if cfg.activation == "relu" and cfg.cones == ONE else None
    found = []
    for name, column in COLUMNS.items():
        values = np.asarray(getattr(measures, name)[:, index], float)
        if np.isnan(values).all():
            continue
        held = None
        if line is not None and name in TABLED:
            held = Reference(float(line[name]), n=1, tolerance=tolerance(values), source=line["source"])
        found.append(Comparison(label(cfg), column, values, held))
    return found


def compare_all(programs: Mapping[Any, Sequence[Fit]], found: Mapping[Any, Measures]) -> list[Comparison]:
    return [
        one for name, cfgs in programs.items() for i, cfg in enumerate(cfgs) for one in compare(cfg, found[name], i)
    ]


def agreement(comparisons: Sequence[Comparison]) -> str:
    """How many numbers agree with their reference, and which do not."""
    held = [one for one in comparisons if one.reference is not None]
    apart = [one for one in held if verdict(one) != "inside"]
    text = f"{len(held) - len(apart)} of {len(held)} numbers agree with the reference run"
    names = [
        f"{one.row}, {one.column}: {one.estimate.text()} (n = {one.estimate.n}), there {one.reference.mean:g}"
        for one in apart
        if one.reference is not None
    ]
    return text + ("; not: " + "; ".join(names) if names else "") + "."


def heat_maps(rows: Sequence[Row], columns: Sequence[str], cones: Cones, about: Mapping[str, Any]) -> Picture:
    """One panel for each row and column on one colour scale, from 0 to twice the largest target.

    about: name, title, caption and alt of the picture.
    """
    top = 2.0 * cones.radius
    side = 1.5 if len(columns) < 4 else 1.25  # inches
    with style():
        fig = figure((0.9 + side * len(columns), 0.6 + side * len(rows)))
        axes = fig.subplots(len(rows), len(columns), squeeze=False)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                image = panel(axes[i, j], row.values[j], row.half, (0.0, top), cones, level=cones.radius)
                axes[i, j].set_title(column if i == 0 else "", fontsize=9)
                axes[i, j].tick_params(labelleft=j == 0)
            axes[i, 0].set_ylabel(row.label)
        bar = fig.colorbar(image, ax=axes, shrink=0.7, pad=0.02, aspect=24, extend="both", ticks=np.linspace(0, top, 5))
        bar.outline.set_visible(False)
        bar.set_label("prediction / c")
        numbers = to_csv(("row", "column", "x1", "x2", "prediction_over_c"), _numbers(rows, columns))
        return picture(fig, **about, csv=numbers)


def panel(
    ax: Axes, values: np.ndarray, half: float, limits: tuple[float, float], cones: Cones, level: float
) -> AxesImage:
    """A map [G, G] over [-half, half]^2 with a contour, the data's discs and, in a wide one, the feasible box."""
    ax.grid(False)
    line, cell = _line(half, values), half / (values.shape[-1] - 1)
    extent = (-half - cell, half + cell, -half - cell, half + cell)
    norm = Normalize(*limits)
    image = ax.imshow(values, origin="lower", extent=extent, cmap="viridis", norm=norm, interpolation="none")
    shapes: list[Any] = [(Circle, (centre, cones.radius)) for centre in cones.centres]
    if half > NEAR:
        shapes.append((Rectangle, ((-NEAR, -NEAR), 2 * NEAR, 2 * NEAR)))
    for kind, args in shapes:
        ax.add_patch(kind(*args, fill=False, edgecolor="black", linewidth=1.6))
        ax.add_patch(kind(*args, fill=False, edgecolor="white", linewidth=0.9, linestyle=(0, (3, 2))))
    if np.nanmin(values) < level < np.nanmax(values):
        ax.contour(line, line, values, levels=[level], colors=CONTOUR, linewidths=0.8 if half > NEAR else 1.3)
    ax.set(xlim=(-half, half), ylim=(-half, half), xticks=(-half, 0, half), yticks=(-half, 0, half))
    ax.tick_params(length=2, labelsize=8)
    return image


def box_and_wide(maps: Sequence[Arrays]) -> list[Row]:
    """Rows for the two ranges, mean over seeds; the columns are the configs of all `maps`, side by side."""
    ranges = {"near": ("box", NEAR), "wide": ("wide range", WIDE)}
    return [
        Row(text, half, np.concatenate([part[name].mean(0) for part in maps])) for name, (text, half) in ranges.items()
    ]


def _line(half: float, values: np.ndarray) -> np.ndarray:
    return np.linspace(-half, half, values.shape[-1])


def _numbers(rows: Sequence[Row], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return [
        (row.label, column, *point)
        for row in rows
        for column, values in zip(columns, row.values, strict=True)
        for point in thinned(_line(row.half, values), values)
    ]


def thinned(line: np.ndarray, values: np.ndarray) -> list[tuple[float, float, float]]:
    """Lines (x1, x2, value) of a map [G, G], few enough to travel inside a page."""
    thin = range(0, len(line), THINNED)
    return [(line[a], line[b], values[b, a]) for b in thin for a in thin]


class ScaleCurve(NamedTuple):
    """`values` [S, C] at `scales` [C]."""

    label: str
    scales: Sequence[float]
    values: np.ndarray


def curves(series: Sequence[ScaleCurve], top: float, about: Mapping[str, Any]) -> Picture:
    """A measure against c: mean and sample standard deviation over seeds. top: the largest target, drawn across."""
    with style():
        fig = figure((4.8, 3.9))
        ax = fig.subplots()
        for i, one in enumerate(series):
            spread = one.values.std(0, ddof=1) if len(one.values) > 1 else None
            look: dict[str, Any] = {"marker": "osD^v<>"[i], "markersize": 5, "capsize": 2.5, **line_style(i)}
            ax.errorbar(one.scales, one.values.mean(0), spread, label=one.label, **look)
        ax.axhline(top, color=INK, linewidth=1.0, zorder=1)
        ax.text(0.2, top, "largest target", transform=ax.get_yaxis_transform(), va="top", fontsize=8)
        ax.set(xscale="log", xlabel="c", ylabel="mean outside the data / c")
        scales = sorted({scale for one in series for scale in one.scales})
        ax.set_xticks(scales, [f"{scale:g}" for scale in scales])
        ax.set_xticks([], minor=True)
        legend(fig, ax)
        rows = [
            (one.label, seed, scale, one.values[seed, i])
            for one in series
            for seed in range(len(one.values))
            for i, scale in enumerate(one.scales)
        ]
        return picture(fig, **about, csv=to_csv(("series", "seed_index", "c", "mean_outside_over_c"), rows))
