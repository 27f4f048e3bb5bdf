"""Columns of a Parquet file, one row per step, by pyarrow (the extra `tables`)."""

import importlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pars.data.formats.layout import Array, fits_memory, plain_numbers
from pars.data.formats.tables import Cells, Missing, NotNumbers, seconds
from pars.errors import DataError, ResourceError
from pars.files import pass_on


def names(path: Path) -> list[str]:
    """Names of the columns. Raises DataError if the file is damaged, ResourceError without pyarrow."""
    return list(_with_pyarrow(path, lambda parquet: parquet.ParquetFile(path).schema_arrow.names))


def read(path: Path, numbers: Sequence[str], words: Collection[str] = (), times: Collection[str] = ()) -> Cells:
    """The named columns: numbers [N], lists of equal length [N, length], words [N], and times [N] in seconds.

    Raises DataError for anything else and damage, ResourceError without pyarrow.
    """

    def table(parquet: Any) -> Any:
        file = parquet.ParquetFile(path)
        fits_memory(path, 8 * file.metadata.num_rows * len(numbers))
        return file.read(columns=list({**dict.fromkeys(numbers), **dict.fromkeys(words), **dict.fromkeys(times)}))

    found = _with_pyarrow(path, table)
    cells = Cells({}, {}, {}, {})
    for name in numbers:
        column = found.column(name).combine_chunks()
        cells.numbers[name] = values = _flat(path, name, column)
        lacking = np.isnan(values.reshape(len(values), -1)).any(axis=1) if values.dtype.kind == "f" else np.zeros(0)
        if lacking.any():
            cells.missing[name] = Missing(int(lacking.sum()), f"row {int(np.argmax(lacking))}")
    for name in words:
        text = found.column(name).cast("string").combine_chunks()
        cells.words[name] = np.array(text.fill_null("").to_pylist(), dtype=str)
        if text.null_count:
            cells.missing[name] = Missing(text.null_count, f"row {text.is_null().to_pylist().index(True)}")
    for name in times:
        cells.times[name] = _times(path, name, found.column(name).combine_chunks())
    return cells


def _with_pyarrow(path: Path, read: Callable[[Any], Any]) -> Any:
    try:
        parquet, arrow = importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow")
    except ImportError as error:
        raise ResourceError(f"{path}: Parquet files are read by pyarrow; install it, as the extra tables") from error
    try:
        return read(parquet)
    except (arrow.ArrowException, OSError) as error:
        pass_on(path, error)
        raise DataError(f"{path}: this Parquet file is truncated or damaged; copy or download it again") from error


def _times(path: Path, name: str, column: Any) -> Array:
    """Dates, text or numbers as seconds [N]."""
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind == "M":
        return np.where(np.isnat(values), np.nan, values.astype("datetime64[us]").astype(np.float64) / 1e6)
    if values.dtype.kind in "fiu":
        return values.astype(np.float64)
    return seconds(
        path, name, [str(value) if value is not None else "" for value in values.tolist()], "row", range(len(values))
    )


def _flat(path: Path, name: str, column: Any) -> Array:
    """An Arrow array as NumPy; a missing number is NaN."""
    width = None
    if hasattr(column, "value_lengths"):  # a list in every row
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        if column.null_count or (len(lengths) and (lengths != lengths[0]).any()):
            row = int(np.argmax(lengths != lengths[0])) if not column.null_count else 0
            raise DataError(f"{path}: lists in column {name!r} differ in length, first in row {row}; make them alike")
        width, column = int(lengths[0]) if len(lengths) else 0, column.flatten()
    values = column.to_numpy(zero_copy_only=False)
    if column.null_count and values.dtype.hasobject and str(column.type) == "bool":
        values = np.array([np.nan if value is None else value for value in values.tolist()], np.float64)
    if values.dtype.hasobject:
        raise NotNumbers(
            f"{path}: column {name!r} holds {column.type} values, expected numbers; a flag is read off them by "
            f"--map terminal={name}==VALUE",
            name,
        )
    plain_numbers(path, name, values.dtype)
    return values if width is None else values.reshape(-1, width)
