"""Q over actions, within the data and far beyond it: the paper's idea in one picture (Kim et al. 2025)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.patches import Rectangle

from pars.report.charts.plot import (
    HALF,
    INK,
    MOST,
    Picture,
    as_series,
    figure,
    legend,
    line_style,
    picture,
    plain_symlog,
    short,
    style,
    to_csv,
)
from pars.report.records import PHASES, ProbeRecord
from pars.report.series import STEP_NAMES, Series
from pars.report.stats.statistics import finite_mean, number

SHARE = 8.0  # colours are linear where the maps' ranges differ by at most this factor


def landscapes(series: list[Series]) -> list[Picture]:
    """One heat map per series and phase, mean over its seeds, all on one scale of colours; empty without probes or with
    one action dimension."""
    every = [(one, probe) for phase in PHASES for one in series if (probe := _probe(one, phase)) is not None]
    shown = [(one, probe) for one, probe in every if probe.arrays["q"].shape[1] > 1]  # two dimensions to look at
    found = [pair for phase in PHASES for pair in [two for two in shown if two[1].phase == phase][:MOST]]
    scale = _shared_scale([finite_mean(probe.arrays["q"][one.members]) for one, probe in found])
    return [_heat_map(one, probe, scale, len(found) > 1) for one, probe in found]


def lines(series: list[Series]) -> list[Picture]:
    """Q along the first action dimension far out of the box, all series in one figure per phase."""
    out = []
    for phase in PHASES:
        found = [(i, one, p) for i, one in enumerate(series) if (p := _probe(one, phase)) is not None][:MOST]
        if found:
            out.append(_line_plot(found, phase))
    return out


def _probe(one: Series, phase: str) -> ProbeRecord | None:
    return next((probe for probe in one.group.landscapes if probe.phase == phase), None)


def _name(one: Series, number: int) -> str:
    """Of an action: the data's own, else `action 1` for the first."""
    names = [str(output["name"]) for output in one.group.outputs]
    own = number < len(names) and names[number] != f"action {number}"
    return f"{names[number]}, scaled" if own else f"action {number + 1}"


def _shared_scale(maps: list[np.ndarray]) -> Normalize:
    """Colours from the least to the greatest value of all maps; where one map's range would wash out the others,
    logarithmic beyond the reach of the smallest."""
    found = [q[np.isfinite(q)] for q in maps]
    found = [q for q in found if q.size]
    if not found:
        return Normalize(0.0, 1.0)
    low, high = min(float(q.min()) for q in found), max(float(q.max()) for q in found)
    reach = min(float(np.abs(q).max()) for q in found)
    if reach > 0 and max(high, -low) > SHARE * reach:
        return SymLogNorm(reach, linscale=1.0, vmin=low, vmax=high)
    return Normalize(low, high)


def _heat_map(one: Series, probe: ProbeRecord, scale: Normalize, several: bool) -> Picture:
    arrays, bound = probe.arrays, one.max_return
    grid, q = np.asarray(arrays["grid"], float), finite_mean(arrays["q"][one.members])
    actions = np.asarray(arrays["policy_action"], float)[one.members, :2]
    data = np.asarray(arrays["data_action"], float)[:, :2]
    with style():
        fig = figure((3.7, 3.0))
        ax = fig.subplots()
        ax.grid(False)
        half = (grid[1] - grid[0]) / 2 if grid.size > 1 else 0.5
        extent = (grid[0] - half, grid[-1] + half, grid[0] - half, grid[-1] + half)
        # q[i, j] belongs to the actions (grid[j], grid[i]): the first one runs to the right
        image = ax.imshow(q, origin="lower", extent=extent, cmap="viridis", norm=scale, interpolation="none")
        bar = fig.colorbar(image, ax=ax, shrink=0.8, pad=0.02, aspect=24)
        bar.outline.set_visible(False)
        if isinstance(scale, SymLogNorm):
            plain_symlog(bar.ax.yaxis)
        crossed = bound is not None and np.nanmin(q) < bound < np.nanmax(q) if np.isfinite(q).any() else False
        if crossed:
            ax.contour(grid, grid, q, levels=[bound], colors="white", linewidths=1.6)
            ax.contour(grid, grid, q, levels=[bound], colors="black", linewidths=0.8)
        ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor="black", linewidth=2.4))
        ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor="white", linewidth=1.2, linestyle=(0, (4, 3))))
        ax.scatter(data[:, 0], data[:, 1], s=7, color="white", edgecolor="black", linewidth=0.5, alpha=0.8, zorder=3)
        ax.scatter(
            actions[:, 0], actions[:, 1], s=130, marker="*", color="#D55E00", edgecolor="white", linewidth=0.9, zorder=4
        )
        ax.set(xlabel=_name(one, 0), ylabel=_name(one, 1), xlim=extent[:2], ylim=extent[2:])
    seeds = f"mean of {len(one.members)} seeds" if len(one.members) > 1 else "one seed"
    caption = f"{probe.phase} step {probe.step:,} ({STEP_NAMES[probe.phase]}), {seeds}"
    caption += ", same colours as its neighbours." if several else "."
    if isinstance(scale, SymLogNorm):
        caption += f" Colours are logarithmic beyond ±{number(scale.linthresh)}."
    if bound is not None:
        if crossed:
            caption += f" Black contour: Q equals the largest possible return ({number(bound)})."
        else:
            side = "above" if np.isfinite(q).any() and np.nanmin(q) >= bound else "below"
            caption += f" Q lies {side} the largest possible return ({number(bound)}) everywhere."
    alt = (
        f"Heat map of Q over the first two action dimensions for {one.label} at {probe.phase} step {probe.step}: "
        f"from {number(float(np.nanmin(q)))} to {number(float(np.nanmax(q)))}, feasible box, data and policy actions."
        if np.isfinite(q).any()
        else f"Empty heat map: Q of {one.label} is not finite."
    )
    rows: list[tuple[Any, ...]] = [("q", a, b, q[i, j]) for i, b in enumerate(grid) for j, a in enumerate(grid)]
    rows += [("data action", *pair, "") for pair in data.tolist()]
    rows += [("policy action", *pair, "") for pair in actions.tolist()]
    csv = to_csv(("what", "action_1", "action_2", "q_raw_reward"), rows)
    return picture(fig, f"landscape-{probe.phase}", f"{one.label}, {probe.phase}", caption, alt, csv, png=False)


