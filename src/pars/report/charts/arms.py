"""Scores of several arms in several groups, one per seed: what the bar chart and the line chart are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pars.report.charts.plot import to_csv
from pars.report.stats.statistics import Estimate, estimate

HEADER = ("n", "mean", "low", "high", "published", "seeds")
INTERVAL = "95 % percentile bootstrap interval of the mean (n ≥ 2)"


def estimates(arms: Sequence[str], groups: Sequence[Any], scores: Sequence[Sequence[Any]]) -> list[list[Estimate]]:
    """[arms][groups] lists of seeds, of any length and also empty -> [arms][groups] estimates."""
    if not arms or not groups:
        raise ValueError(f"nothing to draw: {len(arms)} arms, {len(groups)} groups; give at least one of each")
    lengths = [len(row) for row in scores]
    if lengths != [len(groups)] * len(arms):
        raise ValueError(
            f"scores must be [arms][groups] = {len(arms)} rows of {len(groups)} lists of seeds, got rows of {lengths}"
        )
    return [[estimate(np.asarray(cell, float)) for cell in row] for row in scores]


def marks(arms: Sequence[str], groups: Sequence[Any], published: Any) -> np.ndarray:
    """Published values [arms, groups], NaN where there is none. published: None, or the like with None for none."""
    if published is None:
        return np.full((len(arms), len(groups)), np.nan)
    found = np.array(published, dtype=float)
    if found.shape != (len(arms), len(groups)):
        raise ValueError(f"published must be [arms, groups] = {(len(arms), len(groups))}, got {found.shape}")
    return found


def table(
    names: tuple[str, str],
    arms: Sequence[str],
    groups: Sequence[Any],
    cells: list[list[Estimate]],
    published: np.ndarray,
) -> str:
    """One CSV row per group and arm; the seeds' scores stand in the last column, with spaces between them.

    names: what a group and what an arm is.
    """
    rows = []
    for j, group in enumerate(groups):
        for i, arm in enumerate(arms):
            cell, mark = cells[i][j], published[i, j]
            low, high = cell.interval or ("", "")
            seeds = " ".join(f"{value:.9g}" for value in cell.values)
            mean = cell.mean if cell.n else ""
            rows.append((group, arm, cell.n, mean, low, high, float(mark) if np.isfinite(mark) else "", seeds))
    return to_csv((*names, *HEADER), rows)
