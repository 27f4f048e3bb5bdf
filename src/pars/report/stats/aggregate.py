"""One number for many tasks, with its interval: Agarwal et al. 2021 (arXiv 2108.13264).

All functions take scores as a matrix [runs, tasks], each already normalised (0 random, 100 expert). Intervals are
percentile bootstrap intervals, stratified: runs are drawn anew within each task, tasks stay as they are. So an interval
says what other seeds on the same tasks would give, and nothing about other tasks.

A matrix has as many runs of each task and no hole; `matrix` builds one from lists of scores, or says what is missing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from pars.report.stats.statistics import LEVEL, RESAMPLES, Improvement, decimals

Statistic = Callable[[np.ndarray], np.ndarray]  # [..., runs, tasks] -> [...]
TARGET = 100.0  # score beyond which nothing counts as a gap


@dataclass(frozen=True)
class Aggregate:
    """A statistic over runs and tasks with its interval; None with a single run: it has no spread."""

    value: float
    interval: tuple[float, float] | None
    runs: int
    tasks: int

    def text(self) -> str:
        """`75 [68 82]`."""
        places = decimals(self.value)
        if self.interval is None:
            return f"{self.value:,.{places}f}"
        return f"{self.value:,.{places}f} [{self.interval[0]:,.{places}f} {self.interval[1]:,.{places}f}]"


def matrix(scores: Mapping[str, Any], runs: int | None = None) -> np.ndarray:
    """Scores of each task's runs, by task -> [runs, tasks].

    Args:
        runs: take the first so many of each task, where tasks have more; None: all tasks must have equally many.

    Raises ValueError, with the tasks at fault, if numbers of runs differ, are too few, or a score is not finite.
    """
    columns = {task: np.atleast_1d(np.asarray(values, float)) for task, values in scores.items()}
    counts = {task: values.size for task, values in columns.items()}
    least = min(counts.values(), default=0)
    if runs is None and len(set(counts.values())) > 1:
        listed = ", ".join(f"{task} {count}" for task, count in counts.items())
        raise ValueError(
            f"tasks have unequal numbers of runs ({listed}); pass runs={least} to take the first {least} of each, "
            "or leave out tasks without runs"
        )
    wanted = least if runs is None else runs
    if wanted < 1 or least < wanted:
        few = [task for task, count in counts.items() if count < max(wanted, 1)] or ["no task at all"]
        raise ValueError(f"every task needs at least {max(wanted, 1)} runs, not so: {', '.join(few)}")
    holes = [task for task, values in columns.items() if not np.isfinite(values[:wanted]).all()]
    if holes:
        raise ValueError(f"not a finite number among the scores of {', '.join(holes)}; run it anew or leave it out")
    return np.stack([values[:wanted] for values in columns.values()], axis=1)


def interquartile_mean(scores: np.ndarray) -> np.ndarray:
    """Mean of the middle half of all scores, runs and tasks pooled. [..., R, T] -> [...]."""
    return np.asarray(stats.trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1))


def mean(scores: np.ndarray) -> np.ndarray:
    """Mean of the tasks' means. [..., R, T] -> [...]."""
    return np.asarray(scores.mean(axis=(-2, -1)))


def median(scores: np.ndarray) -> np.ndarray:
    """Median of the tasks' means over runs. [..., R, T] -> [...]."""
    return np.asarray(np.median(scores.mean(axis=-2), axis=-1))


def optimality_gap(scores: np.ndarray, target: float = TARGET) -> np.ndarray:
    """How far scores lie below `target` on average, those above it counted as reaching it. [..., R, T] -> [...]."""
    return np.asarray(target - np.minimum(scores, target).mean(axis=(-2, -1)))


STATISTICS: dict[str, Statistic] = {
    "IQM": interquartile_mean,
    "mean": mean,
    "median": median,
    "optimality gap": optimality_gap,
}


def resample(scores: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Stratified bootstrap: the runs of each task drawn anew, on their own. [R, T] -> [resamples, R, T]."""
    drawn = np.random.default_rng(seed).integers(scores.shape[0], size=(resamples, *scores.shape))
    return np.asarray(np.take_along_axis(scores[None], drawn, axis=1))


def aggregate(
    scores: np.ndarray, statistic: Statistic, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Aggregate:
    """A statistic of scores [R, T], one of `STATISTICS`, with its stratified bootstrap interval."""
    scores = _check(scores)
    value = float(statistic(scores))
    if scores.shape[0] < 2:
        return Aggregate(value, None, *scores.shape)
    low, high = _interval(statistic(resample(scores, resamples, seed)), level)
    return Aggregate(value, (float(low), float(high)), *scores.shape)


def profile(scores: np.ndarray, taus: Sequence[float] | np.ndarray) -> np.ndarray:
    """Performance profile: the share of runs, over all tasks, that score above each tau. [R, T], [K] -> [K]."""
    scores = _check(scores)
    return np.asarray((scores[..., None] > np.asarray(taus, float)).mean(axis=(0, 1)))


def profile_band(
    scores: np.ndarray,
    taus: Sequence[float] | np.ndarray,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise stratified bootstrap band of the profile. [R, T] with R >= 2, [K] -> low [K], high [K]."""
    scores = _check(scores)
    if scores.shape[0] < 2:
        raise ValueError(f"a band takes two runs of each task, got {scores.shape[0]}")
    above = (scores[..., None] > np.asarray(taus, float)).astype(float)
    drawn = _drawn(np.random.default_rng(seed), scores, resamples)
    shares = np.einsum("srt,rtk->sk", drawn, above, optimize=True) / scores.shape[1]
    low, high = _interval(shares, level)
    return low, high


def improvement_over_tasks(
    x: np.ndarray, y: np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Improvement:
    """Probability that a run of x [n, T] scores higher than one of y [m, T] on the same task, averaged over tasks.

    Ties count half. Both sides are resampled, each within its tasks; no interval if either has a single run.
    """
    x, y = _check(x), _check(y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"both sides need the same tasks in the same order, got {x.shape[1]} and {y.shape[1]} of them")
    beats = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])  # [n, m, T]
    value = float(beats.mean())
    if x.shape[0] < 2 or y.shape[0] < 2:
        return Improvement(value, None)
    rng = np.random.default_rng(seed)
    drawn_x, drawn_y = _drawn(rng, x, resamples), _drawn(rng, y, resamples)
    found = np.einsum("snt,nmt,smt->s", drawn_x, beats, drawn_y, optimize=True) / x.shape[1]
    low, high = _interval(found, level)
    return Improvement(value, (float(low), float(high)))


def _drawn(rng: np.random.Generator, scores: np.ndarray, resamples: int) -> np.ndarray:
    """How often each run is drawn, as a share of its task, says all about a resample: [resamples, R, T]."""
    runs, tasks = scores.shape
    drawn = rng.multinomial(runs, np.full(runs, 1 / runs), size=(resamples, tasks)) / runs
    return np.asarray(drawn.transpose(0, 2, 1))


def _interval(found: np.ndarray, level: float) -> np.ndarray:
    """Percentile interval over the first axis: [resamples, ...] -> [2, ...]."""
    return np.asarray(np.quantile(found, [0.5 - level / 2, 0.5 + level / 2], axis=0))


def _check(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be [runs, tasks] with at least one of each, got {scores.shape}")
    if not np.isfinite(scores).all():
        runs, tasks = np.nonzero(~np.isfinite(scores))
        raise ValueError(
            f"the score of run {runs[0]} on task {tasks[0]} is {scores[runs[0], tasks[0]]}; every task needs all its "
            "runs: build the scores with `matrix`, which says which are missing"
        )
    return scores
