"""What the pictures of a data card are drawn from: every column's histogram and course, and the episodes in order."""

from typing import Any

import numpy as np

from pars.data.checking.scan import cast
from pars.data.rows import Rows

Array = np.ndarray

LOOKED_AT = 20_000  # rows, evenly drawn
MOST_COLUMNS = 64  # of observations and of actions
BINS, POINTS = 24, 80  # of a histogram, of a course
EPISODES = 300  # entries of the timeline


def drawn_columns(rows: Rows) -> dict[str, Any]:
    """Of observations and actions, these in their units, one entry for each of the first columns; and of the reward.

    An entry has `low` and `high`, the ends of `histogram` (counts of rows), and a `course` over the rows in order: the
    `least`, `mean` and `greatest` value of each part.
    """
    count = len(rows.obs)
    picks = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(np.int64))
    obs, action = cast(rows.obs[:, :MOST_COLUMNS], picks), cast(rows.action, picks)
    known = rows.action_range
    action = (action if known is None else known.to_units(action))[:, :MOST_COLUMNS]
    return {
        "rows": len(picks),
        "observations": [_column(values) for values in obs.T],
        "actions": [_column(values) for values in action.T],
        "reward": _column(rows.reward[picks]),
    }


def _column(values: Array) -> dict[str, Any]:
    """One entry. values: [n]"""
    values = values.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    wide = high - low > 1e-6 * max(abs(low), abs(high))  # else the bins' edges would coincide
    counts = np.histogram(values, BINS, (low, high))[0].tolist() if wide else [len(values)]
    parts = np.array_split(values, min(POINTS, len(values)))
    course = {
        "least": [_short(part.min()) for part in parts],
        "mean": [_short(part.mean()) for part in parts],
        "greatest": [_short(part.max()) for part in parts],
    }
    return {"low": low, "high": high, "histogram": counts, "course": course}


def timeline(length: Array, returns: Array, terminal: Array) -> dict[str, Any]:
    """The episodes in the order of the file, several together where there are more than `EPISODES`.

    Args:
        length, returns, terminal: of each episode [E] its rows, its return, and whether the task ended it.

    `together`: episodes of an entry; `rows` of each entry, its mean `returns`, and how many of its episodes are
    `terminal`.
    """
    together = -(-len(length) // EPISODES)
    first = np.arange(0, len(length), together)
    counts = np.diff(np.append(first, len(length)))
    return {
        "together": together,
        "rows": np.add.reduceat(length, first).tolist(),
        "returns": [_short(value) for value in np.add.reduceat(returns, first) / counts],
        "terminal": np.add.reduceat(terminal.astype(int), first).tolist(),
    }


def _short(value: float) -> float:
    """Four digits, as much as a picture shows."""
    return float(f"{value:.4g}")
