"""Appendix C.1 of PARS: the operator that PARS stands for is a contraction, here of random finite decision processes.

Pairs of observation and action lie in a plane. Some are in the data (ID); the others lie inside their convex hull or
outside. For a fixed policy the operator gives Bellman's value at ID pairs, the average of that over the k nearest ID
pairs inside the hull, and the constant Q_min outside. It is affine: T Q = offset + matrix Q.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import Delaunay

from pars.report.charts.plot import INK, Picture, figure, line_style, picture, style, to_csv
from pars.report.stats.comparison import Comparison, Reference
from pars.report.stats.statistics import estimate
from pars.reproduce.base import Arrays, Finding, Study
from pars.reproduce.say import outcome

CASES = ("in the data", "inside the hull", "outside")
DISCOUNT, Q_MIN, NEAREST = 0.99, -10.0, 3
BOUNDS = (DISCOUNT, DISCOUNT, 0.0)  # of the ratio, by case
OBSERVATIONS, ACTIONS = 40, 6
STRAY = 0.01  # how much less likely the policy is to act outside the hull; what it does there ends the bootstrapping
DRAWS, ITERATIONS = 1000, 3000
SHOWN = 500  # iterations in the picture; then rounding is all that is left
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SOURCE = "Appendix C.1"
ROUNDING = 1e-9  # of sums and of a linear solve in double precision


class Operator(NamedTuple):
    """T Q = offset + matrix Q over N pairs; case [N]: 0, 1 or 2 of CASES."""

    offset: np.ndarray  # [N]
    matrix: np.ndarray  # [N, N]
    case: np.ndarray

    def __call__(self, q: np.ndarray) -> np.ndarray:
        """q [.., N] -> [.., N]"""
        return self.offset + q @ self.matrix.T

    def fixed_point(self) -> np.ndarray:
        """[N], by solving (I - matrix) Q = offset."""
        return np.linalg.solve(np.eye(len(self.offset)) - self.matrix, self.offset)


def random_operator(rng: np.random.Generator) -> Operator:
    """The operator of a random process: places in the plane, data, rewards, transitions, a stochastic policy.

    The first action of every observation is in the data.
    """
    count = OBSERVATIONS * ACTIONS
    place = rng.uniform(-1.0, 1.0, (count, 2))
    place[::ACTIONS] *= 0.5
    central = np.linalg.norm(place, axis=1) < 0.7
    data = np.union1d(np.arange(0, count, ACTIONS), np.flatnonzero(central & (rng.uniform(size=count) < 0.3)))
    case = cases(place, data)
    reward = rng.normal(size=count)
    reached = rng.dirichlet(np.full(OBSERVATIONS, 0.05), count)  # few successors each
    policy = rng.dirichlet(np.full(ACTIONS, 0.3), OBSERVATIONS) * np.where(case == 2, STRAY, 1.0).reshape(-1, ACTIONS)
    policy /= policy.sum(1, keepdims=True)
    scaled_td_target = DISCOUNT * (reached[:, :, None] * policy).reshape(count, count)
    average = weights(place, data, case)
    return Operator(np.where(case == 2, Q_MIN, average @ reward), average @ scaled_td_target, case)


def cases(place: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Case of every pair. place [N, 2], data: indices of the pairs in the data -> [N]."""
    case = np.where(Delaunay(place[data]).find_simplex(place) >= 0, 1, 2)
    case[data] = 0
    return case


def weights(place: np.ndarray, data: np.ndarray, case: np.ndarray, nearest: int = NEAREST) -> np.ndarray:
    """What of each pair's Bellman value makes T Q: itself, the mean of its nearest in the data, or nothing. [N, N]"""
    found = np.zeros((len(place), len(place)))
    found[data, data] = 1.0
    for i in np.flatnonzero(case == 1):
        order = np.argsort(np.linalg.norm(place[data] - place[i], axis=1))
        found[i, data[order[:nearest]]] = 1.0 / nearest
    return found


