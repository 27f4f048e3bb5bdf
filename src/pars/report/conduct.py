"""What policies do in the states of own data, beside what was logged there: where there are no scores, all there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pars.report.records import GroupRecord
from pars.report.series import Series
from pars.report.stats.statistics import number

MIDDLE = (0.05, 0.95)  # quantiles of actions that are shown: the middle 90 %
NEAR = 0.99  # |action| in [-1, 1] from here on counts as near the bound
MOST = 3  # actions that a sentence names


@dataclass(frozen=True)
class Conduct:
    """Actions of all dimensions, in their units; every array is [A]."""

    label: str
    low: np.ndarray  # of the middle 90 % of the actions
    mean: np.ndarray
    high: np.ndarray
    near_bound: np.ndarray  # share of the actions
    distance: np.ndarray | None = None  # root mean square, from the logged actions in the same states; None: the logs


@dataclass(frozen=True)
class Dimension:
    """One action and its bounds, in its units."""

    name: str
    low: float
    high: float


def dimensions(group: GroupRecord) -> list[Dimension]:
    """The actions of a group's policies; none if it was not recorded what they do."""
    if not group.actions:
        return []
    width = group.actions[-1].arrays["data_action"].shape[1]
    if len(group.outputs) != width:
        return [Dimension(f"action {i}", -1.0, 1.0) for i in range(width)]
    return [Dimension(str(one["name"]), float(one["low"]), float(one["high"])) for one in group.outputs]


def logged(group: GroupRecord) -> Conduct:
    """What was done in the data."""
    return _conduct("the logs", group.actions[-1].arrays["data_action"], dimensions(group))


def conduct(one: Series) -> Conduct | None:
    """What all seeds of a series do, after its last phase; None if that was not recorded."""
    if not one.group.actions:
        return None
    arrays = one.group.actions[-1].arrays
    return _conduct(one.label, arrays["action"][one.members], dimensions(one.group), arrays["data_action"])


def _conduct(label: str, action: np.ndarray, dims: list[Dimension], data: np.ndarray | None = None) -> Conduct:
    """action: [.., A] in [-1, 1], data: [n, A]"""
    low, half = np.array([one.low for one in dims]), np.array([(one.high - one.low) / 2 for one in dims])
    flat = np.asarray(action, np.float64).reshape(-1, len(dims))
    least, greatest = np.quantile(flat, MIDDLE, axis=0)
    start, middle, end = (low + (x + 1.0) * half for x in (least, flat.mean(axis=0), greatest))
    bound = (np.abs(flat) >= NEAR).mean(axis=0)
    away = None if data is None else np.sqrt(np.mean((action - data) ** 2, axis=tuple(range(action.ndim - 1)))) * half
    return Conduct(label, start, middle, end, bound, away)


def sentences(series: Iterable[Series]) -> list[str]:
    """One for each series: how far its actions are from the logged ones, and between what they keep."""
    found = []
    for one in series:
        own, dims = conduct(one), dimensions(one.group)
        if own is None or own.distance is None:
            continue
        data = logged(one.group)
        width = np.array([dim.high - dim.low for dim in dims])
        away = 100.0 * float(np.sqrt(np.mean((own.distance / width) ** 2)))
        said = [
            f"{dim.name} {number(own.low[i])} to {number(own.high[i])} "
            f"(logs {number(data.low[i])} to {number(data.high[i])})"
            for i, dim in enumerate(dims[:MOST])
        ]
        more = f" and {len(dims) - MOST} more" if len(dims) > MOST else ""
        found.append(
            f"{one.label} acts {away:.0f}% of the range away from the logs (root mean square over states); the middle "
            f"90% of its actions: {', '.join(said)}{more}."
        )
    return found
