"""Columns of an npz file, read member by member as a stream; nothing is unpickled."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from pars.data.formats.layout import Column, of_array, plain_numbers, plausible
from pars.errors import DataError
from pars.files import pass_on

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file, open for reading. Raises DataError if it is damaged."""
    with contextlib.ExitStack() as stack:
        with _reading(path):
            file = stack.enter_context(zipfile.ZipFile(path))
        yield file


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What Python raises for a damaged archive, as DataError."""
    try:
        yield
    except DAMAGE as error:
        pass_on(path, error)
        raise DataError(f"{path}: this npz file is truncated or damaged; copy or download it again") from error


def names(file: zipfile.ZipFile) -> list[str]:
    """Names of the arrays, in the order of the file."""
    return [name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy")]


def names_of(path: Path) -> list[str]:
    """Names of the arrays of a file."""
    with opened(path) as file:
        return names(file)


def column(path: Path, file: zipfile.ZipFile, key: str) -> Column:
    """The array `key` as a column; it can be read while the file is open. Raises DataError."""
    member = file.getinfo(f"{key}.npy")
    plausible(path, key, member.file_size, member.compress_size)
    with _reading(path), file.open(member) as stream:
        shape, fortran, dtype = _header(stream)
        begin = stream.tell()
    plain_numbers(path, key, dtype)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if begin + size != member.file_size:
        raise DataError(
            f"{path}: '{key}' claims {size:,} bytes, {member.file_size - begin:,} are stored; "
            "the file is damaged, write it again"
        )
    if not shape:
        raise DataError(f"{path}: '{key}' is a single value, expected one row per step")

    def by_rows(rows: int) -> Iterator[np.ndarray]:
        with _reading(path):
            stream = file.open(member)
            stream.read(begin)
        with stream:
            for i in range(0, shape[0], rows):
                count = min(rows, shape[0] - i)
                with _reading(path):
                    block = np.frombuffer(stream.read(count * size // shape[0]), dtype).reshape(count, *shape[1:])
                yield block

    def by_columns(rows: int) -> Iterator[np.ndarray]:  # no row is complete before the end
        with _reading(path):
            whole = np.frombuffer(file.read(member), dtype, offset=begin).reshape(shape, order="F")
        yield from of_array(whole).blocks(rows)

    return Column(shape, dtype, by_columns if fortran and len(shape) > 1 else by_rows)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and type. Raises ValueError if this is no .npy file."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)
