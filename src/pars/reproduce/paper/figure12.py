"""Figure 12 and section 6.5 of Kim et al. 2025 (arXiv 2507.08761): which way to make a policy can leave the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse

from pars.report.charts.plot import COLORS, INK, Picture, figure, legend, line_style, picture, style, to_csv
from pars.report.stats.comparison import Comparison
from pars.reproduce.base import Arrays, Finding, Study
from pars.reproduce.paper.bandit import BC_WEIGHTS, BEST, DISCS, GRID, RADIUS, SCALES, compute

WEIGHT_MAX = 100.0  # of eq. (7)
DRAWS = 4096
NEAR = 1e-3  # further outside the regions counts as having left them
LEVELS = (0.4, 0.5, 0.6, 0.65, 0.7, 0.72, 0.74, 0.76, 0.78, 0.8)  # of Q
SHOWN = 400  # actions of the data in the picture
WAYS = {
    "imitated": "imitation, policy's mean",
    "sampled": "imitation, policy's draws",
    "reweighted": "imitation, reweighted data",
    "climbed": "climbing Q near the data",
}


def true_reward(action: np.ndarray) -> np.ndarray:
    """1 - |a - BEST|. action [.., 2] -> [..]"""
    return 1.0 - np.linalg.norm(np.asarray(action, np.float64) - BEST, axis=-1)


def distance(action: np.ndarray) -> np.ndarray:
    """To the nearer of the two regions, 0 within them. action [.., 2] -> [..]"""
    to_centre = np.linalg.norm(np.asarray(action, np.float64)[..., None, :] - np.array(DISCS), axis=-1)
    return np.asarray(np.maximum(to_centre.min(axis=-1) - RADIUS, 0.0))


def weights(advantage: np.ndarray, scale: float) -> np.ndarray:
    """Shares of the data's actions [.., N] in the policy that eq. (7) asks for, whatever network is to show it."""
    weight = np.minimum(np.exp(np.minimum(scale * np.asarray(advantage, np.float64), 50.0)), WEIGHT_MAX)
    return weight / weight.sum(axis=-1, keepdims=True)


def measures(arrays: Arrays) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Way -> true reward and distance from the data, each [S, sweep], by the names of WAYS."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((DRAWS, 1, 1, 2))
    drawn = np.clip(arrays["mean"] + noise * arrays["std"], -1.0, 1.0)
    reward, share = true_reward(arrays["data"]), [weights(arrays["advantage"], scale) for scale in SCALES]
    reweighted = np.stack([(one * reward).sum(axis=-1) for one in share], axis=-1)
    return {
        "imitated": (true_reward(arrays["mean"]), distance(arrays["mean"])),
        "sampled": (true_reward(drawn).mean(axis=0), distance(drawn).mean(axis=0)),
        "reweighted": (reweighted, np.zeros_like(reweighted)),
        "climbed": (true_reward(arrays["climbed"]), distance(arrays["climbed"])),
    }


def show(parts: Mapping[str, Arrays]) -> Finding:
    arrays = parts["bandit"]
    found = measures(arrays)
    return Finding(
        _comparisons(found), [_maps(arrays), _cut(arrays, found), _sweeps(arrays, found)], _reading(arrays, found)
    )


def _best(values: np.ndarray) -> int:
    """The place in the sweep with the highest mean over seeds. values [S, sweep]"""
    return int(values.mean(axis=0).argmax())