def ratios(operator: Operator, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """max |T Q1 - T Q2| over the pairs of each case, over max |Q1 - Q2| of all, for random Q1, Q2. [draws, 3]

    Their difference is a constant plus noise whose size goes from a thousandth to ten of it: independent noise alone is
    averaged out, and would never come near the bound.
    """
    count = len(operator.offset)
    noise = 10.0 ** rng.uniform(-3.0, 1.0, (draws, 1))
    first = 10.0 * rng.normal(size=(draws, count))
    second = first + rng.choice([-1.0, 1.0], (draws, 1)) + noise * rng.normal(size=(draws, count))
    moved = np.abs(operator(first) - operator(second))
    apart = np.abs(first - second).max(1)
    return np.stack([np.where(operator.case == k, moved, 0.0).max(1) / apart for k in range(len(CASES))], axis=1)


def distances(operator: Operator, rng: np.random.Generator, iterations: int = ITERATIONS) -> np.ndarray:
    """max |T^n Q - Q*| for n = 0, 1, ... from a random Q, Q* solved directly. [iterations + 1]"""
    goal = operator.fixed_point()
    q = 100.0 * rng.normal(size=len(goal))
    found = [np.abs(q - goal).max()]
    for _ in range(iterations):
        q = operator(q)
        found.append(np.abs(q - goal).max())
    return np.array(found)


def compute(seeds: Sequence[int]) -> Arrays:
    """A process for each seed: `ratio` [S, draws, 3], `distance` [S, iterations + 1], `pairs` [S, 3] of each case."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        operator = random_operator(rng)
        pairs = np.bincount(operator.case, minlength=len(CASES))
        found.append((ratios(operator, rng), distances(operator, rng), pairs))
    return {name: np.stack(rows) for name, rows in zip(("ratio", "distance", "pairs"), zip(*found), strict=True)}


def show(parts: Mapping[str, Arrays]) -> Finding:
    part = parts["processes"]
    ratio, distance = part["ratio"], part["distance"]
    draws = ratio.shape[1]
    comparisons = [
        *(
            Comparison(case, f"of {draws:,} draws above {bound:g}", above, Reference(0.0, tolerance=0.0, source=SOURCE))
            for case, bound, above in zip(CASES, BOUNDS, violations(ratio).T, strict=True)
        ),
        *(Comparison(case, "largest ratio", ratio[..., k].max(1)) for k, case in enumerate(CASES)),
        Comparison(
            "iterates",
            f"distance from the fixed point after {distance.shape[1] - 1:,}",
            distance[:, -1],
            Reference(0.0, tolerance=ROUNDING, source=SOURCE),
        ),
    ]
    return Finding(comparisons, [_histogram(ratio), _convergence(distance)], _reading(part))


def violations(ratio: np.ndarray) -> np.ndarray:
    """How many draws exceed the bound of their case. ratio [S, draws, 3] -> [S, 3]"""
    return (ratio > np.array(BOUNDS) + ROUNDING).sum(1)


def _reading(part: Arrays) -> list[str]:
    ratio, distance = part["ratio"], part["distance"]
    above, (processes, draws) = violations(ratio), ratio.shape[:2]
    largest = ratio.max((0, 1))
    start, end = estimate(distance[:, 0]), distance[:, -1].max()
    within = bool((distance <= DISCOUNT ** np.arange(distance.shape[1]) * distance[:, :1] + ROUNDING).all())
    return [
        f"{outcome(within and not above.any())}of {processes * draws:,} draws of (Q1, Q2) on {processes} random "
        f"processes {above.sum()} exceed the bound in any case; the largest ratios are {largest[0]:.4f} in the data, "
        f"{largest[1]:.4f} inside the hull (bound {DISCOUNT:g}) and {largest[2]:.4f} outside (bound 0).",
        "The distance of the iterates from the fixed point, which a linear solve gives, falls from "
        f"{start.text()} (mean ± sample standard deviation, n = {start.n}) to {end:.1e} at most after "
        f"{distance.shape[1] - 1:,} iterations, {'always' if within else 'not always'} within discountⁿ of the first.",
    ]


def _histogram(ratio: np.ndarray) -> Picture:
    draws = ratio.shape[0] * ratio.shape[1]
    edges = DISCOUNT * np.arange(56) / 50
    counts = [np.histogram(ratio[..., k], edges)[0] / draws for k in (0, 1)]
    with style():
        fig = figure((4.8, 3.0))
        ax = fig.subplots()
        for k, shares in enumerate(counts):
            ax.stairs(shares, edges, label=CASES[k], linewidth=1.8, **line_style(k))
        ax.axvline(DISCOUNT, color=INK, linewidth=1.2)
        ax.annotate(
            "discount",
            (DISCOUNT, 1.0),
            (4, -2),
            xycoords=ax.get_xaxis_transform(),
            textcoords="offset points",
            ha="left",
            va="top",
            fontsize=9,
        )
        ax.set(xlabel="max |T Q1 − T Q2| / max |Q1 − Q2|", ylabel="share of draws")
        fig.legend(loc="outside upper left", ncols=2)
        rows = [(CASES[k], edges[i], edges[i + 1], counts[k][i]) for k in (0, 1) for i in range(len(edges) - 1)]
        return picture(
            fig,
            "appendixC-ratio",
            "How much the operator shrinks differences",
            f"{draws:,} draws of (Q1, Q2) on {len(ratio)} random processes; outside the hull the ratio is always "
            f"{ratio[..., 2].max():g}.",
            "Histogram of the contraction ratio, which stays below the discount.",
            to_csv(("case", "from", "to", "share"), rows),
        )


def _convergence(distance: np.ndarray) -> Picture:
    steps = np.arange(distance.shape[1])
    thin = slice(0, SHOWN, 5)
    bound = DISCOUNT**steps * distance[:, 0].max()
    shown = slice(0, SHOWN)
    with style():
        fig = figure((4.8, 3.0))
        ax = fig.subplots()
        ax.plot(steps[shown], distance.T[shown], color=line_style(0)["color"], linewidth=1.0, alpha=0.8)
        ax.plot([], [], color=line_style(0)["color"], label="iterates, a line each process")
        ax.plot(steps[shown], bound[shown], label="bound, discountⁿ of the largest start", **line_style(1))
        ax.set(
            yscale="log", ylim=(distance[distance > 0].min() / 3, None), xlabel="iterations n", ylabel="max |Tⁿ Q − Q*|"
        )
        ax.yaxis.set_major_formatter(lambda value, _: f"10{str(round(np.log10(value))).translate(RAISED)}")
        fig.legend(loc="outside upper left")
        rows = [
            (seed, n, d) for seed, line in enumerate(distance) for n, d in zip(steps[thin], line[thin], strict=True)
        ]
        return picture(
            fig,
            "appendixC-convergence",
            "Iterates approach the fixed point",
            f"{len(distance)} random processes, discount {DISCOUNT:g}; Q* by a direct linear solve. They approach "
            "faster than the bound, since the policy sometimes acts outside the hull, where T Q is constant.",
            "Line plot of the distance from the fixed point against iterations, below a straight bound on a log axis.",
            to_csv(("process", "iteration", "distance"), rows),
        )


APPENDIX_C = Study(
    id="appendixC",
    title="Contraction of the PARS operator",
    claim=(
        "In the maximum norm the operator shrinks differences by the discount, in the data and inside its hull, and to "
        "nothing outside; so its iterates converge to one Q."
    ),
    parts={"processes": compute},
    show=show,
    seconds=2.0,
    notes=(
        "The operator is that of the paper's proof. The loss of PARS has no term for pairs inside the hull: there the "
        "network interpolates.",
        f"{OBSERVATIONS} observations by {ACTIONS} actions at random places of a plane; averages are over {NEAREST} "
        "neighbours.",
    ),
)
