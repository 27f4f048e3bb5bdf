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


def doubtful(values: Array) -> Array:
    """Which numbers must not tell what is usual in their column: codes, and what is huge."""
    return is_code(values) | (np.abs(values) >= HUGE)


def usual(values: Array) -> tuple[float, float]:
    """Ends of the middle 98 % of a column [n], not counting what is doubtful unless nothing else is there."""
    finite = values[np.isfinite(values)]
    measured = finite[~doubtful(finite)]
    low, high = np.quantile(measured if len(measured) else finite, (0.01, 0.99))
    return float(low), float(high)


def is_odd(value: float, low: float, high: float) -> bool:
    """Whether no instrument reads a number in a column that is usually from `low` to `high`."""
    away, width = max(low - value, value - high), high - low
    if is_code(value):  # of constants only the negative: 0 and 65535 may be off and on
        return away > AWAY * width if width > 0 else value < 0
    return abs(value) >= HUGE or away > FAR * width > 0


def _odd(rows: Rows, key: str, values: Array, low: Array, high: Array, scale: Array, middle: Array) -> list[_Odd]:
    """Of columns [N, W] whose ends are `low` and `high` [W]; x scale + middle are they in the units on file."""
    picks = np.unique(np.linspace(0, len(values) - 1, min(len(values), LOOKED_AT)).astype(np.int64))
    drawn = cast(values, picks).astype(np.float64) * scale + middle
    found = []
    for i in range(values.shape[1]):
        least, most = usual(drawn[:, i])
        ends = [(float(end * scale[i] + middle[i]), end) for end in (low[i], high[i])]
        odd = [pair for pair in ends if is_odd(pair[0], least, most)]
        if odd:
            value, end = max(odd, key=lambda pair: abs(pair[0]))
            found.append(
                _Odd(
                    "the reward" if key == "rewards" else rows.name(key, i),
                    value,
                    rows.place(_first(values, i, end)),
                    least,
                    most,
                )
            )
    return found


def _first(values: Array, column: int, value: Array) -> int:
    """The first row of [N, W] with a value."""
    return next(
        part.start + int(np.argmax(there))
        for part in chunks(len(values))
        if (there := cast(values, part)[:, column] == value).any()
    )