def _comparisons(found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[Comparison]:
    rows = []
    for way, title in WAYS.items():
        reward, far = found[way]
        at = _best(reward)
        rows.append(Comparison(f"{title}, best weight", "true reward", reward[:, at]))
        rows.append(Comparison(f"{title}, best weight", "distance from the data", far[:, at]))
    return rows


def _maps(arrays: Arrays) -> Picture:
    q = arrays["q"].mean(axis=0)
    with style():
        fig = figure((6.6, 2.5))
        axes = fig.subplots(1, 2, sharey=True)
        half = (GRID[1] - GRID[0]) / 2
        extent = (GRID[0] - half, GRID[-1] + half, GRID[0] - half, GRID[-1] + half)
        for ax in axes:
            image = ax.imshow(q, origin="lower", extent=extent, cmap="Greys", vmin=0.0, vmax=1.1)
            ax.contour(GRID, GRID, q, levels=LEVELS, colors="#555555", linewidths=0.5)
            _regions(ax, arrays["data"][0])
            ax.set(xlabel="action 1", xlim=(-1, 1), ylim=(-0.65, 0.45), yticks=(-0.5, 0, 0.5))
        axes[0].set(ylabel="action 2", title="imitating the data (IQL)")
        axes[1].set(title="climbing Q near the data (PARS)")
        _marks(axes[0], SCALES, arrays["mean"], "temperature⁻¹", arrays["std"])
        _marks(axes[1], BC_WEIGHTS, arrays["climbed"], "bc_weight")
        bar = fig.colorbar(image, ax=axes, shrink=0.7, pad=0.01, aspect=24, label="Q (raw reward)")
        bar.outline.set_visible(False)
        return picture(
            fig, "figure12", "Two ways to make a policy from one Q", _maps_caption(arrays), _ALT, _csv(arrays)
        )


_ALT = "Two maps of Q over the actions with the data's two regions, the best action between them, and the policies."


def _maps_caption(arrays: Arrays) -> str:
    return (
        f"Grey: Q, mean of {len(arrays['q'])} seeds. White dots within circles: actions of the data. Star: the best "
        "action. Coloured: actions of the policies, light to dark as the weight grows, one for each seed; left the "
        "means, with one standard deviation around the mean over seeds."
    )


def _regions(ax: Axes, data: np.ndarray) -> None:
    ax.grid(False)
    shown = data[:: max(1, len(data) // SHOWN)]
    ax.scatter(shown[:, 0], shown[:, 1], s=4, color="white", edgecolor="#777777", linewidth=0.3, zorder=2)
    for centre in DISCS:
        ax.add_patch(Circle(centre, RADIUS, fill=False, edgecolor=INK, linewidth=0.8, zorder=3))
    ax.scatter(*BEST, s=150, marker="*", color=COLORS[4], edgecolor=INK, linewidth=0.8, zorder=6)


def _marks(ax: Axes, sweep: Sequence[float], actions: np.ndarray, name: str, std: np.ndarray | None = None) -> None:
    """actions, std [S, sweep, 2]"""
    colors = _shades(len(sweep))
    for i, (value, color) in enumerate(zip(sweep, colors, strict=True)):
        ax.scatter(
            actions[:, i, 0], actions[:, i, 1], s=26, color=color, edgecolor="white", linewidth=0.5, zorder=5,
            label=f"{value:g}",
        )  # fmt: skip
        if std is not None:
            width, height = 2 * std[:, i].mean(axis=0)
            centre = tuple(actions[:, i].mean(axis=0))
            ax.add_patch(Ellipse(centre, width, height, fill=False, edgecolor=color, linewidth=1.2, zorder=4))
    ax.legend(
        title=name, loc="lower left", ncols=4, fontsize=7, title_fontsize=8, handletextpad=0.0, columnspacing=0.4,
        borderaxespad=0.1,
    )  # fmt: skip


def _shades(count: int) -> list[Any]:
    return [colormaps["plasma_r"](x) for x in np.linspace(0.1, 1.0, count)]


def _csv(arrays: Arrays) -> str:
    rows: list[tuple[Any, ...]] = []
    for what, sweep, actions in (("imitated", SCALES, arrays["mean"]), ("climbed", BC_WEIGHTS, arrays["climbed"])):
        rows += [
            (what, value, seed, *actions[seed, i]) for i, value in enumerate(sweep) for seed in range(len(actions))
        ]
    q = arrays["q"].mean(axis=0)
    rows += [("q", q[i, j], "", a, b) for i, b in enumerate(GRID) for j, a in enumerate(GRID)]
    return to_csv(("what", "weight_or_q", "seed_number", "action_1", "action_2"), rows)


def _cut(arrays: Arrays, found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Picture:
    """Along the line through both regions: Q, the true reward, and where the policies are."""
    q = arrays["q"][:, len(GRID) // 2]  # [S, K] at a second action of 0
    line = np.stack([GRID, np.zeros_like(GRID)], axis=-1)
    best, at = _best(found["sampled"][0]), _best(found["climbed"][0])
    mean, std = arrays["mean"][:, best, 0, None], arrays["std"][:, best, 0, None]
    density = np.exp(-0.5 * ((GRID - mean) / std) ** 2)
    density = (density / density.sum(axis=1, keepdims=True)).mean(axis=0)
    with style():
        fig = figure((5.2, 3.6))
        ax = fig.subplots()
        for x, _ in DISCS:
            ax.axvspan(x - RADIUS, x + RADIUS, color="#e9e9e9", zorder=0, linewidth=0)
        ax.fill_between(GRID, 0.5 * density / density.max(), color=COLORS[4], alpha=0.35, linewidth=0,
                        label=f"IQL's policy, inverse temperature {SCALES[best]:g}")  # fmt: skip
        ax.plot(GRID, true_reward(line), color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label="true reward")
        ax.plot(GRID, q.mean(axis=0), color=COLORS[0], label="Q (raw reward)", zorder=3)
        ax.plot(GRID, q.T, color=COLORS[0], linewidth=0.6, alpha=0.5, zorder=2)
        ax.vlines(
            arrays["climbed"][:, at, 0],
            0,
            0.5,
            color=COLORS[1],
            linewidth=1.5,
            label=f"PARS's policy, bc_weight {BC_WEIGHTS[at]:g}",
        )
        ax.set(xlabel="action 1 (action 2 at 0)", xlim=(-1, 1), ylim=(-0.1, 1.05))
        legend(fig, ax)
        caption = (
            f"Grey: the data's regions. Q: mean of {len(q)} seeds (thin: seeds). IQL's policy: its density, without "
            "scale, mean over seeds. PARS's: one action for each seed."
        )
        rows = zip(GRID, true_reward(line), q.mean(axis=0), density, strict=True)
        csv = to_csv(("action_1", "true_reward", "q", "density"), rows)
        alt = "Line plot of Q and the true reward across both regions, with the two policies."
        return picture(fig, "figure12-cut", "Across both regions", caption, alt, csv)


def _sweeps(arrays: Arrays, found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Picture:
    data = true_reward(arrays["data"]).max(axis=1).mean()
    with style():
        fig = figure((6.6, 4.6))
        axes = fig.subplots(2, 2, sharey="row")
        for index, way in enumerate(WAYS):
            column, sweep = (1, BC_WEIGHTS) if way == "climbed" else (0, SCALES)
            for row, measured in enumerate(found[way]):
                _line(axes[row, column], sweep, measured, WAYS[way].removeprefix("imitation, "), index)
        for ax in axes[0]:
            ax.axhline(1.0, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
            ax.axhline(data, color=INK, linewidth=1.0, linestyle=(0, (1, 1)))
        for text, height, place in (("best action", 1.0, "top"), ("best action of the data", data, "bottom")):
            axes[0, 0].annotate(text, (-0.1, height), fontsize=8, va=place)
        axes[0, 0].set(ylabel="true reward", title="imitating the data (IQL)")
        axes[0, 1].set(title="climbing Q near the data (PARS)")
        axes[1, 0].set(ylabel="distance from the data", xlabel="inverse temperature")
        axes[1, 1].set(xlabel="bc_weight")
        for ax, values in zip(axes.T.ravel(), (SCALES, SCALES, BC_WEIGHTS, BC_WEIGHTS), strict=True):
            ax.set_xticks(range(len(values)), [f"{x:g}" for x in values])
        axes[1, 0].legend(fontsize=8, loc="upper right")
        caption = (
            f"Mean over {len(arrays['q'])} seeds (thin: seeds). Above: reward by the true function, which is 1 at the "
            "best action; below: distance to the data's regions. Reweighted: what eq. (7) asks for, without a network."
        )
        alt = "Four line plots: true reward and distance from the data over the weight of either way."
        return picture(fig, "figure12-reward", "What the policies are worth", caption, alt, _sweep_csv(found))


def _line(ax: Axes, sweep: Sequence[float], values: np.ndarray, label: str, index: int) -> None:
    """values [S, sweep]"""
    places = range(len(sweep))
    ax.plot(places, values.mean(axis=0), marker="o", markersize=3.5, label=label, zorder=3, **line_style(index))
    ax.plot(places, values.T, color=line_style(index)["color"], linewidth=0.6, alpha=0.5, zorder=2)


def _sweep_csv(found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    rows = []
    for way, (reward, far) in found.items():
        sweep: Sequence[float] = BC_WEIGHTS if way == "climbed" else SCALES
        rows += [
            (WAYS[way], value, seed, reward[seed, i], far[seed, i])
            for i, value in enumerate(sweep)
            for seed in range(len(reward))
        ]
    return to_csv(("way", "weight", "seed_number", "true_reward", "distance"), rows)


def _reading(arrays: Arrays, found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    data = true_reward(arrays["data"]).max(axis=1)
    climbed, far = found["climbed"]
    at, seeds = _best(climbed), len(data)
    beyond = int((climbed[:, at] > data).sum())
    imitated, off = found["imitated"]
    drawn, reweighted = (found[way][0].max(axis=1) for way in ("sampled", "reweighted"))
    caught = int((np.maximum(imitated.max(axis=1), reweighted) <= data).sum())
    left = [int((outside > NEAR).sum()) for outside in (far[:, at], off[np.arange(seeds), imitated.argmax(axis=1)])]
    holds = beyond == seeds and caught == seeds and left == [seeds, 0]
    top = np.array([np.unravel_index(one.argmax(), one.shape) for one in arrays["q"]])
    peak = distance(np.stack([GRID[top[:, 1]], GRID[top[:, 0]]], axis=-1))
    return [
        f"Climbing Q with bc_weight {BC_WEIGHTS[at]:g} is worth {climbed[:, at].mean():.3f} (the best action of the "
        f"data: {data.mean():.3f}, the best of all: 1), {far[:, at].mean():.3f} away from the data; it beats the "
        f"data's best action in {beyond} of {seeds} seeds.",
        "The mean of the imitating policy, each seed at its best temperature, is worth "
        f"{imitated.max(axis=1).mean():.3f} and at most {off.max():.3f} away from the data; the data "
        "as eq. (7) weights them are worth "
        f"{reweighted.mean():.3f}, the policy drawn from instead of taken at its mean {drawn.mean():.3f}.",
        f"Mean and reweighted data stay below the data's best action in {caught} of {seeds} seeds.",
        f"Climbing leaves the data's regions in {left[0]} of {seeds} seeds, the imitating policy in {left[1]}.",
        f"Q's own maximum lies {peak.mean():.3f} outside the data's regions.",
        "The paper's claim holds here." if holds else "The paper's claim does not hold in every seed here.",
    ]


FIGURE12 = Study(
    id="figure12",
    title="A policy that leaves the data's actions, and one that cannot",
    claim="where the data's actions lie in separate regions and the best action between them, imitation weighted by "
    "advantages stays in the regions; climbing Q near the data, as TD3+BC and PARS do, leaves them",
    parts={"bandit": compute},
    show=show,
    seconds=40.0,
    notes=(
        "The paper's figure is a drawing and names no problem; this bandit is ours.",
        "Both policies come from the same critics: PARS's of two layers of 64, reward_scale 10, penalty_weight 0.001. "
        "Advantages are divided by the scale, so that IQL's temperatures mean what they mean on raw rewards; V is the "
        "exact expectile (0.7) of the lesser critic over the data, weights are capped at 100 as in IQL.",
        "Regions and scale were chosen so that the difference can be seen: with a reward_scale of 100 or 1000 Q is "
        "flatter between the regions and its maximum lies nearer to the data.",
        "PARS's policy starts from a random action and takes as many steps as IQL's.",
    ),
)
