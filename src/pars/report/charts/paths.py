"""Paths through a maze, coloured by time: dark at the start of an episode, light at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection, PathCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.patches import Circle, Rectangle
from matplotlib.path import Path

from pars.report.charts.plot import COLORS, INK, Picture, figure, picture, style, to_csv

WALL = "#9a9a9a"
PARTS = 20  # of an episode's time, each of one colour
MARGIN = 0.75  # cells of the outer wall that are cut off
# even steps of lightness, also for people with a common colour blindness; the lightest end would vanish on white
TIME: Colormap = LinearSegmentedColormap.from_list("time", matplotlib.colormaps["plasma"](np.linspace(0.0, 0.88, 256)))
MARKS = "Dark to light: from the start of an episode (dot) to its end. Star: goal. Cross: the end of one that failed."


class Paths(NamedTuple):
    """Episodes of one policy."""

    title: str
    positions: np.ndarray  # [E, T, 2], NaN after an episode's end
    success: np.ndarray  # [E] bool
    seeds: np.ndarray  # [E] of training


def path_picture(
    name: str, title: str, policies: Sequence[Paths], maze: Mapping[str, Any], caption: str = "", most: int = 40
) -> Picture:
    """Two mazes for each policy, one for the episodes that reached the goal and one for the others.

    Args:
        maze: see `draw_maze`.
        caption: said before what the marks mean.
        most: episodes drawn in one maze, evenly chosen.
    """
    several = len(policies) > 1  # then a policy is a column, else the two mazes stand side by side
    with style():
        size = (0.6 + 1.6 * len(policies), 3.9) if several else (5.4, 2.6)
        fig = figure(size)
        grid = fig.subplots(2, len(policies)) if several else fig.subplots(1, 2).reshape(2, 1)
        drawn = 0
        for (good, word), row in zip(((True, "reached"), (False, "did not")), grid, strict=True):
            for ax, policy in zip(row, policies, strict=True):
                chosen = policy.positions[np.asarray(policy.success, bool) == good]
                drawn += draw_paths(ax, chosen, maze, failed=not good, most=most)
                head = f"{policy.title}\n" if several and good else ""
                ax.set_title(f"{head}{word}: {len(chosen)} of {len(policy.success)}", fontsize=9)
        bar = fig.colorbar(ScalarMappable(Normalize(0, 1), TIME), ax=grid, shrink=0.6, pad=0.02, aspect=24)
        bar.set_ticks([0, 1], labels=["start", "end"])
        bar.outline.set_visible(False)
        total = sum(len(policy.success) for policy in policies)
        part = f"Drawn: {drawn} of {total} episodes, evenly chosen." if drawn < total else ""
        text = " ".join(filter(None, (caption, part, MARKS)))
        alt = f"Paths through the maze coloured by time, of {', '.join(policy.title for policy in policies)}."
        return picture(fig, name, title, text, alt, _csv(policies))


def draw_paths(ax: Axes, positions: np.ndarray, maze: Mapping[str, Any], failed: bool = False, most: int = 40) -> int:
    """Draw at most `most` episodes, evenly chosen, over the maze; how many. positions [E, T, 2], NaN after the end.

    failed: mark where they ended.
    """
    draw_maze(ax, maze)
    _trim(ax, float(maze.get("cell", 1.0)))
    shown = np.unique(np.linspace(0, len(positions) - 1, min(len(positions), most)).round().astype(int))
    paths = [positions[i][np.isfinite(positions[i]).all(axis=1)] for i in shown]
    paths = [np.asarray(path, float) for path in paths if len(path)]
    if not paths:
        return 0
    for part in range(PARTS):
        pieces = [_piece(path, part) for path in paths]
        whole = Path.make_compound_path(*[Path(piece) for piece in pieces if len(piece) > 1])
        color = TIME((part + 0.5) / PARTS)
        ax.add_collection(
            PathCollection([whole], facecolors="none", edgecolors=[color], linewidths=1.1, alpha=0.8, zorder=3)
        )
    starts, ends = np.array([path[0] for path in paths]), np.array([path[-1] for path in paths])
    ax.scatter(starts[:, 0], starts[:, 1], s=9, color=TIME(0.0), zorder=4, linewidth=0)
    if failed:
        ax.scatter(ends[:, 0], ends[:, 1], s=22, marker="x", color=INK, zorder=5, linewidth=1.2)
    return len(paths)


def _piece(path: np.ndarray, part: int) -> np.ndarray:
    """The points of one of PARTS equal parts of a path's time [T, 2], with the first of the next part."""
    edges = np.linspace(0, len(path) - 1, PARTS + 1).round().astype(int)
    return path[edges[part] : edges[part + 1] + 1]


def _trim(ax: Axes, cell: float) -> None:
    """Cut most of the outer walls off."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()  # y runs down
    cut = MARGIN * cell
    ax.set(xlim=(left + cut, right - cut), ylim=(bottom - cut, top + cut))


def _csv(policies: Sequence[Paths]) -> str:
    rows = (
        (policy.title, int(policy.seeds[e]), e, bool(policy.success[e]), t, *point)
        for policy in policies
        for e in range(len(policy.positions))
        for t, point in enumerate(policy.positions[e].tolist())
        if np.isfinite(point).all()
    )
    return to_csv(("policy", "seed", "episode", "success", "t", "x", "y"), rows)


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
