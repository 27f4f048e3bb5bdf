"""Which of the forms a file or a source is in, told by its content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import h5py

from pars.data.formats import hdf5, minari, npz, ogbench
from pars.data.formats.sources import find, is_several, suffix
from pars.errors import DataError
from pars.places import user_path

Goal = tuple[float, float]
Form = Literal["hdf5", "minari", "npz", "csv", "parquet"]


def aimless(source: str | Path, goal: Goal | None, mapping: Mapping[str, Any] | None) -> Goal | None:
    """The goal that a source is read with by what looks at no reward: OGBench's files, which are rewarded for one of
    one's choice, need none. Raises DataError for what is damaged."""
    path = user_path(source)

    def unrewarded(file: Path) -> bool:
        if form_of(file) != "npz":
            return False
        with npz.opened(file) as archive:
            return ogbench.is_ogbench(dict.fromkeys(npz.names(archive)))

    if goal or mapping or not (path.exists() or is_several(str(path))):
        return goal
    return ogbench.NOWHERE if all(map(unrewarded, find(path).files)) else None


def form_of(path: Path) -> Form:
    """By content, except for CSV, which has no signature. Raises DataError for everything else."""
    try:
        if h5py.is_hdf5(path):
            with hdf5.opened(path) as file:
                return "minari" if "observations" not in set(file) and minari.episodes(file) else "hdf5"
        with path.open("rb") as binary:
            head = binary.read(512)
    except PermissionError as error:
        raise DataError(f"{path}: not readable for this user; check its permissions") from error
    if head[:2] == b"PK":
        return "npz"
    if head[:4] == b"PAR1":
        return "parquet"
    if head and suffix(path) in (".csv", ".tsv"):
        return "csv"
    if head.lstrip()[:1] == b"<":
        raise DataError(f"{path}: the file is a web page, most likely an error that was saved; download it again")
    kind = "empty" if not head else "neither HDF5 nor npz, nor a table in Parquet or CSV"
    raise DataError(f"{path}: the file is {kind}; save the arrays with h5py or numpy.savez")
