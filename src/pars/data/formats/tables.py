"""Columns of a table, one row per step: CSV with a header, and Parquet (by pyarrow, the extra `parquet`)."""

import csv
import importlib
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pars.data.formats.layout import fits_memory, plain_numbers
from pars.errors import DataError, ResourceError

Array = np.ndarray

SEPARATORS = (",", ";", "\t")
ROWS = 10_000  # of a CSV file that are taken apart at a time
BYTES_PER_CHARACTER = 4  # a cell takes at least two characters, and becomes a float64


def csv_names(path: Path) -> list[str]:
    """Names in the header, in order. Raises DataError if there is none."""
    names = _header(path)[0]
    if all(_is_number(name) or not name for name in names):
        raise DataError(f"{path}: the first line is no header; write the names of the columns there")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: two columns are named {twice[0]!r}; give every column a name of its own")
    return names


def read_csv(path: Path, wanted: Sequence[str], text: Collection[str] = ()) -> dict[str, Array]:
    """The wanted columns as float64 [N]; true and false, as pandas writes them, are 1 and 0.

    Args:
        text: of these, columns that may hold words.

    Raises DataError for a cell that is no number and for a line of another length, with the place.
    """
    fits_memory(path, BYTES_PER_CHARACTER * path.stat().st_size)
    names, separator = _header(path)
    parts: dict[str, list[Array]] = {name: [] for name in wanted}
    line = 2
    try:
        with _opened(path) as file:
            reader = csv.reader(file, delimiter=separator)
            next(reader)
            while block := list(islice(reader, ROWS)):
                columns = list(zip(*_complete(path, block, len(names), line), strict=True))
                for name, found in parts.items() if columns else ():
                    cells = columns[names.index(name)]
                    found.append(np.array(cells) if name in text else _numbers(path, name, cells, line))
                line += len(block)
    except csv.Error as error:
        raise DataError(f"{path}: no readable CSV ({error}, near line {line}); write the table again") from error
    return {name: np.concatenate(found or [np.zeros(0)]) for name, found in parts.items()}


def _header(path: Path) -> tuple[list[str], str]:
    """Names in the first line and what separates them."""
    with _opened(path) as file:
        line = file.readline(2**20)
    separator = max(SEPARATORS, key=line.count)
    return [name.strip() for name in next(csv.reader([line], delimiter=separator), [])], separator


def _opened(path: Path) -> Any:
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _complete(path: Path, block: list[list[str]], width: int, line: int) -> list[list[str]]:
    """The lines that are not blank; all must have `width` cells. `line` is the number of the first."""
    for i, cells in enumerate(block):
        if cells and len(cells) != width:
            raise DataError(
                f"{path}: line {line + i} has {len(cells)} cells, the header has {width}; complete or drop that line"
            )
    return [cells for cells in block if cells]


def _numbers(path: Path, name: str, cells: Sequence[str], line: int) -> Array:
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        word = cell.strip().lower()
        if word in ("true", "false"):
            values[i] = word == "true"
        elif _is_number(word):
            values[i] = float(word)
        else:
            raise DataError(
                f"{path}: column {name!r} holds {cell[:40]!r} in line {line + i} or after, expected a number; "
                "mend that cell or map another column"
            )
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parquet_names(path: Path) -> list[str]:
    """Names of the columns. Raises DataError if the file is damaged, ResourceError without pyarrow."""
    return list(_with_pyarrow(path, lambda parquet: parquet.ParquetFile(path).schema_arrow.names))


def read_parquet(path: Path, wanted: Sequence[str], text: Collection[str] = ()) -> dict[str, Array]:
    """The wanted columns: numbers [N], lists of equal length [N, length].

    Args:
        text: of these, columns that may hold words.

    Raises DataError for anything else, missing values and damage, ResourceError without pyarrow.
    """

    def read(parquet: Any) -> Any:
        file = parquet.ParquetFile(path)
        fits_memory(path, 8 * file.metadata.num_rows * len(wanted))
        return file.read(columns=list(wanted))

    table = _with_pyarrow(path, read)
    return {name: _flat(path, name, table.column(name).combine_chunks(), name in text) for name in wanted}


def _with_pyarrow(path: Path, read: Callable[[Any], Any]) -> Any:
    try:
        parquet, arrow = importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow")
    except ImportError as error:
        raise ResourceError(f"{path}: Parquet files are read by pyarrow; install it, as the extra parquet") from error
    try:
        return read(parquet)
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise DataError(f"{path}: this Parquet file is truncated or damaged; copy or download it again") from error


def _flat(path: Path, name: str, column: Any, text: bool) -> Array:
    """An Arrow array as NumPy."""
    width = None
    if hasattr(column, "value_lengths"):  # a list in every row
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        if column.null_count or (len(lengths) and (lengths != lengths[0]).any()):
            row = int(np.argmax(lengths != lengths[0])) if not column.null_count else 0
            raise DataError(f"{path}: lists in column {name!r} differ in length, first in row {row}; make them alike")
        width, column = int(lengths[0]) if len(lengths) else 0, column.flatten()
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False))) // (width or 1)
        raise DataError(f"{path}: column {name!r} has no value in row {row}; fill it in or drop that episode")
    values = column.to_numpy(zero_copy_only=False)
    if not text:
        plain_numbers(path, name, values.dtype)
    return values if width is None else values.reshape(-1, width)
