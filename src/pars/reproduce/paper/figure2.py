"""Figure 2 of PARS, a drawing: actions in the data, inside its convex hull, outside of it, and infeasible ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Polygon, Rectangle
from scipy.spatial import ConvexHull, Delaunay

from pars.report.charts.plot import COLORS, INK, Picture, figure, picture, style, to_csv
from pars.reproduce.base import Arrays, Finding, Study

CENTRES = ((-0.45, -0.35), (0.35, 0.45), (0.45, -0.4))  # of the data's actions, in the feasible box
PER_CENTRE, SPREAD, SEED = 9, 0.14, 3
NEAR = 0.1  # an action within this of the data counts as of it
VIEW = 1.5  # half width of the drawing
REGIONS = ("in the data", "only inside its hull", "outside the hull", "infeasible")
SHADES = (COLORS[0], "#bcd9ee", "#f6e3d3", "#dddddd")
GRID = 151


def actions() -> np.ndarray:
    """The data's actions at one observation, [N, 2]."""
    rng = np.random.default_rng(SEED)
    return np.concatenate([np.array(c) + SPREAD * rng.uniform(-1, 1, (PER_CENTRE, 2)) for c in CENTRES])


def regions(points: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Numbers in REGIONS of actions [.., 2], given those of the data [N, 2]."""
    distance = np.linalg.norm(points[..., None, :] - data, axis=-1).min(-1)
    inside = Delaunay(data).find_simplex(points) >= 0
    feasible = np.abs(points).max(-1) <= 1.0
    return np.select([distance <= NEAR, inside, feasible], [0, 1, 2], 3)


def compute(seeds: Sequence[int]) -> Arrays:
    """The data's actions, and points of the drawing with their regions."""
    line = np.linspace(-VIEW, VIEW, GRID)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return {"actions": actions(), "points": points, "region": regions(points, actions())}


def show(parts: Mapping[str, Arrays]) -> Finding:
    part = parts["drawing"]
    counts = np.bincount(part["region"], minlength=len(REGIONS))[:3]  # of the feasible box
    shares = ", ".join(f"{count / counts.sum():.0%} {name}" for count, name in zip(counts, REGIONS, strict=False))
    return Finding(pictures=[_picture(part)], reading=[f"Of the feasible box, as it is drawn: {shares}."])


def _picture(part: Mapping[str, np.ndarray]) -> Picture:
    data = part["actions"]
    with style():
        fig = figure((3.8, 4.2))
        ax = fig.subplots()
        ax.grid(False)
        ax.plot(*data.T, "o", color=SHADES[0], markersize=5, label=REGIONS[0])
        hull = data[ConvexHull(data).vertices]
        ax.add_patch(Polygon(hull, facecolor=SHADES[1], edgecolor=COLORS[0], linewidth=1.4, label=REGIONS[1]))
        ax.add_patch(Rectangle((-1, -1), 2, 2, facecolor=SHADES[2], edgecolor=INK, linewidth=1.8, zorder=0.8,
                               label=REGIONS[2]))  # fmt: skip
        ax.add_patch(Rectangle((-VIEW, -VIEW), 2 * VIEW, 2 * VIEW, color=SHADES[3], zorder=0.7, label=REGIONS[3]))
        ax.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), aspect="equal", xlabel="action 1", ylabel="action 2")
        ax.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2, columnspacing=1.2)
        thin = np.arange(GRID**2).reshape(GRID, GRID)[::10, ::10].ravel()
        rows = [(*part["points"][i], REGIONS[part["region"][i]]) for i in thin]
        return picture(
            fig,
            "figure2",
            "Actions inside and outside the convex hull of the data",
            "A drawing: the data's actions at one observation, their convex hull, and the box of feasible actions "
            "(thick edge). Inside the hull a network has data on all sides; outside it goes on as it likes, and beyond "
            "the box no action can be taken.",
            "Three groups of points with their convex hull, in a box, and the region around the box.",
            to_csv(("action_1", "action_2", "region"), rows),
        )


FIGURE2 = Study(
    id="figure2",
    title="Actions in the data, inside its convex hull and outside",
    claim="Actions that are not in the data lie inside its convex hull or outside, and outside a network extrapolates.",
    parts={"drawing": compute},
    show=show,
    seconds=0.2,
    seeds=1,
    notes=("The paper's figure is a drawing, and so is this: the points are of our choosing.",),
)
