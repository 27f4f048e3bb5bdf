"""Figure 8 of Kim et al. 2025 (arXiv 2507.08761): where infeasible actions are drawn, and how far from the box.

The paper's figure is a drawing of the guard interval (1, L) that separates the box [-1, 1]^A from the sampled region.
Here the library's own sampler is drawn, and what it does is held against closed forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy import integrate, special

from pars.report.charts.plot import COLORS, FAINT, INK, Picture, figure, picture, short, style, to_csv
from pars.report.stats.comparison import Comparison, Reference
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.rl.losses import infeasible_actions

Kind = Literal["all", "any"]
KINDS: dict[Kind, str] = {"all": "all coordinates", "any": "any coordinates"}
DISTANCES = (100.0, 1000.0)  # L of Adroit and MuJoCo, of AntMaze (Table 9)
DIMENSIONS = (1, 2, 3, 6, 8, 17, 24, 30)  # action dimensions; 8: AntMaze, 24 to 30: Adroit
SAMPLES = 100_000
SHOWN = 400
LIMIT = 1.5 / np.sqrt(7.0 / 3.0)  # of the mean cosine for many dimensions


draws = jax.jit(infeasible_actions, static_argnums=(1, 3))


def sample(seeds: Sequence[int], kind: Kind, samples: int = SAMPLES, dimensions: Sequence[int] = DIMENSIONS) -> Arrays:
    """Draws of one setting. S seeds, D distances, N numbers of action dimensions.

    actions [S, SHOWN, 2] at the largest distance; inside [S, D]: share of the coordinates of 2-D actions with
    |a| in [L, 2L]; corners [S, D, 4]: share of 2-D actions in each orthant; cosine [S, N]: mean
    cosine between an action and the diagonal of its orthant, and spread [S, N]: its standard deviation; dimensions [N].
    """
    out: dict[str, list[np.ndarray]] = {name: [] for name in ("actions", "inside", "corners")}
    for seed in seeds:
        keys = jax.random.split(jax.random.key(seed), len(DISTANCES))
        planes = [np.asarray(draws(k, (samples, 2), far, kind)) for k, far in zip(keys, DISTANCES)]
        sizes = [np.abs(plane) / distance for plane, distance in zip(planes, DISTANCES, strict=True)]
        out["actions"].append(planes[-1][:SHOWN])
        out["inside"].append(np.array([np.mean((size >= 1.0) & (size <= 2.0)) for size in sizes]))
        out["corners"].append(np.stack([_corners(plane) for plane in planes]))
    directions = np.array([[_cosine(seed, kind, n, samples) for n in dimensions] for seed in seeds])
    return {name: np.stack(values) for name, values in out.items()} | {
        "cosine": directions[..., 0],
        "spread": directions[..., 1],
        "dimensions": np.asarray(dimensions),
        "samples": np.asarray(samples),
    }


def _corners(plane: np.ndarray) -> np.ndarray:
    """Share of actions [M, 2] in the orthants (-, -), (-, +), (+, -), (+, +)."""
    number = 2 * (plane[:, 0] > 0) + (plane[:, 1] > 0)
    return np.bincount(number, minlength=4) / len(plane)


def _cosine(seed: int, kind: Kind, dimensions: int, samples: int) -> tuple[float, float]:
    """Mean and standard deviation of |a|_1 / (sqrt(A) |a|_2), the cosine with the orthant's diagonal."""
    key = jax.random.fold_in(jax.random.key(seed), dimensions)
    size = np.abs(np.asarray(draws(key, (samples, dimensions), DISTANCES[-1], kind), np.float64))
    cosine = size.sum(axis=1) / (np.sqrt(dimensions) * np.linalg.norm(size, axis=1))
    return float(cosine.mean()), float(cosine.std())


def expected_cosine(dimensions: int) -> float:
    """Mean cosine between u, each coordinate uniform in [1, 2], and the diagonal, by quadrature in one dimension.

    1 / |u| = (2 / sqrt(pi)) int exp(-t^2 |u|^2) dt makes the mean a product over coordinates.
    """

    def integrand(t: float) -> float:
        first = (np.exp(-(t**2)) - np.exp(-4 * t**2)) / (2 * t**2)  # int_1^2 u exp(-t^2 u^2) du
        others = np.sqrt(np.pi) / (2 * t) * (special.erf(2 * t) - special.erf(t))  # int_1^2 exp(-t^2 u^2) du
        return float(first * others ** (dimensions - 1))

    value, _ = integrate.quad(integrand, 1e-9, np.inf, epsabs=1e-10, limit=200)
    return float(2 / np.sqrt(np.pi) * np.sqrt(dimensions) * value)


