"""Datasets by id: where they are kept, and how they come here when they are absent.

PointMaze's are collected on the spot. D4RL's are looked for on this machine and else downloaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from pars.data import d4rl, pointmaze
from pars.data.asked import check_asked
from pars.data.cache import data_folder
from pars.data.dataset import Dataset, NextObs, from_file
from pars.data.download import bar
from pars.data.formats import hdf5, minari
from pars.data.formats.mapping import canonical
from pars.data.formats.sources import SUFFIXES, is_several
from pars.envs.base import Task
from pars.envs.registry import POINTMAZE, make_task
from pars.errors import ResourceError, UsageError, unknown
from pars.places import user_path

ROWS = 100_000  # of a dataset that is asked for by its id alone

# id -> (map, protocol)
DATASETS: dict[str, tuple[str, str]] = {
    f"pointmaze-{map_name}-{protocol}": (map_name, protocol)
    for map_name, protocols in POINTMAZE.items()
    for protocol in protocols
}


def dataset_path(dataset_id: str, rows: int | None = None, seed: int = 0) -> Path:
    """Where a dataset is kept. An id alone means `ROWS` rows and seed 0 everywhere; others carry both in the name."""
    rows = ROWS if rows is None else rows
    variant = "" if (rows, seed) == (ROWS, 0) else f"-{rows}-seed{seed}"
    return data_folder() / f"{dataset_id}{variant}.hdf5"


def collect_dataset(
    dataset_id: str,
    rows: int | None = None,
    seed: int = 0,
    force: bool = False,
    progress: pointmaze.Progress | None = None,
) -> Path:
    """The file of a dataset, collected if it is absent, damaged, of an older recipe, or if `force` says so.

    Raises UsageError for an unknown id or impossible numbers, ResourceError for rows that do not fit into memory or if
    the file cannot be written.
    """
    if dataset_id not in DATASETS:
        raise UsageError(unknown("dataset", dataset_id, DATASETS))
    task = make_task(dataset_id)
    check_asked(task, rows, seed)
    path = dataset_path(dataset_id, rows, seed)
    if not force and attributes(path).get("recipe") == pointmaze.RECIPE:
        return path
    _, protocol = DATASETS[dataset_id]
    assert task.maze is not None
    rows = ROWS if rows is None else rows
    columns = pointmaze.collect(task.maze, protocol, rows, seed, progress=progress)
    hdf5.write(path, columns, pointmaze.how_made(dataset_id, task.maze, protocol, rows, seed))
    return path


def load_dataset(
    name_or_path: str | Path,
    *,
    task: Task | None = None,
    next_obs: NextObs = "shift",
    mapping: Mapping[str, str] | None = None,
    goal: tuple[float, float] | None = None,
    action_range: str | None = None,
    columns: Sequence[str] = (),
    rows: int | None = None,
    seed: int = 0,
    verify: bool = False,
    progress: pointmaze.Progress | None = None,
) -> Dataset:
    """A dataset by id (see above) or by the path of files or a folder (see `pars.data.formats.files` and `sources`).

    Args:
        task: whose widths, time limit and maze the data should fit; of an id, by default its own task.
        next_obs: "shift" takes the following row as D4RL does, "file" the file's `next_observations`.
        mapping: our names to the file's own, see `pars.data.formats.mapping`.
        goal: (x, y) that OGBench's files, which have no rewards, are relabelled for.
        action_range: of the actions of a file, see `from_file`.
        columns: extra ones, of `pars.data.extras.COLUMNS`.
        rows, seed: only for ids that are collected; another size or draw than the usual one.
        verify: compare the checksums of an existing converted copy every time, not only when it has changed since.

    Raises UsageError (unknown id), DataError (must not be trained on) or ResourceError (cannot be written or fetched).
    """
    if not isinstance(name_or_path, str | Path):
        kind = type(name_or_path).__name__  # type: ignore[unreachable]
        raise UsageError(f"load_dataset takes an id or a path, not a {kind}; of arrays `from_arrays` makes a dataset")
    name = str(name_or_path)
    options: dict[str, Any] = {"next_obs": next_obs, "columns": columns, "verify": verify}
    if name in DATASETS:
        path = collect_dataset(name, rows, seed, progress=progress)
        return from_file(path, name=name, source=name, task=task or make_task(name), **options)
    if rows is not None or seed:
        raise UsageError(f"{name}: rows and seed are for datasets that are collected; a file is taken as it is")
    if name in d4rl.D4RL:
        return from_file(original(name), name=name, source=name, task=task or make_task(name), **options)
    path = user_path(name)
    if "/" in name and not path.exists() and minari.is_id(name):
        path = minari.download(name)
    if not (path.exists() or path.suffix in SUFFIXES or "/" in name or is_several(name)):
        raise UsageError(
            unknown("dataset", name, [*DATASETS, *d4rl.D4RL])
            + "; a file is given by its path, such as my.hdf5 or my.npz"
        )
    reading: dict[str, Any] = {"mapping": canonical(mapping), "action_range": action_range}  # such that JSON holds it
    reading["goal"] = tuple(map(float, goal)) if goal else None
    dataset = from_file(path, task=task, **reading, **options)
    return replace(dataset, reading={key: value for key, value in reading.items() if value})


def original(dataset_id: str) -> Path:
    """D4RL's own file of an id, found on this machine or downloaded. Raises ResourceError if that is impossible."""
    if path := d4rl.locate(dataset_id, download=False):
        return path
    try:
        with bar(dataset_id) as report:
            found = d4rl.locate(dataset_id, download=True, progress=report)
    except ResourceError as error:
        raise ResourceError(f"{error}; or use a twin of our own making: --data twin, or twin:{dataset_id}") from error
    assert found is not None
    return found


def list_datasets() -> list[dict[str, Any]]:
    """Known datasets, then other files in the data folder: id, cached, rows, path, made (how, or how it would be)."""
    listed = {dataset_path(dataset_id): dataset_id for dataset_id in DATASETS}
    files = [*sorted(data_folder().glob("*.hdf5")), *sorted(data_folder().glob("twins/*.hdf5"))]
    others = {
        path: ("twin:" if path.parent.name == "twins" else "") + path.stem for path in files if path not in listed
    }
    own = [_entry(name, path) for path, name in (listed | others).items()]
    return own + [_original_entry(name) for name in d4rl.D4RL]


def _original_entry(dataset_id: str) -> dict[str, Any]:
    path = d4rl.find(dataset_id)
    size = d4rl.D4RL[dataset_id].mebibytes
    return {
        "id": dataset_id,
        "cached": path is not None,
        "rows": None,
        "path": str(path or d4rl.own_path(dataset_id)),
        "made": "" if path else f"D4RL's file, downloaded when it is first used{f' ({size} MiB)' if size else ''}",
    }


def _entry(name: str, path: Path) -> dict[str, Any]:
    found = attributes(path)
    absent = name in DATASETS and not ("made" in found and found.get("recipe") == pointmaze.RECIPE)
    rows = ROWS if absent else found.get("rows")  # a file of others says neither rows nor how it was made
    return {
        "id": name,
        "cached": not absent,
        "rows": None if rows is None else int(rows),
        "path": str(path),
        "made": "collected when it is first used" if absent else str(found.get("made", "")),
    }


def attributes(path: Path) -> dict[str, Any]:
    """Attributes of an HDF5 file; none if it is absent or damaged."""
    try:
        with h5py.File(path, "r") as file:
            return dict(file.attrs)
    except OSError:
        return {}
