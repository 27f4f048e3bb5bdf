"""How good a way of choosing is, where the truth is known."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

Array = np.ndarray
DRAWS = 200  # orders of policies that are scored alike


def rank_correlation(score: Array, truth: Array) -> float:
    """Spearman's, of [K] and [K]; NaN where one of them is constant."""
    if min(np.ptp(score), np.ptp(truth)) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(score), rankdata(truth))[0, 1])


def regret(score: Array, truth: Array, k: int = 1) -> float:
    """Best truth [K] less the best among the k that score highest; where scores are alike, the mean over orders."""
    rng, lost = np.random.default_rng(0), []
    for _ in range(DRAWS):
        order = rng.permutation(len(score))
        top = order[np.argsort(-score[order], kind="stable")[:k]]
        lost.append(truth.max() - truth[top].max())
    return float(np.mean(lost))


def held(low: Array, high: Array, truth: Array) -> float:
    """Share of intervals that hold the truth; NaN without any."""
    return float(np.mean((low <= truth) & (truth <= high))) if len(truth) else float("nan")
