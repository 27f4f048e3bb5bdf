"""What a file holds, field by field, also when it cannot be trained on: types, shapes, ranges, NaN and infinities.

As in reading (files.py), nothing is unpickled and nothing outside the file is opened.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray

MOST_FIELDS = 200
MOST_LETTERS = 500  # of the sentence on how a file was made
MOST_VALUES = 1 << 28  # a field that claims more is described, not read
FIRST_ROWS = 5  # that are named where values are not finite
OTHER = "other"  # records, complex numbers, times
BLOCK = 1 << 16  # rows read at a time
DAMAGE = (OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Field:
    """One array of the file."""

    name: str
    dtype: str  # NumPy's name of a number type, "text" or "other"
    shape: tuple[int, ...]

    @property
    def shape_text(self) -> str:
        """ "1,000,000 x 29"."""
        return " x ".join(f"{length:,}" for length in self.shape) or "one value"


@dataclass(frozen=True)
class Values:
    """What the values of a field are like."""

    field: Field
    low: float  # of the finite values; NaN without any
    high: float
    bad: int  # NaN and infinite values
    bad_rows: list[int]  # the first rows with any


def list_fields(path: Path) -> list[Field]:
    """The arrays of an HDF5 or npz file with their types and shapes; none if the file says nothing readable."""
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path, "r") as file:
                return [_field(name, data.dtype, data.shape) for name, data in _datasets(file).items()]
        if zipfile.is_zipfile(path):
            return _npz_fields(path)
    except DAMAGE:
        pass
    return []


def scan_values(path: Path, columns: tuple[str, ...]) -> list[Values]:
    """Ranges and non-finite values of those of the file's `columns` that can be read."""
    found = []
    for field in list_fields(path):
        readable = np.prod(field.shape, dtype=object) <= MOST_VALUES and field.shape and field.shape[0]
        if field.name in columns and readable and field.dtype not in ("text", OTHER):
            try:
                found.append(_values(field, _blocks(path, field)))
            except DAMAGE:
                continue
    return found


def made(path: Path) -> str | None:
    """How an HDF5 file says it was made, in one line; None if it does not say."""
    try:
        with h5py.File(path, "r") as file:
            said = file.attrs.get("made")
    except (*DAMAGE, TypeError):  # TypeError: an attribute of a kind that NumPy lacks
        return None
    return " ".join(said.split())[:MOST_LETTERS] or None if isinstance(said, str) else None


def _field(name: str, dtype: np.dtype, shape: tuple[int, ...] | None) -> Field:
    """`shape` is None of an HDF5 dataset that was made without values."""
    kind = "text" if dtype.kind in "OSU" else dtype.name if dtype.kind in "fiub" else OTHER
    return Field(name, kind, tuple(shape or ()))


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """The datasets whose values are inside the file, by path. Links are not followed."""
    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset) and not (item.is_virtual or item.external):
            found[name] = item
        return True if len(found) >= MOST_FIELDS else None  # anything but None stops the visit

    file.visititems(visit)
    return found


def _npz_fields(path: Path) -> list[Field]:
    """From the headers alone."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist()[:MOST_FIELDS]:
            with archive.open(name) as member:
                version = np.lib.format.read_magic(member)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(member)
            found.append(_field(name.removesuffix(".npy"), dtype, shape))
    return found


def _blocks(path: Path, field: Field) -> Iterator[Array]:
    """The rows of a field in order."""
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            data = _datasets(file)[field.name]
            for row in range(0, field.shape[0], BLOCK):
                yield data[row : row + BLOCK]
    else:
        with np.load(path, allow_pickle=False) as archive:
            values = archive[field.name]
        for row in range(0, field.shape[0], BLOCK):
            yield values[row : row + BLOCK]


def _values(field: Field, blocks: Iterator[Array]) -> Values:
    low, high, bad, row = np.inf, -np.inf, 0, 0
    bad_rows: list[int] = []
    for block in blocks:
        values = block.reshape(len(block), -1).astype(np.float64)
        finite = np.isfinite(values)
        low = min(low, float(values.min(where=finite, initial=np.inf)))
        high = max(high, float(values.max(where=finite, initial=-np.inf)))
        bad += int(values.size - finite.sum())
        rows = row + np.flatnonzero(~finite.all(axis=1))
        bad_rows += rows[: FIRST_ROWS - len(bad_rows)].tolist()
        row += len(block)
    return Values(field, low if low <= high else np.nan, high if low <= high else np.nan, bad, bad_rows)