def _line_plot(found: list[tuple[int, Series, ProbeRecord]], phase: str) -> Picture:
    rows: list[tuple[Any, ...]] = []
    bounds = {one.max_return for _, one, _ in found}
    with style():
        fig = figure(HALF)
        ax = fig.subplots()
        ax.axvspan(-1, 1, color="#eeeeee", zorder=0)
        for index, one, probe in found:
            line, q = np.asarray(probe.arrays["line"], float), np.asarray(probe.arrays["q_line"], float)[one.members]
            with as_series(ax, index):
                ax.plot(line, finite_mean(q), label=one.label, zorder=3, **line_style(index))
                if len(one.members) > 1:
                    ax.plot(line, q.T, color=line_style(index)["color"], linewidth=0.6, alpha=0.55, zorder=2)
            rows += [
                (one.label, s, a, v) for s, r in zip(one.seeds, q, strict=True) for a, v in zip(line, r, strict=True)
            ]
        if len(bounds) == 1 and (bound := bounds.pop()) is not None:
            ax.axhline(bound, color="black", linewidth=1.4, label="largest possible return", zorder=1.5)
        far_axes(ax, np.concatenate([probe.arrays["line"].ravel() for *_, probe in found]))
        _height(ax, np.array([r[3] for r in rows]))
        legend(fig, ax)
    caption = (
        f"Q / reward_scale along the first action, the others at the policy's; {phase} step {found[0][2].step:,}. "
        "Grey: feasible actions. Linear within ±1, logarithmic beyond. Thick: mean over seeds, thin: seeds."
    )
    alt = f"Line plot of Q along the first action far beyond the box for {', '.join(one.label for _, one, _ in found)}."
    csv = to_csv(("series", "seed", "action_1", "q_raw_reward"), rows)
    return picture(fig, f"q-line-{phase}", f"Q far beyond the data, {phase}", caption, alt, csv, png=False)


def far_axes(ax: Axes, line: np.ndarray) -> None:
    """The first action on the x axis, from far on one side of the box to far on the other."""
    ax.set_xscale("symlog", linthresh=1.0, linscale=1.0)
    far = float(np.abs(line).max())
    ticks = [t for t in (1.0, 10.0, 100.0, 1000.0) if t <= far]
    ax.set_xticks([*(-t for t in reversed(ticks)), 0.0, *ticks], minor=False)
    ax.set_xticks([], minor=True)
    ax.xaxis.set_major_formatter(lambda value, _: short(value))


def _height(ax: Axes, q: np.ndarray) -> None:
    q = q[np.isfinite(q)]
    if q.size and np.abs(q).max() > 30 * max(1.0, float(np.median(np.abs(q)))):
        ax.set_yscale("symlog", linthresh=1.0)
        plain_symlog(ax.yaxis)
    ax.set(xlabel="first action (feasible: −1 to 1)", ylabel="Q (raw reward)")
    ax.spines["bottom"].set_color(INK)
