"""Columns of an HDF5 file, all values inside the file: links, external storage and virtual datasets are refused."""

import contextlib
import itertools
import traceback
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from pars.data.cache import writing
from pars.data.formats.layout import Column, plain_numbers, plausible
from pars.data.formats.mapping import natural
from pars.data.parallel import in_order
from pars.errors import DataError, printable
from pars.files import pass_on

INSIDE, ELSEWHERE, ABSENT = "inside", "elsewhere", "absent"
BLOCK = 2**20  # bytes by which a file that is made in memory grows
PLAIN, GZIP, SHUFFLED = (), (h5py.h5z.FILTER_DEFLATE,), (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading. Raises DataError if it is damaged."""
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        pass_on(path, error)
        raise DataError(f"{path}: this HDF5 file is truncated or damaged; copy or download it again") from error
    with file:
        try:
            yield file
        except (RuntimeError, KeyError, TypeError) as error:
            if not _of_library(error):
                raise
            raise DataError(
                f"{path}: this HDF5 file is damaged, or holds what NumPy has no type for ({printable(error)}); copy or "
                "write it again"
            ) from error


def _of_library(error: BaseException) -> bool:
    """Whether an error was raised inside h5py, which tells of damage in whatever class suits the place."""
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return "h5py" in Path(frames[-1]).parts


def top(file: Any) -> list[str]:
    """Names at the top of the file; those that are no text, as damage makes them, are left out."""
    return [name for name in file if isinstance(name, str)]


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
        if _in_common_chunks(item) and end - begin > item.chunks[0]:
            return _unpacked(item, begin, end)
        return np.asarray(item[begin:end])
    except (OSError, RuntimeError) as error:
        pass_on(path, error)
        key = item.name.strip("/")
        raise DataError(f"{path}: '{key}' is truncated or damaged; copy or download the file again") from error


def _in_common_chunks(item: Any) -> bool:
    """Whether chunks hold the numbers as NumPy has them, packed in one of the ways that `_chunk` undoes."""
    if item.chunks is None or item.dtype.kind not in "fiu":
        return False
    packing = item.id.get_create_plist()
    filters = tuple(packing.get_filter(i)[0] for i in range(packing.get_nfilters()))
    return filters in (PLAIN, GZIP, SHUFFLED) and item.id.get_type() == h5py.h5t.py_create(item.dtype)


def _unpacked(item: Any, begin: int, end: int) -> np.ndarray:
    """Rows begin to end, chunks unpacked in threads: the HDF5 library works on one at a time."""
    target = np.empty((end - begin, *item.shape[1:]), item.dtype)
    size, *widths = item.chunks
    rest = [range(0, length, width) for length, width in zip(item.shape[1:], widths, strict=True)]
    order: Literal["C", "F"] = (
        "C" if item.shape[1:] == item.chunks[1:] else "F"
    )  # narrow chunks are gathered column by column
    filters = item.id.get_create_plist().get_nfilters()

    def copy(row: int) -> None:
        """All chunks that begin in one row."""
        first, last = max(begin, row), min(end, row + size)
        band = np.empty((last - first, *item.shape[1:]), item.dtype, order)
        for start in itertools.product(*rest):
            place = tuple(slice(a, a + width) for a, width in zip(start, widths, strict=True))
            chunk = _chunk(item, (row, *start), filters)
            if chunk is None:
                band[:, *place] = item[first:last, *place]
            else:
                inside = tuple(slice(0, length) for length in band[:, *place].shape[1:])
                band[:, *place] = chunk[first - row : last - row, *inside]
        target[first - begin : last - begin] = band

    for _ in in_order(copy, range(begin // size * size, end, size)):
        pass
    return target


def _chunk(item: Any, start: tuple[int, ...], filters: int) -> np.ndarray | None:
    """One whole chunk, or None: one never written or not packed, which the HDF5 library shall read.

    Args:
        filters: how many of `SHUFFLED` were applied, counted from its end.

    Raises OSError if the chunk does not unpack to its size, which the library would not notice.
    """
    size, itemsize = int(np.prod(item.chunks)), item.dtype.itemsize
    try:
        skipped, stored = item.id.read_direct_chunk(start)
    except (OSError, RuntimeError, ValueError):
        return None
    if skipped:
        return None
    try:
        content = zlib.decompress(stored, bufsize=size * itemsize) if filters else stored
    except zlib.error as error:
        raise OSError(str(error)) from error
    if len(content) != size * itemsize:
        raise OSError(f"a chunk of {len(content)} bytes, expected {size * itemsize}")
    if filters == len(SHUFFLED):  # first bytes of all values, then second bytes, ...
        content = np.ascontiguousarray(np.frombuffer(content, np.uint8).reshape(itemsize, size).T).data
    return np.frombuffer(content, item.dtype).reshape(item.chunks)


def column(path: Path, file: Any, key: str) -> Column:
    """The dataset `key` as a column; it can be read while the file is open. Raises DataError."""
    item = dataset(path, file, key)
    rows = item.shape[0]
    return Column(
        item.shape,
        item.dtype,
        lambda step: (values(path, item, i, min(i + step, rows)) for i in range(0, rows, step)),
    )


def write(path: Path, columns: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write columns and attributes as HDF5, all or nothing. Raises ResourceError if that is impossible.

    HDF5 makes the file in memory, and we write it: some errors of a disk HDF5 keeps to itself, others end the process.
    """
    with h5py.File("in memory", "w", driver="core", backing_store=False, block_size=BLOCK) as file:
        for key, values in columns.items():
            file.create_dataset(key, data=values, compression="gzip", compression_opts=1, shuffle=True)
        file.attrs.update(attributes)
        file.flush()
        image = file.id.get_file_image()
    with writing(path) as aside:
        aside.write_bytes(image)
