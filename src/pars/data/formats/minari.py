"""Minari's files, read with h5py alone. No environment is built from what they say about one.

One group `episode_<k>` per episode: `observations` (T + 1 rows), `actions`, `rewards`, `terminations`, `truncations`
(T rows). Every row has its true next observation, so none is lost.
"""

import contextlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pars.data.formats import hdf5
from pars.data.formats.layout import INFOS, Column
from pars.data.formats.mapping import natural
from pars.errors import DataError, ResourceError
from pars.places import below_home, chosen_folder
from pars.units import ActionRange

Array = np.ndarray
Reader = Callable[[str, int], Array]  # episode, its number of steps -> the episode's rows of one column

FILE = "main_data.hdf5"
ANT = 27  # values of an AntMaze observation besides the position; its v5 adds contact forces, which D4RL has not
ANT_WIDTHS = (27, 105)


def data_folder() -> Path:
    """`$MINARI_DATASETS_PATH`, else where Minari keeps its datasets. Raises UsageError."""
    chosen = chosen_folder("MINARI_DATASETS_PATH")
    return chosen or below_home("MINARI_DATASETS_PATH", ".minari", "datasets")


def is_id(name: str) -> bool:
    """Whether a name has the form of Minari's ids, such as D4RL/pen/expert-v2."""
    return re.fullmatch(r"[\w-]+(/[\w-]+)*-v\d+", name) is not None


def find(dataset_id: str) -> Path | None:
    """The data file of a Minari id, if it is on this machine."""
    if not is_id(dataset_id):
        return None
    path = data_folder() / dataset_id / "data" / FILE
    return path if path.is_file() else None


def download(dataset_id: str) -> Path:
    """The data file of a Minari id, fetched by the package `minari` if it is absent. Raises ResourceError."""
    if path := find(dataset_id):
        return path
    by_hand = f"or run 'minari download {dataset_id}' where it is installed and copy the folder to {data_folder()}"
    if importlib.util.find_spec("minari") is None:
        raise ResourceError(f"{dataset_id}: not in {data_folder()}; install the package minari to fetch it, {by_hand}")
    try:
        importlib.import_module("minari").download_dataset(dataset_id)
    except Exception as error:  # whatever the package and its hosts raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ResourceError(f"{dataset_id}: minari could not fetch it ({reason}); try again, {by_hand}") from error
    if path := find(dataset_id):
        return path
    raise ResourceError(f"{dataset_id}: minari fetched it without a {FILE}; ask it for the HDF5 form, {by_hand}")


def in_folder(folder: Path) -> Path | None:
    """The data file in a dataset's folder, or in its folder `data`; None if it is another kind of folder."""
    return next((path for path in (folder / "data" / FILE, folder / FILE) if path.is_file()), None)


def episodes(file: Any) -> list[str]:
    """Names of the episode groups, in the order of their numbers."""
    return sorted((name for name in hdf5.top(file) if re.fullmatch(r"episode_\d+", name)), key=natural)


