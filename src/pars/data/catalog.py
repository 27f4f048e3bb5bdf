"""Datasets by id: where they are kept, and collection on the spot when they are absent."""

from pathlib import Path
from typing import Any

import h5py

from pars.data import collect
from pars.data.cache import data_folder
from pars.data.dataset import Dataset, NextObs, from_file
from pars.data.files import SUFFIXES
from pars.envs.base import Task
from pars.envs.registry import POINTMAZE, make_task
from pars.errors import UsageError
from pars.suggest import unknown

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
    progress: collect.Progress | None = None,
) -> Path:
    """The file of a dataset, collected if it is absent, damaged, of an older recipe, or if `force` says so.

    Raises UsageError for an unknown id or impossible numbers, ResourceError if the file cannot be written.
    """
    if dataset_id not in DATASETS:
        raise UsageError(unknown("dataset", dataset_id, DATASETS))
    if rows is not None and rows < 2:
        raise UsageError(f"rows={rows}; a dataset takes at least 2 rows")
    if seed < 0:
        raise UsageError(f"seed={seed}; seeds are whole numbers from 0")
    path = dataset_path(dataset_id, rows, seed)
    if not force and _attributes(path).get("recipe") == collect.RECIPE:
        return path
    _, protocol = DATASETS[dataset_id]
    maze = make_task(dataset_id).maze
    if maze is None:
        raise ValueError(f"{dataset_id} has no maze")
    rows = ROWS if rows is None else rows
    columns = collect.collect(maze, protocol, rows, seed, progress=progress)
    collect.write(path, columns, collect.how_made(dataset_id, maze, protocol, rows, seed))
    return path


def load_dataset(
    name_or_path: str | Path,
    *,
    task: Task | None = None,
    next_obs: NextObs = "shift",
    rows: int | None = None,
    seed: int = 0,
    verify: bool = False,
    progress: collect.Progress | None = None,
) -> Dataset:
    """A dataset by id (collected on the spot if absent) or by the path of an .hdf5, .h5 or .npz file.

    Args:
        task: whose widths, time limit and maze the data should fit; of an id, by default its own task.
        next_obs: "shift" takes the following row as D4RL does, "file" the file's `next_observations`.
        rows, seed: only for ids; another size or draw than the usual one.
        verify: compare the checksums of an existing converted copy, not only its sizes.

    Raises UsageError (unknown id), DataError (must not be trained on) or ResourceError (cannot be written).
    """
    name = str(name_or_path)
    if name in DATASETS:
        path = collect_dataset(name, rows, seed, progress=progress)
        return from_file(path, name=name, source=name, task=task or make_task(name), next_obs=next_obs, verify=verify)
    path = Path(name).expanduser()
    if not (path.exists() or path.suffix in SUFFIXES or "/" in name):
        raise UsageError(
            unknown("dataset", name, DATASETS) + "; a file is given by its path, such as my.hdf5 or my.npz"
        )
    if rows is not None or seed:
        raise UsageError(f"{name}: rows and seed are for datasets that are collected; a file is taken as it is")
    return from_file(path, task=task, next_obs=next_obs, verify=verify)


def list_datasets() -> list[dict[str, Any]]:
    """Known datasets, then other files in the data folder: id, cached, rows, path, made (how, or how it would be)."""
    listed = {dataset_path(dataset_id): dataset_id for dataset_id in DATASETS}
    others = {path: path.stem for path in sorted(data_folder().glob("*.hdf5")) if path not in listed}
    return [_entry(name, path) for path, name in (listed | others).items()]


def _entry(name: str, path: Path) -> dict[str, Any]:
    attributes = _attributes(path)
    cached = bool(attributes.get("recipe") == collect.RECIPE)
    return {
        "id": name,
        "cached": cached,
        "rows": int(attributes["rows"]) if cached else (ROWS if name in DATASETS else None),
        "path": str(path),
        "made": str(attributes["made"]) if cached else "collected when it is first used" if name in DATASETS else "",
    }


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of an HDF5 file; none if it is absent or damaged."""
    try:
        with h5py.File(path, "r") as file:
            return dict(file.attrs)
    except OSError:
        return {}
