"""Columns of a CSV file with a header, one row per step, also packed by gzip, bzip2 or xz.

Read by Python's own module: it takes no further package, and what is wrong is named by its line.
"""

import bz2
import codecs
import csv
import gzip
import lzma
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.data.formats.decimals import COMMAS, Marks
from pars.data.formats.layout import Array, fits_memory
from pars.errors import DataError
from pars.files import pass_on

SEPARATORS = (",", ";", "\t")
MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none"})
COLUMN = "column_"  # names of the columns of a file without a header
ROWS = 10_000  # that are taken apart at a time
WHOLE = 2**53  # up to which a float64 is exact
BYTES_PER_CHARACTER = 4  # a cell takes at least two characters, and becomes a float64
PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
LONGEST = 2**26  # characters of a header, some millions of names
MOST_LINES = 20  # of a header
HEAD = 2**16  # bytes by which the encoding is told
MARKS = {  # at the beginning of a file
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
DAMAGE = (EOFError, OSError, lzma.LZMAError)


class NotNumbers(DataError):
    """A column of words where numbers are due."""

    def __init__(self, message: str, column: str) -> None:
        super().__init__(message)
        self.column = column


class Missing(NamedTuple):
    """Cells without a value."""

    rows: int
    first: str  # place of the first: "line 7", "row 5"


class Cells(NamedTuple):
    """What a table holds, by column."""

    numbers: dict[str, Array]  # [N] or [N, width]; NaN where there is no value; int64 if all are whole numbers
    words: dict[str, Array]  # [N] text
    times: dict[str, Array]  # [N] seconds
    missing: dict[str, Missing]
    lines: Array | None = None  # [N] of each row, in CSV; the header's is 1
    notes: tuple[str, ...] = ()  # what was done while reading


class Header(NamedTuple):
    """The first line."""

    names: list[str]
    separator: str
    is_data: bool  # the file has no header; `names` are made up


def names(path: Path) -> list[str]:
    """Names in the header, in order. Raises DataError if two are alike."""
    found = _header(path).names
    twice = next((name for name, count in Counter(found).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are named {twice!r}; give every column a name of its own")
    return found


def check_header(path: Path, mapped: Collection[str]) -> None:
    """Raise DataError if the file has no header, unless the made-up names of its columns are mapped."""
    found = _header(path)
    if not found.names:
        raise DataError(f"{path}: the first line is empty; write the names of the columns there")
    if found.is_data and not any(COLUMN in text for text in mapped):
        columns = f"{found.names[0]} to {found.names[-1]}"
        raise DataError(
            f"{path}: the first line is no header but data; write the names of the columns there, or say by --map what "
            f"{columns} are, as in --map obs={COLUMN}0+{COLUMN}1,action={COLUMN}2"
        )


def read(path: Path, numbers: Sequence[str], words: Collection[str] = (), times: Collection[str] = ()) -> Cells:
    """The named columns as float64 [N], as text, and as seconds; true and false, as pandas writes them, are 1 and 0.

    Raises DataError for a cell that is no number and for a line of another length, with the place.
    """
    fits_memory(path, BYTES_PER_CHARACTER * path.stat().st_size)
    header = _header(path)
    parts: dict[tuple[str, str], list[Array]] = {
        (kind, name): [] for kind, wanted in (("n", numbers), ("w", words), ("t", times)) for name in wanted
    }
    place = {name: number for number, name in enumerate(header.names)}
    missing: dict[str, Missing] = {}
    lines, marks = [np.zeros(0, np.int64)], Marks(path, header.separator)
    try:
        with opened(path) as file:
            reader = csv.reader(file, delimiter=header.separator, skipinitialspace=header.separator == " ")
            next(reader) if not header.is_data else None
            rows = _numbered(reader)
            while block := list(islice(rows, ROWS)):
                _check_widths(path, block, len(header.names))
                here = np.array([line for line, _ in block], np.int64)
                columns = list(zip(*(cells for _, cells in block), strict=True))
                lines.append(here)
                for (kind, name), found in parts.items():
                    cells = columns[place[name]] if kind == "w" else marks.pointed(name, columns[place[name]], here)
                    if kind == "n":
                        found.append(_numbers(path, name, cells, here))
                        _note_missing(missing, name, np.isnan(found[-1].reshape(len(cells), -1)).any(axis=1), here)
                    elif kind == "w":
                        found.append(np.array([cell.strip() for cell in cells]))
                        _note_missing(missing, name, found[-1] == "", here)
                    else:
                        found.append(seconds(path, name, cells, "line", here))
    except csv.Error as error:
        raise DataError(
            f"{path}: no readable CSV ({error}, near line {reader.line_num}); write the table again"
        ) from error
    except DAMAGE as error:
        pass_on(path, error)
        raise DataError(f"{path}: the packed file is truncated or damaged; copy or download it again") from error
    found_by: dict[str, dict[str, Array]] = {"n": {}, "w": {}, "t": {}}
    for (kind, name), blocks in parts.items():
        if len({block.shape[1:] for block in blocks}) > 1:
            raise DataError(f"{path}: vectors in column {name!r} differ in length; make them alike")
        values = np.concatenate(blocks or [np.zeros(0)])
        found_by[kind][name] = _typed(values) if kind == "n" else values
    marks.check()
    notes = (COMMAS,) if marks.commas else ()
    return Cells(found_by["n"], found_by["w"], found_by["t"], missing, np.concatenate(lines), notes)


def _note_missing(missing: dict[str, Missing], name: str, hole: Array, lines: Array) -> None:
    if hole.any():
        before = missing.get(name, Missing(0, f"line {lines[np.argmax(hole)]}"))
        missing[name] = before._replace(rows=before.rows + int(hole.sum()))


def _header(path: Path) -> Header:
    """Names in the first line and what separates them."""
    try:
        with opened(path) as file:
            line, second = _first_two(list(islice(iter(lambda: file.readline(LONGEST), ""), MOST_LINES + 1)))
    except DAMAGE as error:
        pass_on(path, error)
        raise DataError(f"{path}: the packed file is truncated or damaged; copy or download it again") from error
    separator = max(SEPARATORS, key=lambda sign: (_fits(line, second, sign), line.count(sign)))
    if not line.count(separator) and " " in line.strip() and all(map(_is_number, line.split())):
        separator = " "  # as numpy.savetxt writes
    try:
        lines = [line.strip()] if separator == " " else line.splitlines(keepends=True)
        found = next(csv.reader(lines, delimiter=separator), [])
    except csv.Error as error:
        raise DataError(f"{path}: the first line is no header of a CSV ({error}); is it a table?") from error
    found = [re.sub(r"\s*[\r\n]+\s*", " ", name.strip()) for name in found]
    numbers = found if separator == "," else [name.replace(",", ".") for name in found]
    if all(_is_number(name) or not name for name in numbers):
        return Header([f"{COLUMN}{i}" for i in range(len(found))], separator, True)
    return Header([name or f"Unnamed: {i}" for i, name in enumerate(found)], separator, False)


def _first_two(lines: list[str]) -> tuple[str, str]:
    """The header, of several lines where a name in quotes is, and the line after it."""
    reader = csv.reader(lines, delimiter=max(SEPARATORS, key="".join(lines[:1]).count))
    with suppress(csv.Error):
        next(reader, None)
    count = reader.line_num if 0 < reader.line_num <= MOST_LINES else 1  # a quote that is never closed is none
    return "".join(lines[:count]), "".join(lines[count : count + 1])


def _fits(line: str, second: str, sign: str) -> float:
    """The share of numbers, decimal commas too, in the second line if a sign cuts it as often as the first, else 0."""
    if not line.count(sign) == second.count(sign) > 0:
        return 0.0
    return float(np.mean([_is_number(cell.replace(",", ".")) for cell in second.split(sign)]))


def opened(path: Path) -> Any:
    """The file as text, unpacked on the way. Raises DataError for UTF-16 that does not say which."""
    with path.open("rb") as file:
        unpack = PACKED.get(file.read(2), open)
    with unpack(path, "rb") as file:
        head = file.read(HEAD)
    return unpack(path, "rt", encoding=_encoding(path, head), errors="replace", newline="")


def _encoding(path: Path, head: bytes) -> str:
    """Of a file that begins with `head`: what its mark says, else UTF-8, or else what Windows writes."""
    if marked := next((name for mark, name in MARKS.items() if head.startswith(mark)), None):
        return marked
    if head.count(0) > len(head) // 4:
        raise DataError(f"{path}: looks like UTF-16 without a mark of its byte order; save the table as UTF-8")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of the line it begins in: a cell in quotes may hold several."""
    line = reader.line_num
    for cells in reader:
        if cells:
            yield line + 1, cells
        line = reader.line_num


def _check_widths(path: Path, block: list[tuple[int, list[str]]], width: int) -> None:
    """All rows must have `width` cells."""
    for line, cells in block:
        if len(cells) != width:
            raise DataError(
                f"{path}: line {line} has {len(cells)} cells, the header has {width}; complete or drop that line"
            )


def _numbers(path: Path, name: str, cells: Sequence[str], lines: Array) -> Array:
    """[n], or [n, width] of vectors in brackets; NaN where there is no value."""
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    if cells[0].lstrip().startswith("["):
        return _vectors(path, name, cells, lines)
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        word = cell.strip().lower()
        if word in ("true", "false"):
            values[i] = word == "true"
        elif word in MISSING:
            values[i] = np.nan
        elif _is_number(word):
            values[i] = float(word)
        elif re.fullmatch(r"[-+]?\d+,\d+", word):
            raise DataError(
                f"{path}: column {name!r} holds {cell[:40]!r} in line {lines[i]}, a decimal comma; write "
                "points (pandas reads commas with decimal=',' and writes points)"
            )
        else:
            raise NotNumbers(
                f"{path}: column {name!r} holds {cell[:40]!r} in line {lines[i]}, expected a number; "
                "mend that cell, map another column, or compare, as in --map terminal=status==TRIP",
                name,
            )
    return values


def _typed(values: Array) -> Array:
    """Whole numbers as such, which text does not tell."""
    whole = values.size > 0 and bool((np.abs(values) < WHOLE).all() and (values == np.floor(values)).all())
    return values.astype(np.int64) if whole else values


def _vectors(path: Path, name: str, cells: Sequence[str], lines: Array) -> Array:
    """Cells such as "[0.1, 2]" or "[0.1 2]" as rows."""
    rows: list[list[float]] = []
    for i, cell in enumerate(cells):
        parts = cell.strip().removeprefix("[").removesuffix("]").replace(",", " ").split()
        if not all(map(_is_number, parts)) or (rows and len(parts) != len(rows[0])):
            raise DataError(
                f"{path}: column {name!r} holds {cell[:40]!r} in line {lines[i]}, expected as many numbers as "
                "in the line before; mend that cell"
            )
        rows.append(list(map(float, parts)))
    return np.array(rows)


def seconds(path: Path, name: str, cells: Sequence[str], place: str, numbers: Sequence[int] | Array) -> Array:
    """Times as seconds [n], NaN where there is none: numbers as they are, dates since 1970, see `_date`.

    Args:
        place, numbers: what cells' places are called, and the number of each.
    """
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    values = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if (word := cell.strip()).lower() in MISSING:
            continue
        try:
            values[i] = float(word) if _is_number(word) else _date(word)
        except ValueError as error:
            raise DataError(
                f"{path}: column {name!r} holds {cell[:40]!r} in {place} {numbers[i]}, expected seconds or a date such "
                "as 2026-01-31T12:00:00 or 31.1.2026 12:00; write times like that, or leave them out of --map"
            ) from error
    return values


def _date(word: str) -> float:
    """Seconds since 1970 of a date in ISO 8601, or with the day first and points. Raises ValueError."""
    if found := re.fullmatch(r"(\d\d?)\.(\d\d?)\.(\d{4})(.*)", word):
        word = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}{found[4]}"
    when = datetime.fromisoformat(word)
    zone = when.utcoffset()
    return (when.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() - (zone.total_seconds() if zone else 0.0)


def is_date(word: str) -> bool:
    """Whether a text is a point in time that `seconds` understands."""
    try:
        _date(word)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