def show(parts: Mapping[str, Arrays]) -> Finding:
    comparisons = [one for kind in KINDS for one in _comparisons(kind, parts[kind])]
    return Finding(comparisons, [_plane(parts), _directions(parts)], _reading(parts))


def _comparisons(kind: Kind, arrays: Arrays) -> list[Comparison]:
    """Shares and cosines beside their closed forms; what counts as agreeing is four standard errors."""
    # any: the other of two coordinates is infeasible too in half of all draws, so that their mean is 1 or 1/2
    share, spread = (1.0, 0.0) if kind == "all" else (0.75, 0.25**2)
    samples, rows = int(arrays["samples"]), []
    for i, distance in enumerate(DISTANCES):
        row = f"{KINDS[kind]} infeasible, L = {distance:g}"
        rows.append(_row(row, "coordinates in [L, 2L]", arrays["inside"][:, i], share, spread, samples))
        rows.append(_row(row, "orthant (+, +)", arrays["corners"][:, i, -1], 0.25, 0.25 * 0.75, samples))
    if kind == "all":
        for i, dimensions in enumerate(arrays["dimensions"].tolist()):
            row, variance = (
                f"{dimensions} dimension{'s' if dimensions > 1 else ''}",
                float(np.mean(arrays["spread"][:, i] ** 2)),
            )
            cosine = arrays["cosine"][:, i]
            expected = expected_cosine(dimensions)
            rows.append(_row(row, "cosine with the diagonal", cosine, expected, variance, samples))
    return rows


def _row(row: str, column: str, values: np.ndarray, expected: float, variance: float, samples: int) -> Comparison:
    """variance: of one draw."""
    tolerance = max(4.0 * float(np.sqrt(variance / (samples * len(values)))), 1e-6)
    return Comparison(row, column, values, Reference(expected, tolerance=tolerance, source="closed form"))


def _plane(parts: Mapping[str, Arrays]) -> Picture:
    distance = DISTANCES[-1]
    with style():
        fig = figure((6.4, 3.5))
        axes = fig.subplots(1, 2, sharey=True)
        for ax, (kind, title) in zip(axes, KINDS.items(), strict=True):
            _guard(ax, distance)
            actions = parts[kind]["actions"][0]
            ax.scatter(actions[:, 0], actions[:, 1], s=5, color=COLORS[1], linewidth=0, zorder=3)
            ax.set(xlabel="action 1", title=f"{title} infeasible")
        axes[0].set_ylabel("action 2")
        rows = [(kind, *pair) for kind in KINDS for pair in parts[kind]["actions"][0].tolist()]
        csv = to_csv(("setting", "action_1", "action_2"), rows)
        caption = (
            f"{SHOWN} infeasible actions (orange) of one seed for L = {distance:g}; linear within ±1, logarithmic "
            "beyond. White with a thick edge: the box of feasible actions. Grey: the guard interval, in which no "
            "coordinate of a sample lies. Left: PARS, eq. (4); right: the union of eq. (1)."
        )
        alt = "Two scatter plots of infeasible actions around the box, beyond a grey frame that stays empty."
        return picture(fig, "figure8", "Where infeasible actions are drawn", caption, alt, csv)


