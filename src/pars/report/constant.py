"""Policies that do the same thing everywhere, which scores alone may not tell and own data has no scores to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from pars.report.records import PHASES
from pars.report.series import Series

STILL = 0.05  # of the spread of the data's actions: below, a policy hardly looks at what it sees
AT_BOUND, DATA_AT_BOUND = 99.0, 50.0  # per cent of action values; logs that are there too taught it


def constant_policies(series: Iterable[Series]) -> list[str]:
    """A sentence for each series with seeds that ended with one action everywhere, or with the bound everywhere."""
    found = []
    for one in series:
        still, bound = _share(one, _is_still), _share(one, _at_bound)
        if still:
            found.append(
                f"{one.label} gives nearly the same action everywhere ({still}): its actions vary less than "
                f"{STILL:.0%} as much as the data's. Do not use it; {_first(one)}."
            )
        elif bound:
            mend = "; a higher bc_weight keeps it nearer to the data" if "bc_weight" in one.settings else ""
            found.append(
                f"{one.label} acts at the bound everywhere ({bound}), where the data seldom is. Do not use it before "
                f"you know why{mend}."
            )
    return found


def _first(one: Series) -> str:
    """What to look at first: the settings that do it, of those that the method has, else what it sees."""
    levers = [name for name in ("reward_scale", "bc_weight") if name in one.settings]
    if levers:
        return f"look at {' and '.join(levers)} first, or train bc"
    return "look at the ranges of the observations first, and whether normalize_obs is on"


def _share(one: Series, judge: Callable[[Series], np.ndarray]) -> str:
    """Of the seeds that are judged so, in words; "" if none is."""
    odd = int(np.sum(judge(one)))
    return f"{odd} of {len(one.members)} seeds" if odd else ""


def _is_still(one: Series) -> np.ndarray:
    own, data = _last(one, "action_spread"), _last(one, "data_action_spread")
    return (own < STILL * data) & (data > 0.0)


def _at_bound(one: Series) -> np.ndarray:
    shares = one.group.dataset.get("card") or {}
    logged = 100.0 * float((shares.get("action") or {}).get("saturation", 0.0))
    return (_last(one, "saturated_share") >= AT_BOUND) & (logged < DATA_AT_BOUND)


def _last(one: Series, name: str) -> np.ndarray:
    """A metric of each seed [n] at its last entry, after at least one step; NaN if it was never logged."""
    for phase in reversed(PHASES):
        curve = one.curve(phase, name)
        if curve is not None and curve.steps[-1] > 0:
            return np.asarray(curve.values[:, -1])
    return np.full(len(one.members), np.nan)
