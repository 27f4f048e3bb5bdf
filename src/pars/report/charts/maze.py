"""Pictures in the maze and of the data: trajectories of the policy, coverage, returns and lengths."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from pars.report.charts.paths import Paths, draw_maze, path_picture
from pars.report.charts.plot import COLORS, INK, MOST, Picture, figure, picture, plain_log, style, to_csv
from pars.report.records import PHASES, GroupRecord, ProbeRecord
from pars.report.series import STEP_NAMES, Series

EPISODES = 40  # drawn in one maze


def trajectories(series: list[Series]) -> list[Picture]:
    """The newest evaluation episodes of each series and phase in the maze, all its seeds in one picture."""
    out = []
    for phase in PHASES:
        found = [(one, probe) for one in series if one.group.maze for probe in one.group.trajectories]
        out += [_trajectories(one, probe) for one, probe in [pair for pair in found if pair[1].phase == phase][:MOST]]
    return out


def _trajectories(one: Series, probe: ProbeRecord) -> Picture:
    found = np.asarray(probe.arrays["positions"], float)[one.members]
    success = np.asarray(probe.arrays["success"], bool)[one.members].ravel()
    paths = Paths(one.label, found.reshape(-1, *found.shape[2:]), success, np.repeat(one.seeds, found.shape[1]))
    caption = (
        f"{int(success.sum())} of {len(success)} episodes reached the goal (seeds: {len(one.members)}; after "
        f"{probe.step:,} {STEP_NAMES[probe.phase]} {probe.phase})."
    )
    title = f"{one.label}, {probe.phase}"
    return path_picture("trajectories", title, [paths], one.group.maze or {}, caption, most=EPISODES)


def data_pictures(group: GroupRecord) -> list[Picture]:
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
    cells = [(x[j], x[j + 1], y[i], y[i + 1], int(c)) for (i, j), c in np.ndenumerate(counts)]
    csv = to_csv(("x_low", "x_high", "y_low", "y_high", "rows"), cells)
    caption = (
        f"Where the {int(counts.sum()):,} rows of {name} were recorded, log scale. Dot: start of the map. Star and "
        "circle: goal. Empty: never visited."
    )
    alt = f"Heat map of the positions in {name} over the maze, with start and goal."
    return picture(fig, "coverage", f"Coverage of {maze.get('name', 'the maze')}", caption, alt, csv, png=False)


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
    total = int(counts.sum())
    alt = f"Histogram of {key} of {total:,} episodes in {name}, from {edges[0]:g} to {edges[-1]:g}."
    csv = to_csv(
        ("low", "high", "episodes"), [(a, b, int(c)) for a, b, c in zip(edges, edges[1:], counts, strict=False)]
    )
    return picture(fig, key, title, f"{total:,} episodes of {name}.", alt, csv, png=False)
