"""D4RL's layout of flat arrays, and columns that are read block by block so that they need not fit into memory."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from pars.errors import DataError, ResourceError
from pars.system import free_on_host
from pars.units import ActionRange

Array = np.ndarray

REQUIRED = ("observations", "actions", "rewards", "terminals")
OPTIONAL = ("timeouts", "next_observations")
DONES = ("done", "dones", "next.done", "terminated", "terminations", "is_terminal", "is_last", "end")  # unclear
INFOS = "infos/"  # beside them: simulator states and goals, one row per step
BLOCK = 2**25  # bytes that are read at a time
SMALL = 2**26  # bytes; a declaration below needs no second look
DENSEST = 1100  # deflate turns at most 1032 bytes into one


class Places(NamedTuple):
    """Where rows stand on file, in words: `line 9 of run_3.csv`, as an editor counts; of what has no lines `row 7`,
    counted from 0."""

    files: Sequence[tuple[int, str]] = ()  # of several: the number of the first row of each, and its name
    lines: Array | None = None  # [N] of each row, in CSV

    def __call__(self, row: int) -> str:
        start, name = next((one for one in reversed(self.files) if one[0] <= row), (0, ""))
        there = f"row {row - start}" if self.lines is None else f"line {self.lines[row]}"
        return f"{there} of {name}" if name else there


class Columns(dict[str, Array]):
    """Arrays by their D4RL names, all with one row per step."""

    next_obs: Literal["shift", "file"] = "shift"  # "file": `next_observations` are true and no row lacks one
    names: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # of matrices joined from columns, those
    notes: tuple[str, ...] = ()  # what was done while they were read
    warnings: tuple[str, ...] = ()  # what may be wrong with the recording
    action_range: ActionRange | None = None  # that the file says of itself
    missing: Mapping[str, list[int]] = MappingProxyType({})  # values that were, in each column of a matrix
    sentinels: tuple[float, ...] = ()  # numbers that stood where a value was missing
    places: Places = Places()
    kept: Array | None = None  # [N] numbers that the rows had before some were dropped

    def gaps(self) -> dict[str, Any]:
        """What there is to say of missing values, for the data card."""
        told = {"missing": dict(self.missing), "sentinels": list(self.sentinels)}
        return {key: value for key, value in told.items() if value}

    def place(self, row: int) -> str:
        """Where a row stands on file."""
        return self.places(row if self.kept is None else int(self.kept[row]))


class Column(NamedTuple):
    """An array that is still on disk."""

    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Callable[[int], Iterator[Array]]  # number of rows -> the array in pieces of so many rows, in order

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def of_array(array: Array) -> Column:
    """An array as a column."""
    return Column(array.shape, array.dtype, lambda rows: (array[i : i + rows] for i in range(0, len(array), rows)))


def constant(value: float, rows: int) -> Column:
    """`rows` times the same value."""
    return of_array(np.broadcast_to(np.float32(value), (rows,)))


def joined(columns: list[Column], source: str) -> Column:
    """Columns [N] or [N, K] side by side as one [N, width]. Raises DataError, naming `source`, if they are unlike."""
    lengths = {column.shape[0] if column.shape else 0 for column in columns}
    if len(lengths) > 1 or any(len(column.shape) not in (1, 2) for column in columns):
        shapes = ", ".join(str(column.shape) for column in columns)
        raise DataError(f"{source} joins columns of the shapes {shapes}; each must be [rows] or [rows, width]")
    width = sum(column.shape[1] if len(column.shape) == 2 else 1 for column in columns)
    dtype = np.result_type(*(column.dtype for column in columns))

    def blocks(rows: int) -> Iterator[Array]:
        for parts in zip(*(column.blocks(rows) for column in columns), strict=True):
            yield np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1, dtype=dtype)

    return Column((lengths.pop(), width), dtype, blocks)


def stacked(columns: Sequence[Column], names: Sequence[str], key: str, source: str) -> Column:
    """Columns [N_i, ..] one below the other. Raises DataError if they are unlike.

    Args:
        names: what each is from, for the message.
    """
    first = columns[0]
    for column, name in zip(columns, names, strict=True):
        if column.shape[1:] != first.shape[1:] or not column.shape:
            raise DataError(
                f"{source}: '{key}' has rows of shape {column.shape[1:]} in {name}, {first.shape[1:]} in {names[0]}; "
                "drop what differs"
            )

    def blocks(rows: int) -> Iterator[Array]:
        for column in columns:
            yield from column.blocks(rows)

    dtype = np.result_type(*(column.dtype for column in columns))
    return Column((sum(column.shape[0] for column in columns), *first.shape[1:]), dtype, blocks)


def load(path: Path, columns: Mapping[str, Column], scratch: Path | None, in_memory: int) -> dict[str, Array]:
    """The columns as arrays; above `in_memory` bytes together as read-only memory maps of files in `scratch`.

    Raises ResourceError if they fit neither into memory nor on the disk.
    """
    total = sum(column.size for column in columns.values())
    if scratch is None or total <= in_memory:
        fits_memory(path, total)
        return {key: _in_memory(column) for key, column in columns.items()}
    scratch.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(scratch).free
    if total > free:
        raise ResourceError(
            f"{path}: its columns take {_gib(total)}, {scratch} has {_gib(free)} free; "
            "free some, or set PARS_DATA_DIR to another folder"
        )
    return {key: _on_disk(column, scratch / f"{key.replace('/', '.')}.npy") for key, column in columns.items()}


def _in_memory(column: Column) -> Array:
    array = np.empty(column.shape, column.dtype)
    row = 0
    for block in column.blocks(_rows_per_block(column)):
        array[row : row + len(block)] = block
        row += len(block)
    return array


def _on_disk(column: Column, target: Path) -> Array:
    """The column written to an .npy file and mapped back, read-only."""
    with target.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.lib.format.dtype_to_descr(column.dtype), "fortran_order": False, "shape": column.shape}
        )
        for block in column.blocks(_rows_per_block(column)):  # a file's pages are no memory of ours, a map's are
            file.write(np.ascontiguousarray(block, column.dtype).data)
    if not np.prod(column.shape):  # an empty file cannot be mapped
        return np.zeros(column.shape, column.dtype)
    return np.load(target, mmap_mode="r", allow_pickle=False)


def _rows_per_block(column: Column) -> int:
    return max(1, BLOCK // max(1, column.size // max(1, column.shape[0])))


def require(path: Path, found: Iterable[str], present: Iterable[str], hint: str = "") -> None:
    """Raise DataError if a required column is missing, with the names that the file has and a `hint` at the end."""
    missing = [key for key in REQUIRED if key not in set(found)]
    alias = next((name for name in present if name in DONES), None)
    if missing == ["terminals"] and alias:
        raise DataError(
            f"{path}: no 'terminals', but '{alias}', which may mean two things; where it is 1, did the task itself end "
            f"(--map terminal={alias}) or was the recording cut (--map timeout={alias},terminal=0)?"
        )
    if missing:
        names = sorted(map(str, present))
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        if "rewards" in missing and set(missing) <= {"rewards", "terminals"}:
            none = "reward=0,terminal=0" if "terminals" in missing else "reward=0"
            hint += f"; what looks at no reward, such as bc or hiql, trains with --map {none}"
        raise DataError(
            f"{path}: no {' and no '.join(repr(key) for key in missing)} (the file has {shown or 'nothing'}); "
            f"needed are {', '.join(REQUIRED)} and, to mark the ends of episodes, timeouts; "
            f"other names are given by --map, as in --map obs=state,action=u{hint}"
        )


def plain_numbers(path: Path, key: str, dtype: np.dtype) -> None:
    """Raise DataError for anything but numbers and bools: text, objects, records."""
    if dtype.hasobject or dtype.kind not in "fiub":
        name = "object" if dtype.hasobject else str(dtype)
        raise DataError(f"{path}: '{key}' holds {name} values, expected plain numbers; save it as one float32 array")


def plausible(path: Path, key: str, declared: int, stored: int) -> None:
    """Raise DataError if more bytes are declared than those stored could ever unpack to."""
    if declared > SMALL and declared > DENSEST * stored:
        raise DataError(
            f"{path}: '{key}' claims {declared:,} bytes, but only {stored:,} are stored; the file is damaged or was "
            "never filled, write it again"
        )


def in_rows(count: int) -> str:
    """1 row, 2 rows, 1,500 rows."""
    return f"{count:,} row{'s' if count != 1 else ''}"


def fits_memory(path: Path, size: int) -> None:
    """Refuse what cannot be loaded before trying: a small file can claim any size."""
    free = free_on_host()
    if size > free:
        raise ResourceError(
            f"{path}: its columns take {_gib(size)}, {_gib(free)} of memory are free; keep fewer rows, or end other "
            "programs"
        )


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
