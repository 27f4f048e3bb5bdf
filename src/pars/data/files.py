"""Reading the columns of an HDF5 or npz file in D4RL's layout, and nothing else that may be in it.

Files come from anywhere, so nothing is unpickled and nothing outside the file is opened: links, external storage and
virtual datasets are refused.
"""

import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pars.errors import DataError, ResourceError

REQUIRED = ("observations", "actions", "rewards", "terminals")
OPTIONAL = ("timeouts", "next_observations")
SUFFIXES = (".hdf5", ".h5", ".npz")


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """The arrays of `REQUIRED` and `OPTIONAL` that the file has, as they are on file.

    Raises DataError if there is no such file, it is damaged, not in one of the two formats, or refers to other files.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; give the path of an .hdf5, .h5 or .npz file, or a dataset's id")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the path of one .hdf5, .h5 or .npz file")
    try:
        if h5py.is_hdf5(path):
            return _read_hdf5(path)
        if zipfile.is_zipfile(path):
            return _read_npz(path)
        with path.open("rb") as file:
            head = file.read(4)
    except PermissionError as error:
        raise DataError(f"{path}: not readable for this user; check its permissions") from error
    if head[:2] == b"PK":
        raise DataError(f"{path}: this npz file is truncated; copy or download it again")
    kind = "empty" if not head else "neither HDF5 nor npz"
    raise DataError(f"{path}: the file is {kind}; save the arrays with h5py or numpy.savez")


def _read_hdf5(path: Path) -> dict[str, np.ndarray]:
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: this HDF5 file is truncated or damaged; copy or download it again") from error
    with file:
        names = set(file)  # by name: `in` would follow links
        found = {key: _plain_dataset(path, file, key) for key in (*REQUIRED, *OPTIONAL) if key in names}
        _require(path, found, names)
        _fits_memory(path, sum(dataset.size * dataset.dtype.itemsize for dataset in found.values()))
        columns = {}
        for key, dataset in found.items():
            try:
                columns[key] = np.asarray(dataset[()])
            except (OSError, RuntimeError) as error:
                raise DataError(f"{path}: '{key}' is truncated or damaged; copy or download the file again") from error
        return columns


def _plain_dataset(path: Path, file: h5py.File, key: str) -> Any:
    """The dataset `key`, if its values are inside this file."""
    if not isinstance(file.get(key, getlink=True), h5py.HardLink):
        raise DataError(f"{path}: '{key}' is a link, and links are not followed; store the values in the file itself")
    dataset = file[key]
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{path}: '{key}' is a group, expected one array; see the D4RL layout of flat arrays")
    if dataset.is_virtual or dataset.external:
        raise DataError(
            f"{path}: '{key}' points into other files, which is refused; store the values in the file itself"
        )
    _plain_dtype(path, key, dataset.dtype)
    return dataset


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            present = [key for key in (*REQUIRED, *OPTIONAL) if key in file.files]
            _require(path, present, file.files)
            _fits_memory(path, sum(i.file_size for i in file.zip.infolist() if i.filename[:-4] in present))
            columns = {}
            for key in present:
                try:
                    columns[key] = file[key]
                except ValueError as error:  # what NumPy raises instead of unpickling
                    raise DataError(_not_numbers(path, key, "object")) from error
                _plain_dtype(path, key, columns[key].dtype)
            return columns
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise DataError(f"{path}: this npz file is truncated or damaged; copy or download it again") from error


def _require(path: Path, found: Iterable[str], present: Iterable[str]) -> None:
    missing = [key for key in REQUIRED if key not in set(found)]
    if missing:
        names = sorted(map(str, present))
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise DataError(
            f"{path}: no {' and no '.join(repr(key) for key in missing)} (the file has {shown or 'nothing'}); "
            f"needed are {', '.join(REQUIRED)} and, to mark the ends of episodes, timeouts"
        )


def _plain_dtype(path: Path, key: str, dtype: np.dtype) -> None:
    if dtype.kind not in "fiub":
        raise DataError(_not_numbers(path, key, str(dtype)))


def _not_numbers(path: Path, key: str, dtype: str) -> str:
    return f"{path}: '{key}' holds {dtype} values, expected plain numbers; save it as one float32 array"


def _fits_memory(path: Path, size: int) -> None:
    """Refuse what cannot be loaded before trying: a small file can claim any size."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise ResourceError(
            f"{path}: its columns take {size / 2**30:.1f} GiB, this machine has {memory / 2**30:.1f} GiB of memory; "
            "keep fewer rows"
        )
