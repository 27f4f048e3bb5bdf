"""Values that no instrument reads: numbers such as 1e30 or -9999 that were written where one was missing."""

from typing import NamedTuple

import numpy as np

from pars.data.checking.scan import ColumnStats, cast, chunks
from pars.data.rows import Rows

Array = np.ndarray

HUGE = 1e10  # in any unit that sensors are read in
FAR = 300.0  # times the width of the middle 98 % of a column, beyond them
STANDS_FOR_NONE = (999.0, 9999.0, 99999.0, 32767.0, 32768.0, 65535.0)  # in many logs, with either sign
AWAY = 5.0  # the same of these
LOOKED_AT = 10_000  # rows, evenly drawn, for that middle
MOST = 3  # columns that a warning names


class _Odd(NamedTuple):
    name: str
    value: float  # in the units on file, as are the ends of its column's middle
    place: str
    low: float
    high: float


def implausible(rows: Rows, obs: ColumnStats, action: ColumnStats) -> list[str]:
    """A warning if columns hold values that are huge, or far from nearly all others of theirs."""
    reward = rows.reward.reshape(-1, 1)
    known = rows.action_range
    low, high = (known.low, known.high) if known else (-np.ones_like(action.low), np.ones_like(action.low))
    scale = np.subtract(high, low) / 2.0
    still = np.ones(rows.obs.shape[1]), np.zeros(rows.obs.shape[1])
    found = _odd(rows, "observations", rows.obs, obs.low, obs.high, *still)
    found += _odd(rows, "actions", rows.action, action.low, action.high, scale, np.add(low, high) / 2.0)
    if np.abs(reward).max() >= HUGE:  # a rare one is no fault
        found += _odd(rows, "rewards", reward, reward.min(axis=0), reward.max(axis=0), np.ones(1), np.zeros(1))
    if not found:
        return []
    each = [f"{x.name} is {x.value:.6g} in {x.place} (nearly always {x.low:.4g} to {x.high:.4g})" for x in found[:MOST]]
    more = f" and {len(found) - MOST} more columns" if len(found) > MOST else ""
    return [
        f"no likely values: {', '.join(each)}{more}; where they stand for missing ones, say so, as in --map "
        f"missing={found[0].value:.6g}, and choose a --fill"
    ]


def is_code(values: Array | float) -> Array:
    """Whether numbers are those that often stand for a missing one."""
    return np.isin(np.round(np.abs(values), 3), STANDS_FOR_NONE)


def _odd(rows: Rows, key: str, values: Array, low: Array, high: Array, scale: Array, middle: Array) -> list[_Odd]:
    """Of columns [N, W] whose ends are `low` and `high` [W]; x scale + middle are they in the units on file."""
    picks = np.unique(np.linspace(0, len(values) - 1, min(len(values), LOOKED_AT)).astype(np.int64))
    least, most = np.quantile(cast(values, picks).astype(np.float64), (0.01, 0.99), axis=0)
    beyond, width = np.maximum(high - most, least - low), most - least
    extreme = np.where(high - most >= least - low, high, low)
    far = (width > 0) & (beyond > np.where(is_code(extreme * scale + middle), AWAY, FAR) * width)
    huge = np.maximum(np.abs(low * scale + middle), np.abs(high * scale + middle)) >= HUGE
    found = []
    for i in np.flatnonzero(far | huge):
        value = extreme[i]
        row = next(
            part.start + int(np.argmax(there))
            for part in chunks(len(values))
            if (there := cast(values, part)[:, i] == value).any()
        )
        a, x, b = (float(end * scale[i] + middle[i]) for end in (least[i], value, most[i]))
        found.append(_Odd("the reward" if key == "rewards" else rows.name(key, int(i)), x, rows.place(row), a, b))
    return found