def action_range(path: Path, file: Any) -> ActionRange | None:
    """The box of `action_space`, in metadata.json beside the file or, of earlier versions, in the file; None if it is
    not said, or no box with finite bounds."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        beside = path.parent / "metadata.json"
        text = json.loads(beside.read_text())["action_space"] if beside.is_file() else file.attrs["action_space"]
        space = json.loads(text) if isinstance(text, str | bytes) else text
        low, high = (np.atleast_1d(np.asarray(space[end], np.float64)) for end in ("low", "high"))
        if low.ndim == 1 and low.shape == high.shape and np.isfinite([low, high]).all() and (low < high).all():
            return ActionRange.of(low, high, "the file's action_space")
    return None


def columns(path: Path, file: Any, infos: bool) -> dict[str, Column]:
    """D4RL's columns; they can be read while the file is open. `timeouts` mark all ends that are not terminal.

    Args:
        infos: also what is below the episodes' `infos`, and the goal as `infos/goal`.

    Raises DataError for what is missing, damaged, or differs between episodes.
    """
    groups = episodes(file)
    steps = [(group, len(hdf5.dataset(path, file, f"{group}/rewards"))) for group in groups]
    observation = _observation(path, file, groups[0])
    read: dict[str, Reader] = {
        "observations": lambda group, count: observation(group, count + 1)[:-1],
        "actions": _exactly(path, file, "actions"),
        "rewards": _exactly(path, file, "rewards"),
        "terminals": _exactly(path, file, "terminations"),
        "timeouts": _timeouts(path, file),
        "next_observations": lambda group, count: observation(group, count + 1)[1:],
    }
    if infos:
        read |= _infos(path, file, groups[0])
    return {key: _column(path, key, reader, steps) for key, reader in read.items()}


def _column(path: Path, key: str, read: Reader, steps: list[tuple[str, int]]) -> Column:
    first = read(*steps[0])

    def blocks(rows: int) -> Iterator[Array]:
        for group, count in steps:
            block = read(group, count)
            if block.shape[1:] != first.shape[1:]:
                raise DataError(
                    f"{path}: '{key}' has rows of shape {block.shape[1:]} in {group}, {first.shape[1:]} in "
                    f"{steps[0][0]}; drop the episodes that differ"
                )
            yield block

    return Column((sum(count for _, count in steps), *first.shape[1:]), first.dtype, blocks)


def _timeouts(path: Path, file: Any) -> Reader:
    terminated, truncated = _exactly(path, file, "terminations"), _exactly(path, file, "truncations")

    def read(group: str, count: int) -> Array:
        flags = truncated(group, count) != 0
        if count:  # an episode that was left unfinished ends too
            flags[-1] |= terminated(group, count)[-1] == 0
        return flags

    return read


def _observation(path: Path, file: Any, group: str) -> Reader:
    """Reader of observations: plain ones, or out of a dict the part that a policy sees.

    AntMaze gives position (achieved_goal) and body apart; D4RL's 29 values are both, without contact forces. Of other
    dicts it is the entry `observation`; a goal is the task's and no part of it. Without such an entry all are joined,
    in the order of their names.
    """
    parts = _parts(file, group)
    if not parts:
        return _exactly(path, file, "observations")
    if "observation" not in parts:
        if large := next((name for name, shape in parts.items() if len(shape) > 2), None):
            raise DataError(
                f"{path}: 'observations' are a dict of {', '.join(parts)}, and {large} is of shape {parts[large][1:]} "
                "in each step; leave it out, or save the numbers that a network of yours makes of it"
            )
        read = [_exactly(path, file, f"observations/{name}") for name in parts]
        return lambda group, count: np.concatenate(
            [one(group, count).reshape(count, -1) for one in read], axis=1, dtype=np.float32
        )
    body = _exactly(path, file, "observations/observation")
    ant = [parts["observation"][1:], parts.get("achieved_goal", ())[1:]]
    if ant not in [[(width,), (2,)] for width in ANT_WIDTHS]:
        return body
    xy = _exactly(path, file, "observations/achieved_goal")
    return lambda group, count: np.concatenate(
        [xy(group, count), body(group, count)[:, :ANT]], axis=1, dtype=np.float32
    )


def _parts(file: Any, group: str) -> dict[str, tuple[int, ...]]:
    """Shapes of the entries of a dict of observations, nested ones by path, in the order of their names."""
    below = f"{group}/observations/"
    return {name.removeprefix(below): file[name].shape for name in hdf5.names(file, below)}


def joined_names(file: Any) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Names of the observations' columns, and a note, where a dict is joined or a part of it is left out."""
    parts = _parts(file, episodes(file)[0])
    if "desired_goal" in parts and "observation" in parts:
        return {}, ("desired_goal of the observations is the task's goal: only methods that are given goals see it",)
    if not parts or "observation" in parts:
        return {}, ()
    names = [
        name if len(shape) == 1 or shape[1] == 1 else f"{name}_{i}"
        for name, shape in parts.items()
        for i in range(1 if len(shape) == 1 else shape[1])
    ]
    return {"observations": names}, (f"observations are a dict, joined in this order: {', '.join(parts)}",)


def _infos(path: Path, file: Any, group: str) -> dict[str, Reader]:
    """Readers of the numbers below the infos of an episode, and of the goal in a dict of observations."""
    found: dict[str, Reader] = {}
    for name in hdf5.names(file, f"{group}/{INFOS}"):
        if file[name].shape and file[name].dtype.kind in "fiub":
            key = name.removeprefix(f"{group}/")
            found[key] = _at_least(path, file, key)
    if f"{group}/observations/desired_goal" in hdf5.names(file, f"{group}/observations/"):
        found[f"{INFOS}goal"] = _at_least(path, file, "observations/desired_goal")
    return found


def _at_least(path: Path, file: Any, name: str) -> Reader:
    """Reader of the first rows of an array, which may have one more than there are steps."""
    return lambda group, count: _rows(path, file, f"{group}/{name}", count, (count, count + 1))


def _exactly(path: Path, file: Any, name: str) -> Reader:
    return lambda group, count: _rows(path, file, f"{group}/{name}", count, (count,))


def _rows(path: Path, file: Any, key: str, count: int, allowed: tuple[int, ...]) -> Array:
    item = hdf5.dataset(path, file, key)
    if item.shape[0] not in allowed:
        raise DataError(f"{path}: '{key}' has {item.shape[0]} rows, expected {allowed[-1]}; drop that episode")
    return hdf5.values(path, item, 0, count)
