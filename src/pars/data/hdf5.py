"""Columns of an HDF5 file, all values inside the file: links, external storage and virtual datasets are refused."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pars.data.layout import Column, plain_numbers, plausible
from pars.data.mapping import natural
from pars.errors import DataError

INSIDE, ELSEWHERE, ABSENT = "inside", "elsewhere", "absent"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading. Raises DataError if it is damaged."""
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: this HDF5 file is truncated or damaged; copy or download it again") from error
    with file:
        yield file


def names(file: Any, below: str = "") -> list[str]:
    """Paths of all datasets [below a group] that no link has to be followed for, x_2 before x_10."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(f"{below}{name}")

    group = file if not below else file[below] if _link(file, below) == INSIDE else None
    if isinstance(group, h5py.Group):
        group.visititems(visit)
    return sorted(found, key=natural)


def _link(file: Any, key: str) -> str:
    """Whether all steps of a path are hard links, without following any other."""
    group = file
    for step in key.strip("/").split("/"):
        link = group.get(step, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return ABSENT
        if not isinstance(link, h5py.HardLink):
            return ELSEWHERE
        group = group[step]
    return INSIDE


def dataset(path: Path, file: Any, key: str) -> Any:
    """The dataset `key`, if it holds numbers inside this file, no more than its stored bytes can unpack to.

    Raises DataError.
    """
    link = _link(file, key)
    if link == ABSENT:
        raise DataError(f"{path}: no '{key}', which this kind of file has; write the file again")
    if link == ELSEWHERE:
        raise DataError(f"{path}: '{key}' is a link, and links are not followed; store the values in the file itself")
    found = file[key]
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{path}: '{key}' is a group, expected one array; see the D4RL layout of flat arrays")
    if found.is_virtual or found.external:
        raise DataError(
            f"{path}: '{key}' points into other files, which is refused; store the values in the file itself"
        )
    plain_numbers(path, key, found.dtype)
    if not found.shape:
        raise DataError(f"{path}: '{key}' is a single value, expected one row per step")
    plausible(path, key, found.size * found.dtype.itemsize, found.id.get_storage_size())
    return found


def values(path: Path, item: Any, begin: int, end: int) -> np.ndarray:
    """Rows begin to end of a dataset. Raises DataError if they are damaged."""
    try:
        return np.asarray(item[begin:end])
    except (OSError, RuntimeError) as error:
        key = item.name.strip("/")
        raise DataError(f"{path}: '{key}' is truncated or damaged; copy or download the file again") from error


def column(path: Path, file: Any, key: str) -> Column:
    """The dataset `key` as a column; it can be read while the file is open. Raises DataError."""
    item = dataset(path, file, key)
    rows = item.shape[0]
    return Column(
        item.shape,
        item.dtype,
        lambda step: (values(path, item, i, min(i + step, rows)) for i in range(0, rows, step)),
    )
