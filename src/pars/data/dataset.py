"""A dataset as training sees it, from a file or from arrays in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pars.core import Transition
from pars.data.cache import array_sha256, converted_folder, file_sha256, fingerprint, restore, store
from pars.data.card import Card, data_card
from pars.data.files import read_columns
from pars.data.rows import checked_rows
from pars.data.transitions import to_transitions
from pars.envs.base import Task
from pars.errors import DataError, ResourceError, UsageError

NextObs = Literal["shift", "file"]
COLUMNS = ("obs", "action", "reward", "next_obs", "terminal")


@dataclass(frozen=True)
class Dataset:
    """Transitions in the order of the file, raw rewards, with everything worth knowing about where they come from."""

    name: str
    columns: Transition  # NumPy, float32; possibly read-only memory maps
    last: np.ndarray  # [N] bool, last kept row of an episode
    fingerprint: str  # SHA-256 over the columns
    source: str  # path, dataset id, or "arrays"
    card: Card  # see data/card.py


def from_arrays(
    arrays: Mapping[str, Any], *, name: str = "arrays", task: Task | None = None, next_obs: NextObs = "shift"
) -> Dataset:
    """A dataset from arrays with D4RL's keys: observations, actions, rewards, terminals, timeouts, next_observations.

    Raises DataError if the arrays must not be trained on.
    """
    converted, card = _convert({key: np.asarray(value) for key, value in arrays.items()}, name, task, next_obs)
    checksums = {key: array_sha256(array) for key, array in converted.items()}
    return _dataset(name, "arrays", converted, fingerprint(checksums), card)


def from_file(
    path: Path,
    *,
    name: str | None = None,
    source: str | None = None,
    task: Task | None = None,
    next_obs: NextObs = "shift",
    verify: bool = False,
) -> Dataset:
    """A dataset from an HDF5 or npz file in D4RL's layout, converted on first use and memory-mapped from then on.

    Args:
        task: whose widths and time limit the file should fit.
        next_obs: "shift" takes the following row as D4RL does, "file" the file's `next_observations`.
        verify: compare the checksums of an existing converted copy, not only its sizes.

    Raises DataError if the file must not be trained on, ResourceError if the converted copy cannot be written.
    """
    if next_obs not in ("shift", "file"):
        raise UsageError(f"next_obs={next_obs!r}; choose shift (the following row) or file (its next_observations)")
    name, source = name or path.stem, source or str(path)
    if not path.is_file():
        read_columns(path)  # raises with the reason
    try:
        folder = converted_folder(file_sha256(path), _options(task, next_obs))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; check the file") from error
    stored = restore(folder, verify=verify) or _convert_file(path, folder, task, next_obs)
    arrays, manifest = stored
    checksums = {key: column["sha256"] for key, column in manifest["columns"].items()}
    return _dataset(name, source, arrays, fingerprint(checksums), manifest["card"])


def _convert_file(
    path: Path, folder: Path, task: Task | None, next_obs: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Convert, store and read back."""
    converted, card = _convert(read_columns(path), str(path), task, next_obs)
    for _ in range(2):  # another process that stores the same copy may take ours away for a moment
        store(folder, converted, {"source": str(path), "options": _options(task, next_obs), "card": card})
        if stored := restore(folder, verify=True):
            return stored
    raise ResourceError(f"{folder}: reads back differently from what was written; check the disk")


def _options(task: Task | None, next_obs: str) -> dict[str, Any]:
    """Everything but the file that a conversion and its card depend on."""
    if task is None:
        return {"next_obs": next_obs, "task": None}
    maze = task.maze.card() if task.maze else None
    return {"next_obs": next_obs, "task": [task.id, task.obs_dim, task.action_dim, task.time_limit, maze]}


def _convert(
    columns: Mapping[str, np.ndarray], source: str, task: Task | None, next_obs: str
) -> tuple[dict[str, np.ndarray], Card]:
    rows = checked_rows(columns, source, task, next_obs)
    transitions, last = to_transitions(rows, next_obs, task.time_limit if task else None)
    if not len(last):
        raise DataError(f"{source}: every row is a timeout, no transition is left; mark only the ends of episodes")
    arrays = {key: getattr(transitions, key) for key in COLUMNS}
    return arrays | {"last": last}, data_card(rows, task, next_obs)


def _dataset(name: str, source: str, arrays: dict[str, np.ndarray], checksum: str, card: Card) -> Dataset:
    obs, action, reward, next_obs, terminal = (arrays[key] for key in COLUMNS)
    columns = Transition(obs, action, reward, next_obs, terminal)
    return Dataset(name, columns, arrays["last"], checksum, source, card)
