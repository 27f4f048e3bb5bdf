"""Maps of Q over two actions, still and moving, for the four settings of `q_landscape`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from pars.report.charts import moving
from pars.report.charts.plot import INK, Picture, figure, line_style, picture, short, style, to_csv
from pars.reproduce.base import Arrays

POSSIBLE = matplotlib.colormaps["viridis"](np.linspace(0.0, 1.0, 128))
IMPOSSIBLE = matplotlib.colormaps["Reds"](np.linspace(0.25, 1.0, 128))
COLORMAP = LinearSegmentedColormap.from_list("possible", np.concatenate([POSSIBLE, IMPOSSIBLE]), N=256)
MARKS = (
    "Box: feasible actions. Dots: actions of the data. Stars: the policy, one for each seed. Green to yellow: values a "
    "return can have; red, beyond the black contour: values none can have."
)


def final_maps(parts: Mapping[str, Arrays], grid: np.ndarray, bound: float) -> Picture:
    """Four maps at the end of training, mean over seeds. parts: name -> arrays of `q_landscape.train`."""
    with style():
        fig = _draw(parts, grid, bound, -1)
        caption = f"Q / reward_scale after {_last(parts):,} gradient steps, mean of {_seeds(parts)} seeds. {MARKS}"
        alt = f"Four heat maps of Q over the actions: {', '.join(parts)}, with box, data and policy."
        return picture(fig, "qlandscape", "Q over the actions at the end", caption, alt, _map_csv(parts, grid))


def moving_maps(parts: Mapping[str, Arrays], grid: np.ndarray, bound: float) -> Picture:
    """The same over training, as a GIF; the still drawing is its last frame."""
    moments = next(iter(parts.values()))["moments"]
    with style():
        frames = [_frame(_draw(parts, grid, bound, i)) for i in range(len(moments))]
        caption = (
            f"Q / reward_scale at {len(moments)} moments of training up to step {_last(parts):,}, mean of "
            f"{_seeds(parts)} seeds. {MARKS}"
        )
        alt = f"Moving heat maps of Q over the actions: {', '.join(parts)}."
        title, csv = "Q over the actions while training", _moving_csv(parts)
        still = picture(_draw(parts, grid, bound, -1), "qlandscape-training", title, caption, alt, csv)
    return replace(still, gif=moving.to_gif(frames))


def _frame(fig: Figure) -> Image.Image:
    """The figure in the colours of `_palette`, the same in every frame; without dither flat regions compress well."""
    return moving.drawn(fig).quantize(palette=_palette(), dither=Image.Dither.NONE)


def _palette() -> Image.Image:
    """The colours of the map and greys, 256 in all."""
    greys = np.repeat(np.linspace(0, 255, 32).round()[:, None], 3, axis=1)
    colors = np.concatenate([255 * COLORMAP(np.linspace(0.0, 1.0, 224))[:, :3], greys]).round().astype(np.uint8)
    image = Image.new("P", (1, 1))
    image.putpalette(colors.ravel().tolist())
    return image


def _draw(parts: Mapping[str, Arrays], grid: np.ndarray, bound: float, moment: int) -> Figure:
    norm = _norm(parts, bound)
    columns = 2
    rows = -(-len(parts) // columns)
    fig = figure((5.4, 0.5 + 2.3 * rows))
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, (name, arrays) in zip(axes, parts.items(), strict=False):
        _map(ax, arrays, grid, bound, moment, norm)
        ax.set_title(name)
    for ax in axes[-columns:]:
        ax.set_xlabel("action 1")
    for ax in axes[::columns]:
        ax.set_ylabel("action 2")
    step = int(next(iter(parts.values()))["moments"][moment])
    fig.suptitle(f"gradient step {step:,}", fontsize=10)
    high = float(norm.vmax or 0.0)
    ticks = [0.0, bound / 2, bound, (bound + high) / 2, high]
    bar = fig.colorbar(
        ScalarMappable(norm, COLORMAP), ax=axes, shrink=0.8, pad=0.02, aspect=30, ticks=ticks, extend="both",
        label="Q (raw reward)",
    )  # fmt: skip
    bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks])
    bar.outline.set_visible(False)
    return fig


def _map(ax: Axes, arrays: Arrays, grid: np.ndarray, bound: float, moment: int, norm: TwoSlopeNorm) -> None:
    q = arrays["q"][:, moment].mean(axis=0)
    half = (grid[1] - grid[0]) / 2
    extent = (grid[0] - half, grid[-1] + half, grid[0] - half, grid[-1] + half)
    ax.imshow(q, origin="lower", extent=extent, cmap=COLORMAP, norm=norm, interpolation="none")
    if q.min() < bound < q.max():
        ax.contour(grid, grid, q, levels=[bound], colors="black", linewidths=0.8)
    ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor="black", linewidth=2.2))
    ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor="white", linewidth=1.0, linestyle=(0, (4, 3))))
    data, policy = arrays["data_action"], arrays["policy_action"][:, moment]
    ax.scatter(data[:, 0], data[:, 1], s=4, color="white", edgecolor=INK, linewidth=0.3, alpha=0.8, zorder=3)
    ax.scatter(policy[:, 0], policy[:, 1], s=120, marker="*", color="white", edgecolor="black", linewidth=1.0, zorder=4)
    ax.set(xlim=extent[:2], ylim=extent[2:])
    ax.grid(False)


def _norm(parts: Mapping[str, Arrays], bound: float) -> TwoSlopeNorm:
    """From the least to the bound, and from there to the most of the last maps; without outliers of earlier ones."""
    last = np.stack([arrays["q"][:, -1].mean(axis=0) for arrays in parts.values()])
    low, high = min(0.0, float(np.percentile(last, 1))), max(2.0 * bound, float(np.percentile(last, 99)))
    return TwoSlopeNorm(bound, max(low, -bound), high)


def curves(parts: Mapping[str, Arrays], found: Mapping[str, dict[str, np.ndarray]], bound: float) -> Picture:
    """Highest Q in the box and mean Q beyond it over training. found: name -> `q_landscape.measures`."""
    with style():
        fig = figure((6.4, 3.0))
        axes = fig.subplots(1, 2, sharey=True)
        for ax, (key, title) in zip(
            axes, (("highest", "highest Q in the box"), ("beyond", "mean Q beyond it")), strict=True
        ):
            for index, (name, arrays) in enumerate(parts.items()):
                look: dict[str, Any] = line_style(index)
                ax.plot(arrays["moments"], found[name][key].mean(axis=0), label=name, zorder=3, **look)
                ax.plot(arrays["moments"], found[name][key].T, color=look["color"], linewidth=0.6, alpha=0.5, zorder=2)
            ax.axhline(bound, color="black", linewidth=1.1)
            ax.set(title=title, xlabel="gradient step")
            ax.xaxis.set_major_formatter(lambda value, _: short(value))
        axes[0].set_ylabel("Q (raw reward)")
        axes[1].legend()
        caption = (
            f"Means of {_seeds(parts)} seeds (thin: seeds), of one state; beyond: actions up to three times as far as "
            f"the box reaches. Black: the largest possible return, {bound:g}."
        )
        alt = "Two line plots of Q in and beyond the box over training, one line for each setting."
        rows = [
            (name, seed, step, one["highest"][seed, i], one["beyond"][seed, i], one["share"][seed, i])
            for name, one in found.items()
            for seed in range(_seeds(parts))
            for i, step in enumerate(parts[name]["moments"].tolist())
        ]
        csv = to_csv(("setting", "seed_number", "step", "highest_in_box", "mean_beyond", "share_above_bound"), rows)
        return picture(fig, "qlandscape-curves", "Q in and beyond the box", caption, alt, csv)


def _seeds(parts: Mapping[str, Arrays]) -> int:
    return len(next(iter(parts.values()))["q"])


def _last(parts: Mapping[str, Arrays]) -> int:
    return int(next(iter(parts.values()))["moments"][-1])


def _map_csv(parts: Mapping[str, Arrays], grid: np.ndarray) -> str:
    rows: list[tuple[Any, ...]] = []
    for name, arrays in parts.items():
        q = arrays["q"][:, -1].mean(axis=0)
        rows += [(name, "q", a, b, q[i, j]) for i, b in enumerate(grid) for j, a in enumerate(grid)]
        rows += [(name, "policy action", *pair, "") for pair in arrays["policy_action"][:, -1].tolist()]
        rows += [(name, "data action", *pair, "") for pair in arrays["data_action"].tolist()]
    return to_csv(("setting", "what", "action_1", "action_2", "q_raw_reward"), rows)


def _moving_csv(parts: Mapping[str, Arrays]) -> str:
    """The policies' actions over training; maps of every moment would be megabytes."""
    rows = [
        (name, int(step), seed, *arrays["policy_action"][seed, i].tolist())
        for name, arrays in parts.items()
        for i, step in enumerate(arrays["moments"])
        for seed in range(len(arrays["q"]))
    ]
    return to_csv(("setting", "step", "seed_number", "action_1", "action_2"), rows)
