"""Checked rows of one file. Everything that must stop a training is found here, with the place and the remedy.

Columns may be memory maps larger than memory: they are looked at a chunk at a time and never copied whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pars.data.action_range import Place, find_range, scaled
from pars.data.checking.scan import chunks
from pars.data.formats.files import REQUIRED
from pars.envs.base import Task
from pars.errors import DataError
from pars.units import ActionRange

Array = np.ndarray


def numbered(row: int) -> str:
    """The place of a row of a single source, none of whose rows was dropped."""
    return f"row {row}"


@dataclass(frozen=True)
class Rows:
    """Rows in the order of the file; row i's reward is paid for arriving where row i + 1 begins.

    Memory maps of another number type stay as they are on file; whoever reads a part casts it.
    """

    obs: Array  # [N, O] float32
    action: Array  # [N, A] float32, in [-1, 1]
    reward: Array  # [N] float32, raw
    terminal: Array  # [N] bool, the task ended
    timeout: Array | None  # [N] bool, the episode was cut here; None: the file does not say
    next_obs: Array | None  # [N, O] float32, the file's own, if it has them
    action_range: ActionRange | None = None  # that actions had on file; None: [-1, 1]
    assumed: str = ""  # a warning: what was taken for granted of it
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of observations and actions, where known
    place: Place = numbered  # where on file a row stands, in words

    def name(self, key: str, number: int) -> str:
        """Of a column of observations or actions."""
        return named(self.names, key, number)


def named(names: Mapping[str, Sequence[str]], key: str, number: int) -> str:
    """Of a column of "observations" or "actions": its own name, else `observation 3`."""
    return names[key][number] if key in names else f"{key.removesuffix('s')} {number}"


def checked_rows(
    columns: Mapping[str, Array], source: str, task: Task | None, next_obs: str, action_range: str | None = None
) -> Rows:
    """The columns as float32 and bool rows. Raises DataError with the first thing that is wrong.

    Args:
        source: names the data in messages.
        task: whose widths the data must have; None: any.
        next_obs: "shift" takes the following row, "file" the file's `next_observations`.
        action_range: of the actions, see `pars.units.parse_range`; "scaled": they are in [-1, 1].
    """
    missing = [key for key in REQUIRED if key not in columns]
    if missing:
        raise DataError(f"{source}: no '{missing[0]}'; needed are {', '.join(REQUIRED)}")
    if next_obs == "file" and "next_observations" not in columns:
        raise DataError(f"{source}: no 'next_observations'; leave next_obs at 'shift' to take the following row")
    check_lengths(columns, source)
    place: Place = getattr(columns, "place", numbered)

    obs = matrix(columns, "observations", source, place)
    action = matrix(columns, "actions", source, place)
    following = matrix(columns, "next_observations", source, place) if "next_observations" in columns else None
    if following is not None and following.shape != obs.shape:
        raise DataError(
            f"{source}: 'next_observations' is {following.shape[1]} wide, 'observations' {obs.shape[1]}; "
            "they must be alike"
        )
    _check_task(obs, action, source, task)
    names = getattr(columns, "names", {})
    titles = [named(names, "actions", i) for i in range(action.shape[1])]
    own = getattr(columns, "action_range", None)
    on_file = np.asanyarray(columns["actions"]).reshape(action.shape)
    found = find_range(on_file, source, task, action_range, own, titles, place)
    rows = Rows(
        obs=obs,
        action=scaled(action, found.range),
        reward=_vector(columns, "rewards", source, place),
        terminal=_flags(columns, "terminals", source, place),
        timeout=_flags(columns, "timeouts", source, place) if "timeouts" in columns else None,
        next_obs=following,
        action_range=found.range,
        assumed=found.warning,
        names=names,
        place=place,
    )
    _check_ends(rows, source, next_obs)
    return rows


def check_lengths(columns: Mapping[str, Array], source: str) -> None:
    """Raise DataError unless the columns have one entry per row, and two rows or more."""
    for key, column in columns.items():
        if np.ndim(column) == 0:
            raise DataError(f"{source}: '{key}' is a single value, expected one row per step")
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise DataError(f"{source}: columns differ in length ({listed}); every column needs one row per step")
    if lengths["observations"] < 2:
        raise DataError(f"{source}: has {lengths['observations']} rows, a transition takes at least 2; record more")


def _float32(columns: Mapping[str, Array], key: str, source: str, place: Place) -> Array:
    """The column, finite throughout as float32, which it is unless it is a memory map."""
    column = np.asanyarray(columns[key])
    if column.dtype.kind not in "fiub":
        raise DataError(
            f"{source}: '{key}' holds {column.dtype} values, expected plain numbers; save it as one float32 array"
        )
    if not isinstance(column, np.memmap):
        with np.errstate(over="ignore"):
            column = np.ascontiguousarray(column, np.float32)
    count, row = _not_finite(column)
    if count:
        with np.errstate(over="ignore"):
            number = int(np.argmin(np.isfinite(column[row].astype(np.float32)))) if column.ndim == 2 else 0
        which = f", {named(getattr(columns, 'names', {}), key, number)}" if column.ndim == 2 else ""
        codes = " or ".join(f"{code:g}" for code in getattr(columns, "sentinels", ()))
        what = f"missing ({codes}), NaN or infinite values" if codes else "NaN or infinite values"
        raise DataError(
            f"{source}: '{key}' has {count} {what}, the first in {place(row)}{which}; drop those episodes, or give "
            "--fill forward, drop-row or drop-episode for what is missing or NaN"
        )
    return column


def _not_finite(column: Array) -> tuple[int, int]:
    """How many values are NaN or infinite as float32, and the first row with one."""
    count, first = 0, -1
    for part in chunks(len(column)):
        with np.errstate(over="ignore"):
            finite = np.isfinite(column[part].astype(np.float32, copy=False))
        if not finite.all():
            count += int(finite.size - finite.sum())
            if first < 0:
                first = part.start + int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))
    return count, first


def matrix(columns: Mapping[str, Array], key: str, source: str, place: Place = numbered) -> Array:
    """[N, width], finite. Raises DataError."""
    shape = np.shape(columns[key])
    if key == "actions" and len(shape) == 1:
        return _float32(columns, key, source, place).reshape(-1, 1)
    if len(shape) > 3 or (len(shape) == 3 and columns[key].dtype == np.uint8):
        raise DataError(
            f"{source}: '{key}' has shape {shape} and looks like images, which pars does not learn from; give it the "
            "numbers that a network of yours makes of them, [rows, width]"
        )
    if len(shape) != 2 or shape[1] == 0:
        raise DataError(f"{source}: '{key}' has shape {shape}, expected [rows, width]; flatten each step to one vector")
    return _float32(columns, key, source, place)


def _vector(columns: Mapping[str, Array], key: str, source: str, place: Place) -> Array:
    """[N] from [N] or from [N, 1], which some published files have."""
    shape = np.shape(columns[key])
    if len(shape) != 1 and shape[1:] != (1,):
        raise DataError(f"{source}: '{key}' has shape {shape}, expected [rows]; keep one value per step")
    return np.asarray(_float32(columns, key, source, place), np.float32).reshape(-1)


def _flags(columns: Mapping[str, Array], key: str, source: str, place: Place) -> Array:
    values = _vector(columns, key, source, place)
    bad = (values != 0) & (values != 1)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{source}: '{key}' is {values[row]:g} in {place(row)}, expected 0 or 1; write it as bool")
    return values.astype(bool)


def _check_task(obs: Array, action: Array, source: str, task: Task | None) -> None:
    if task is None:
        return
    for key, width, expected in (
        ("observations", obs.shape[1], task.obs_dim),
        ("actions", action.shape[1], task.action_dim),
    ):
        if width != expected:
            raise DataError(f"{source}: '{key}' is {width} wide, {task.id} has {expected}; choose the task of the data")


def _check_ends(rows: Rows, source: str, next_obs: str) -> None:
    """Without any end, the last row of one episode would be joined to the first of the next."""
    if next_obs == "file" or rows.terminal.any() or (rows.timeout is not None and rows.timeout.any()):
        return
    mend = "set 'timeouts' to 1 in the last row of every episode"
    if rows.next_obs is not None:
        mend += ", or train with next_obs=file"
    raise DataError(f"{source}: no row ends an episode ('terminals' and 'timeouts' are all 0 or absent); {mend}")
