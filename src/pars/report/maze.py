"""Pictures in the maze and of the data: trajectories of the policy, coverage, returns and lengths."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import MaxNLocator

from pars.report.plot import COLORS, INK, Picture, figure, plain_log, style, to_csv, to_svg
from pars.report.records import PHASES, Group, Probe
from pars.report.series import STEP_NAMES, Series

MOST = 13  # trajectory pictures of one phase
EPISODES = 60  # drawn in one picture
WALL = "#9a9a9a"


def trajectories(series: list[Series]) -> list[Picture]:
    """The newest evaluation episodes of each series and phase in the maze, all its seeds in one picture."""
    out = []
    for phase in PHASES:
        found = [(one, probe) for one in series if one.group.maze for probe in one.group.trajectories]
        out += [_trajectories(one, probe) for one, probe in [pair for pair in found if pair[1].phase == phase][:MOST]]
    return out


def _trajectories(one: Series, probe: Probe) -> Picture:
    maze = one.group.maze or {}
    paths = np.asarray(probe.arrays["positions"], float)[one.members]
    success = np.asarray(probe.arrays["success"], bool)[one.members]
    seeds = np.repeat(one.seeds, paths.shape[1])
    paths, success = paths.reshape(-1, *paths.shape[2:]), success.ravel()
    shown = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), EPISODES)).round().astype(int))
    with style():
        fig = figure((3.2, 3.2))
        ax = fig.subplots()
        draw_maze(ax, maze)
        for good, color, dashes, width in ((False, COLORS[1], (0, (3, 1.2)), 0.9), (True, COLORS[0], "-", 0.9)):
            chosen = [paths[i][np.isfinite(paths[i]).all(axis=1)] for i in shown if success[i] == good]
            chosen = [path for path in chosen if len(path)]
            if not chosen:
                continue
            ax.add_collection(LineCollection(chosen, colors=color, linestyles=[dashes], linewidths=width, alpha=0.75))
            starts, ends = np.array([path[0] for path in chosen]), np.array([path[-1] for path in chosen])
            ax.scatter(starts[:, 0], starts[:, 1], s=12, color=color, zorder=4, linewidth=0)
            if not good:
                ax.scatter(ends[:, 0], ends[:, 1], s=22, marker="x", color=color, zorder=4, linewidth=1.2)
        svg = to_svg(fig)
    reached = int(success.sum())
    part = f" Drawn: {len(shown)} of them, evenly chosen." if len(shown) < len(paths) else ""
    caption = (
        f"{reached} of {len(paths)} episodes reached the goal (seeds: {len(one.members)}; after {probe.step:,} "
        f"{STEP_NAMES[probe.phase]} {probe.phase}).{part} Blue: reached. Orange, dashed, cross at the end: not. "
        "Dot: start. Star: goal."
    )
    alt = f"Maze with {len(shown)} trajectories of {one.label}; {reached} of {len(paths)} episodes reached the goal."
    rows = [
        (int(seeds[e]), e, bool(success[e]), t, *point)
        for e in range(len(paths))
        for t, point in enumerate(paths[e].tolist())
        if np.isfinite(point).all()
    ]
    csv = to_csv(("seed", "episode", "success", "t", "x", "y"), rows)
    return Picture("trajectories", f"{one.label}, {probe.phase}", caption, alt, svg, csv)


def draw_maze(ax: Axes, maze: Mapping[str, Any]) -> None:
    """Walls, goal, limits. The centre of row i, column j is cell * (j - origin column, i - origin row); y runs down."""
    rows, cell = maze["map"], float(maze.get("cell", 1.0))
    row0, column0 = maze.get("origin") or (0, 0)
    corner = [cell * (-0.5 - column0), cell * (-0.5 - row0)]
    walls = [
        Rectangle((corner[0] + cell * j, corner[1] + cell * i), cell, cell)
        for i, row in enumerate(rows)
        for j, mark in enumerate(row)
        if mark == "#"
    ]
    ax.add_collection(PatchCollection(walls, facecolor=WALL, edgecolor=WALL, linewidth=0.8))
    if maze.get("goal"):
        goal = [float(value) for value in maze["goal"][:2]]
        radius = float(maze.get("goal_radius") or 0.0)
        ax.add_patch(Circle((goal[0], goal[1]), radius, facecolor="none", edgecolor=COLORS[2], linewidth=1.5, zorder=5))
        ax.scatter(goal[0], goal[1], s=110, marker="*", color=COLORS[2], edgecolor="white", linewidth=0.8, zorder=6)
    width, height = cell * max(len(row) for row in rows), cell * len(rows)
    ax.set(xlim=(corner[0], corner[0] + width), ylim=(corner[1] + height, corner[1]), aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def data_pictures(group: Group) -> list[Picture]:
    """Coverage of the maze and histograms of returns and lengths, as far as the data card has them."""
    card = group.dataset.get("card")
    if not isinstance(card, dict):
        return []
    name = str(group.dataset.get("name") or "the dataset")
    found = [
        coverage(_part(card, "maze").get("coverage"), group.maze, name),
        histogram(_part(card, "returns").get("histogram"), "returns", "Returns of episodes", "raw return", name),
        histogram(_part(card, "episode_length").get("histogram"), "lengths", "Lengths of episodes", "actions", name),
    ]
    return [picture for picture in found if picture is not None]


def _part(card: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = card.get(name)
    return value if isinstance(value, dict) else {}


def coverage(rows: Any, maze: Mapping[str, Any] | None, name: str) -> Picture | None:
    """Where the rows of a dataset are: walls, start, goal, and how many rows each part of a cell has.

    Args:
        rows: {"counts": [y bins, x bins], "x_edges", "y_edges"}, as the data card has it.

    None if there is no maze or nothing to see.
    """
    if maze is None or not isinstance(rows, dict):
        return None
    try:
        counts = np.asarray(rows["counts"], float)
        x, y = np.asarray(rows["x_edges"], float), np.asarray(rows["y_edges"], float)
    except (KeyError, ValueError, TypeError):
        return None
    if counts.ndim != 2 or counts.shape != (y.size - 1, x.size - 1) or not counts.max(initial=0) > 0:
        return None
    with style():
        fig = figure((3.7, 3.0))
        ax = fig.subplots()
        draw_maze(ax, maze)
        limits = ax.get_xlim(), ax.get_ylim()
        image = ax.imshow(
            np.where(counts > 0, counts, np.nan),
            extent=(x[0], x[-1], y[-1], y[0]),
            norm=LogNorm(1, max(float(counts.max()), 2.0)),
            cmap="viridis_r",
            interpolation="none",
            zorder=2,
        )
        ax.scatter(0, 0, s=55, marker="o", color=COLORS[1], edgecolor="white", linewidth=0.8, zorder=6)
        ax.set(xlim=limits[0], ylim=limits[1])  # imshow has set its own
        bar = fig.colorbar(image, ax=ax, shrink=0.8, pad=0.02, aspect=24)
        bar.outline.set_visible(False)
        plain_log(bar.ax.yaxis)
        svg = to_svg(fig)
    cells = [(x[j], x[j + 1], y[i], y[i + 1], int(c)) for (i, j), c in np.ndenumerate(counts)]
    csv = to_csv(("x_low", "x_high", "y_low", "y_high", "rows"), cells)
    caption = (
        f"Where the {int(counts.sum()):,} rows of {name} were recorded, log scale. Dot: start of the map. Star and "
        "circle: goal. Empty: never visited."
    )
    alt = f"Heat map of the positions in {name} over the maze, with start and goal."
    return Picture("coverage", f"Coverage of {maze.get('name', 'the maze')}", caption, alt, svg, csv)


def histogram(raw: Any, key: str, title: str, unit: str, name: str) -> Picture | None:
    """raw: {"counts": [B], "edges": [B + 1]}; None if the card has no such thing."""
    try:
        counts, edges = np.asarray(raw["counts"], float), np.asarray(raw["edges"], float)
    except (KeyError, ValueError, TypeError):
        return None
    if counts.ndim != 1 or counts.size + 1 != edges.size or not counts.sum() > 0:
        return None
    with style():
        fig = figure((3.6, 2.6))
        ax = fig.subplots()
        ax.bar(edges[:-1], counts, np.diff(edges), align="edge", color=COLORS[0], edgecolor="white", linewidth=0.4)
        ax.set(xlabel=unit, ylabel="episodes")
        ax.grid(axis="x", visible=False)
        ax.spines["bottom"].set_color(INK)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        svg = to_svg(fig)
    total = int(counts.sum())
    alt = f"Histogram of {key} of {total:,} episodes in {name}, from {edges[0]:g} to {edges[-1]:g}."
    csv = to_csv(
        ("low", "high", "episodes"), [(a, b, int(c)) for a, b, c in zip(edges, edges[1:], counts, strict=False)]
    )
    return Picture(key, title, f"{total:,} episodes of {name}.", alt, svg, csv)