def _guard(ax: Axes, distance: float) -> None:
    """The box, the guard interval of either coordinate, and axes on which both can be seen."""
    far = 4.0 * distance
    for low, high in ((1.0, distance), (-distance, -1.0)):
        ax.axvspan(low, high, color="#e9e9e9", zorder=0, linewidth=0)
        ax.axhspan(low, high, color="#e9e9e9", zorder=0, linewidth=0)
    ax.add_patch(Rectangle((-1, -1), 2, 2, facecolor="white", edgecolor=INK, linewidth=2.0, zorder=2))
    ax.annotate("box", (0, 0), ha="center", va="center", color=INK, fontsize=9, zorder=4)
    ax.annotate("guard interval", (0, np.sqrt(distance)), ha="center", va="center", color=INK, fontsize=8, zorder=4)
    ticks = [-distance, -1.0, 1.0, distance]
    for axis, setter in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
        setter("symlog", linthresh=1.0, linscale=0.6)
        axis.set_ticks(ticks, [short(tick) for tick in ticks])
        axis.set_ticks([], minor=True)
    ax.set(xlim=(-far, far), ylim=(-far, far), aspect="equal")
    ax.grid(False)


def _directions(parts: Mapping[str, Arrays]) -> Picture:
    dimensions = parts["all"]["dimensions"].tolist()
    expected = [expected_cosine(n) for n in dimensions]
    with style():
        fig = figure((4.8, 3.0))
        ax = fig.subplots()
        ax.plot(dimensions, expected, color=INK, linewidth=1.2, label="all: quadrature")
        ax.axhline(LIMIT, color=FAINT, linewidth=1.0, linestyle=(0, (4, 2)), label=f"1.5/√(7/3) = {LIMIT:.3f}")
        for index, (kind, title) in enumerate(KINDS.items()):
            mean = parts[kind]["cosine"].mean(axis=0)
            ax.plot(dimensions, mean, "os"[index], color=COLORS[index], markersize=5, label=f"{title}, sampled")
        ax.set(xlabel="action dimensions", ylabel="mean cosine with the diagonal", ylim=(0.6, 1.02))
        ax.set_xscale("log", base=2)
        ax.set_xticks(dimensions, [str(n) for n in dimensions])
        ax.set_xticks([], minor=True)
        ax.legend(loc="lower left")
        rows = [
            (kind, n, seed, value, exact if kind == "all" else "")
            for kind in KINDS
            for seed, row in enumerate(parts[kind]["cosine"])
            for n, value, exact in zip(dimensions, row, expected, strict=True)
        ]
        csv = to_csv(("setting", "dimensions", "seed_number", "cosine", "quadrature"), rows)
        caption = (
            "How close an infeasible action's direction is to the diagonal of its orthant: mean over draws and seeds. "
            "With all coordinates infeasible every direction is near one of the 2^A diagonals."
        )
        alt = "Mean cosine with the orthant's diagonal over the number of action dimensions."
        return picture(fig, "figure8-directions", "Directions of infeasible actions", caption, alt, csv)


def _reading(parts: Mapping[str, Arrays]) -> list[str]:
    inside, corners = parts["all"]["inside"], parts["all"]["corners"]
    last, n = len(parts["all"]["dimensions"]) - 1, int(parts["all"]["dimensions"][-1])
    cosine, union = (float(parts[kind]["cosine"][:, last].mean()) for kind in KINDS)
    out = float(parts["any"]["inside"].mean())
    return [
        f"With all coordinates infeasible {inside.min():.1%} of them lie in [L, 2L], so the guard interval "
        + ("stays empty." if inside.min() == 1.0 else "does not stay empty."),
        f"Each of the four orthants of the plane gets {corners.min():.1%} to {corners.max():.1%} of the draws.",
        f"In {n} dimensions the mean cosine with the orthant's diagonal is {cosine:.4f} (quadrature: "
        f"{expected_cosine(n):.4f}): directions along an axis are never penalised directly.",
        f"With any coordinates infeasible it is {union:.3f}; in the plane {out:.1%} of the coordinates are infeasible.",
    ]


PARTS: dict[str, Part] = {kind: partial(sample, kind=kind) for kind in KINDS}

FIGURE8 = Study(
    id="figure8",
    title="Infeasible actions beyond a guard interval",
    claim="the penalty acts on actions whose every coordinate is at least L away, so that a wide interval around the "
    "feasible box is left to the network",
    parts=PARTS,
    show=show,
    seconds=8.0,
    notes=(
        "The paper's figure is a drawing; ours shows the sampler that training uses.",
        "Eq. (1) calls an action infeasible as soon as one coordinate is; eq. (4) and listing 1 draw all coordinates "
        "infeasible at once. Both are settings of the library (`infeasible`), the second is its default.",
    ),
)
