"""Where episodes end in a source of one's own, what is done about missing values, and what its times look like.

An episode ends where its column changes, where a file or group of its own ends and, with `split_gap`, where more time
passes than that between two rows, or where time runs backwards. `fill` says what becomes of missing values:

rule          what
forward       the last value of the same column in the same episode; rows before the first value are dropped
drop-row      the row is dropped, and the episode cut there: no step leads over the hole
drop-episode  all rows of the episode are dropped

`missing` says which numbers, such as -9999, stand where a value is missing.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pars.data.formats.layout import Array, Places, in_rows
from pars.data.formats.mapping import EPISODE, FILL, MATRICES, MISSING, SPLIT_GAP, TIME
from pars.errors import DataError, UsageError

FILLS = ("forward", "drop-row", "drop-episode")
GAP = 3.0  # times the usual step, from which on a step in time is a gap
UNEVEN = 0.1  # of the usual step, by which steps differ that are not alike
MOST_FLOAT32 = float(np.finfo(np.float32).max)
ROW = "row"  # numbers of rows
ALARMS = (
    "as alarms do and ends do not: what comes after such a row counts for nothing; name what ends the task, or give "
    "--map terminal=0"
)
SOME = 0.01  # share of uneven steps that is worth a warning


class Remarks:
    """What reading has to say: `notes` of what was done, `warnings` of what may be wrong."""

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or Places()
        self.missing: dict[str, list[int]] = {}  # values that were, in each column
        self.sentinels: tuple[float, ...] = ()  # numbers that stand for one
        self.notes: list[str] = []
        self.warnings: list[str] = []


def rule(mapping: Mapping[str, str]) -> str | None:
    """What is done about missing values. Raises UsageError for an unknown rule."""
    chosen = mapping.get(FILL)
    if chosen not in (None, *FILLS):
        raise UsageError(f"--fill {chosen}: choose one of {', '.join(FILLS)}")
    return chosen


def longest_gap(mapping: Mapping[str, str]) -> float | None:
    """Seconds without a row after which an episode has ended. Raises UsageError."""
    text = mapping.get(SPLIT_GAP)
    if text is None:
        return None
    if not re.fullmatch(r"\d+(\.\d*)?", text) or not float(text):
        raise UsageError(f"--split-gap {text}: expected seconds, a number above 0")
    if TIME not in mapping:
        raise UsageError(f"--split-gap {text}: takes times; name their column, as in --map time=timestamp")
    return float(text)


def decoded(arrays: Mapping[str, Array], mapping: Mapping[str, str], said: Remarks) -> dict[str, Array]:
    """The columns with NaN where a number of the rule `missing` stands. Raises UsageError for what is no number."""
    text = mapping.get(MISSING)
    if text is None:
        return dict(arrays)
    try:
        codes = [float(code) for code in text.split("|")]
    except ValueError:
        raise UsageError(
            f"--map missing={text}: expected numbers that stand for no value, as in missing=-9999|1e30"
        ) from None
    said.sentinels = tuple(code for code in codes if abs(code) <= MOST_FLOAT32)
    codes += [float(np.float32(code)) for code in said.sentinels]  # as files of that type have them
    found, count = dict(arrays), 0
    for key in (*MATRICES, "rewards"):
        if key in found and (there := np.isin(found[key], codes)).any():
            found[key], count = np.where(there, np.nan, found[key]), count + int(there.sum())
    said.notes.append(f"{count:,} values are {text.replace('|', ' or ')}, read as missing")
    return found


def ended(
    path: Path,
    arrays: Mapping[str, Array],
    starts: Iterable[int],
    mapping: Mapping[str, str],
    said: Remarks,
    by_file: bool,
) -> dict[str, Array]:
    """The columns with `timeouts` at the last row of every episode that the task did not end, gaps filled.

    Args:
        arrays: D4RL's columns, and `episode` [N] (numbers or text, alike within an episode) and `time` [N] (seconds),
            if there are; neither is returned.
        starts: first row of every file or group.
        by_file: each of these is an episode, or a number of them; the last row of the source ends one, too.
        mapping: with the rules `fill` and `split_gap`.

    Where rows are dropped, `ROW` has the numbers of those that are left.

    Raises DataError if columns that mark episodes differ in length.
    """
    rows, split = len(arrays["terminals"]), longest_gap(mapping)
    _check(path, rows, arrays)
    terminal = np.nan_to_num(np.asarray(arrays["terminals"], np.float32)).reshape(rows) != 0
    last = np.zeros(rows, bool)
    last[[start - 1 for start in starts if start]] = True
    if EPISODE in arrays:
        episode = arrays[EPISODE].reshape(rows)
        last[:-1] |= episode[1:] != episode[:-1]
    if TIME in arrays:
        last[:-1] |= _times(arrays[TIME].reshape(rows), last, terminal, split, said)
    if by_file or EPISODE in arrays or split:
        last[-1:] = True
    if EPISODE in mapping and (inside := terminal & ~last).any():
        said.warnings.append(
            f"{int(inside.sum()):,} of {int(terminal.sum()):,} terminal rows (the first is "
            f"{said.places(int(np.argmax(inside)))}) stand inside the {int(last.sum()):,} episodes of --map "
            f"episode={mapping[EPISODE]}, {ALARMS}; where the task begins anew there, all is well"
        )
    if "timeouts" in arrays or last.any():
        marked = arrays["timeouts"].reshape(rows) != 0 if "timeouts" in arrays else False
        arrays = {**arrays, "timeouts": (last & ~terminal) | marked}
        last |= marked
    kept = {key: values for key, values in arrays.items() if key not in (EPISODE, TIME)}
    chosen = rule(mapping)
    if not chosen:
        return kept
    kept = filled(path, kept | {ROW: np.arange(rows)}, last | terminal, chosen, said)
    return kept if len(kept[ROW]) < rows else {key: values for key, values in kept.items() if key != ROW}


def _check(path: Path, rows: int, arrays: Mapping[str, Array]) -> None:
    for key in ("terminals", "timeouts", EPISODE, TIME):
        if key in arrays and (arrays[key].size != rows or len(arrays[key]) != rows):
            raise DataError(f"{path}: '{key}' has shape {arrays[key].shape}, expected [{rows}], one value per step")


def _times(time: Array, last: Array, terminal: Array, split: float | None, said: Remarks) -> Array:
    """[N - 1] bool: rows after which an episode ends because of `split`; and what the times look like.

    Args:
        time: [N] seconds; NaN where there is none.
        last, terminal: [N] rows that end an episode for other reasons; after a terminal one a gap may come, too.
    """
    step = np.diff(time)
    inside = ~(last | terminal)[:-1] & np.isfinite(step)
    usual = float(np.median(step[inside & (step > 0)])) if (inside & (step > 0)).any() else 0.0
    over = np.isfinite(step) & ((step > split) | (step < 0)) if split is not None else np.zeros(len(step), bool)
    cut = inside & over
    inside &= ~cut

    def place(rows: Array) -> str:
        return said.places(int(np.argmax(rows)))

    if usual:
        said.notes.append(f"time: one row every {usual:.4g} s (median)")
    if cut.any():
        said.notes.append(f"time: episodes are cut at {int(cut.sum()):,} gaps longer than {split:g} s")
    if (back := inside & (step < 0)).any():
        said.warnings.append(
            f"time runs backwards after {int(back.sum()):,} rows, the first is {place(back)}; sort the rows, "
            "or say where episodes begin (--map episode=.., --split-gap SECONDS)"
        )
    if (same := inside & (step == 0)).any():
        said.warnings.append(
            f"{int(same.sum()):,} rows have the time of the row before, the first comes after {place(same)}; drop "
            "repeated rows"
        )
    gap = inside & (step > GAP * usual) if usual else np.zeros(len(step), bool)
    if gap.any():
        row = int(np.argmax(np.where(gap, step, 0)))
        said.warnings.append(
            f"{int(gap.sum()):,} gaps in time inside episodes, the longest {step[row]:.4g} s after "
            f"{said.places(row)} (usual: {usual:.4g} s); cut the episodes there, as with --split-gap "
            f"{GAP * usual:.4g}"
        )
    even = inside & ~gap & (step > 0)
    share = float((np.abs(step[even] - usual) > UNEVEN * usual).mean()) if even.any() else 0.0
    if share > SOME:
        said.warnings.append(
            f"{share:.0%} of the steps in time differ from the usual {usual:.4g} s by more than {UNEVEN:.0%}; a policy "
            "takes all for equal: resample to one rate"
        )
    return over


def filled(path: Path, arrays: Mapping[str, Array], end: Array, chosen: str, said: Remarks) -> dict[str, Array]:
    """The columns without missing values (NaN), by one of `FILLS`.

    Args:
        end: [N] bool, the last row of every episode.
    """
    rows = len(end)
    holes = {key: _missing(values) for key, values in arrays.items()}
    bad = _rows_with(holes, rows)
    if not bad.any():
        return dict(arrays)
    said.missing = {key: hole.reshape(rows, -1).sum(axis=0).tolist() for key, hole in holes.items() if hole is not None}
    count = sum(map(sum, said.missing.values()))
    number = np.concatenate([[0], np.cumsum(end[:-1])])  # of each row's episode
    if chosen == "forward":
        first = np.concatenate([[0], np.flatnonzero(end[:-1]) + 1])[number]
        arrays = {
            key: values if holes[key] is None else _forward(np.array(values, np.float64), first)
            for key, values in arrays.items()
        }
        bad = _rows_with({key: _missing(values) for key, values in arrays.items()}, rows)
    elif chosen == "drop-episode":
        bad = np.isin(number, number[bad])
    kept = {key: np.asarray(values)[~bad] for key, values in arrays.items()}
    if not (~bad).any():
        raise DataError(f"{path}: --fill {chosen} leaves no row; leave out the columns that are empty, or fill them")
    if chosen != "drop-episode" and bad.any():  # what was before a hole has no successor
        cut = np.append(bad[1:], False)[~bad] & (kept["terminals"].reshape(-1) == 0)
        kept["timeouts"] = cut | (kept["timeouts"].reshape(-1) != 0 if "timeouts" in kept else False)
    dropped = f", {in_rows(int(bad.sum()))} dropped" if bad.any() else ""
    said.notes.append(f"missing values: {count:,}, mended by {chosen}{dropped}")
    return kept


def _missing(values: Array) -> Array | None:
    """Where a column has no value; None if it cannot lack any, or has all."""
    if values.dtype.kind != "f":
        return None
    hole = np.isnan(values)
    return hole if hole.any() else None


def _rows_with(holes: Mapping[str, Array | None], rows: int) -> Array:
    """[N] bool: rows with any hole."""
    found = [hole.reshape(rows, -1).any(axis=1) for hole in holes.values() if hole is not None]
    return np.logical_or.reduce([np.zeros(rows, bool), *found])


def _forward(values: Array, first: Array) -> Array:
    """The last known value of each column [N, ..]; NaN where there was none since row `first` [N]."""
    flat = values.reshape(len(values), -1)
    row = np.arange(len(flat))[:, None]
    known = np.maximum.accumulate(np.where(np.isnan(flat), -1, row), axis=0)
    taken = np.take_along_axis(flat, np.maximum(known, 0), axis=0)
    return np.where(known >= first[:, None], taken, np.nan).reshape(values.shape)
