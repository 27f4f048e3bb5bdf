"""Reading a file or folder of offline data, in any of the common forms, as columns in D4RL's layout.

Files come from anywhere, so nothing is unpickled, nothing outside the file is opened (links, external storage and
virtual datasets are refused), and sizes that are declared are compared with the bytes that are there.

form                     told by            next observations
HDF5 in D4RL's layout    signature          those of the following row, as D4RL cuts it
npz in the same layout   signature          the same
HDF5 of Minari, folder   episode_<k>        its own, true ones
npz of OGBench           no rewards         its own, true ones; needs a goal
CSV, Parquet             suffix; signature  those of the following row; `next_obs` in the mapping: that one
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import h5py

from pars.data.formats import hdf5, minari, npz, ogbench, tables
from pars.data.formats.layout import (
    INFOS,
    OPTIONAL,
    REQUIRED,
    Column,
    Columns,
    constant,
    joined,
    load,
    of_array,
    require,
)
from pars.data.formats.mapping import EPISODE, MATRICES, Origins, canonical, ends_of_episodes, origins
from pars.errors import DataError, UsageError

__all__ = ["OPTIONAL", "REQUIRED", "SUFFIXES", "read_columns", "source_file"]

SUFFIXES = (".hdf5", ".h5", ".npz", ".csv", ".tsv", ".parquet")
TABLES = {"csv": (tables.csv_names, tables.read_csv), "parquet": (tables.parquet_names, tables.read_parquet)}
IN_MEMORY = 2**30  # bytes; more is written to the scratch folder, if there is one

Form = Literal["hdf5", "minari", "npz", "csv", "parquet"]


class Contents(NamedTuple):
    """What an open file offers: its names, and a column by name."""

    names: list[str]
    column: Callable[[str], Column]
    infos: list[str]


def source_file(path: Path) -> Path:
    """The one file that holds the data: `path`, or the data file in a Minari folder. Raises DataError."""
    if not path.exists():
        raise DataError(f"{path}: no such file; give the path of a {', '.join(SUFFIXES)} file, or a dataset's id")
    return minari.file_in(path) if path.is_dir() else path


def read_columns(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    goal: tuple[float, float] | None = None,
    step_reward: float = ogbench.STEP_REWARD,
    infos: bool = False,
    scratch: Path | None = None,
    in_memory: int = IN_MEMORY,
) -> Columns:
    """The arrays of `REQUIRED` and `OPTIONAL` that a file or Minari folder has, with the values on file.

    Args:
        mapping: the user's names, see data/mapping.py; left are ours.
        goal: position x, y to be rewarded in an OGBench file.
        step_reward: reward away from that goal; at it, one more is paid.
        infos: also what is recorded below `infos/` for every row, such as infos/qpos, infos/qvel and infos/goal.
        scratch: a folder for columns that together take more than `in_memory` bytes; they come back as memory maps.
            Tables are read into memory always.

    Raises DataError if there is no such file, it is damaged, in none of the forms, lacks a column or refers to other
    files; ResourceError if it does not fit into memory (without `scratch`); UsageError for options that do not apply.
    """
    path, mapping = source_file(path), canonical(mapping)
    form = form_of(path)
    if form == "minari":
        if mapping or goal:
            raise UsageError(f"{path}: a Minari file names its columns itself; leave --map and --data-goal out")
        with hdf5.opened(path) as file:
            columns = Columns(load(path, minari.columns(path, file, infos), scratch, in_memory))
        columns.next_obs = "file"
        return columns
    with _contents(path, form, mapping, infos) as source:
        chosen = origins(path, source.names, mapping)
        relabel = form == "npz" and ogbench.is_ogbench(chosen)
        if goal and not relabel:
            raise UsageError(f"{path}: a goal is for OGBench files, which have no rewards; leave --data-goal out")
        if not relabel:
            require(path, chosen, source.names)
        found = {key: _column(path, key, chosen, source, key in mapping or form in TABLES) for key in chosen}
        found |= _extra(source, found, relabel)
        arrays = load(path, found, scratch and (scratch / "rows" if relabel else scratch), in_memory)
    if relabel:
        relabelled = ogbench.transitions(path, arrays, goal, step_reward=step_reward)
        kept = {key: column for key, column in relabelled.items() if infos or not key.startswith(INFOS)}
        arrays = load(path, kept, scratch, in_memory)
    if EPISODE in arrays:
        arrays["timeouts"] = ends_of_episodes(path, arrays)
        del arrays[EPISODE]
    columns = Columns(arrays)
    columns.next_obs = "file" if relabel or "next_observations" in mapping else "shift"
    return columns


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
    if head and path.suffix in (".csv", ".tsv"):
        return "csv"
    if head.lstrip()[:1] == b"<":
        raise DataError(f"{path}: the file is a web page, most likely an error that was saved; download it again")
    kind = "empty" if not head else "neither HDF5 nor npz, nor a table in Parquet or CSV"
    raise DataError(f"{path}: the file is {kind}; save the arrays with h5py or numpy.savez")


@contextlib.contextmanager
def _contents(path: Path, form: Form, mapping: Mapping[str, str], infos: bool) -> Iterator[Contents]:
    """The open file."""
    if form == "hdf5":
        with hdf5.opened(path) as file:
            names = [*file, *(name for name in (hdf5.names(file) if mapping else []) if "/" in name)]
            below = hdf5.names(file, INFOS) if infos else []
            yield Contents(names, lambda name: hdf5.column(path, file, name), below)
    elif form == "npz":
        with npz.opened(path) as archive:
            names = npz.names(archive)
            extra = [name for name in names if name.startswith(INFOS)] if infos else []
            yield Contents(names, lambda name: npz.column(path, archive, name), extra)
    else:
        names_in, read = TABLES[form]
        names = names_in(path)
        chosen = origins(path, names, mapping)
        require(path, chosen, names)
        text = chosen.get(EPISODE)
        wanted = {name: None for sources in chosen.values() if isinstance(sources, list) for name in sources}
        arrays = read(path, list(wanted), text if isinstance(text, list) else [])
        yield Contents(names, lambda name: of_array(arrays[name]), [])


def _column(path: Path, key: str, chosen: Origins, source: Contents, widen: bool) -> Column:
    """Our column `key`, joined from where it comes from; `widen` makes one column of numbers a matrix, where due."""
    sources = chosen[key]
    if isinstance(sources, float):
        first = chosen["observations"]
        if isinstance(first, float):
            raise UsageError(f"--map {key}: a constant takes its length from observations, which are constant too")
        return constant(sources, source.column(first[0]).shape[0])
    columns = [source.column(name) for name in sources]
    if len(columns) > 1 or (widen and key in MATRICES and len(columns[0].shape) == 1):
        return joined(columns, f"{path}: '{key}'")
    return columns[0]


def _extra(source: Contents, found: Mapping[str, Column], relabel: bool) -> dict[str, Column]:
    """What is recorded for every row beside the usual columns; anything else there is passed over."""
    rows = found["observations"].shape[0]
    extra: dict[str, Column] = {}
    for name in [*source.infos, *(key for key in ogbench.STATES if relabel and key in source.names)]:
        with contextlib.suppress(DataError):
            column = source.column(name)
            if column.shape[0] == rows:
                extra[name] = column
    return extra
