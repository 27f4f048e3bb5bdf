"""The data files of D4RL's tasks: where they may lie on this machine, and where they are published.

File names and host are those of D4RL (Fu et al. 2020, arXiv 2004.07219; repository Farama-Foundation/D4RL), for the
two ultra mazes those of ZhengyaoJiang/d4rl. Sizes are those that TensorFlow Datasets states.
"""

from dataclasses import dataclass
from pathlib import Path

from pars.data.cache import data_folder
from pars.data.download import Report, fetch, verified
from pars.errors import UsageError, unknown
from pars.places import chosen_folder, home

HOST = "rail.eecs.berkeley.edu/datasets/offline_rl"
ULTRA = "https://github.com/ZhengyaoJiang/d4rl/releases/download/public"
SCHEMES = ("https", "http")  # D4RL itself uses http; the content is the same


@dataclass(frozen=True)
class File:
    """One published file."""

    name: str
    sources: tuple[str, ...]
    mebibytes: int | None  # about; None: not stated anywhere


def _hosted(folder: str, name: str, mebibytes: int | None) -> File:
    return File(name, tuple(f"{scheme}://{HOST}/{folder}/{name}" for scheme in SCHEMES), mebibytes)


def _antmaze(maze: str, multistart: bool, multigoal: bool, mebibytes: int) -> File:
    name = f"Ant_maze_{maze}_noisy_multistart_{multistart}_multigoal_{multigoal}_sparse_fixed.hdf5"
    return _hosted("ant_maze_v2", name, mebibytes)


def _ultra(multigoal: bool) -> File:
    name = f"Ant_maze_ultra_noisy_multistart_True_multigoal_{multigoal}_sparse.hdf5"
    return File(name, (f"{ULTRA}/{name}",), None)


MUJOCO_MEBIBYTES = {  # random, medium, medium-replay, medium-expert, expert
    "halfcheetah": (226, 227, 57, 453, 226),
    "hopper": (145, 146, 72, 290, 145),
    "walker2d": (206, 222, 82, 441, 220),
}
KINDS = ("random", "medium", "medium-replay", "medium-expert", "expert")
ADROIT_MEBIBYTES = {  # cloned, expert
    "pen": (148, 250),
    "door": (281, None),
    "hammer": (426, None),
    "relocate": (554, 682),
}

D4RL: dict[str, File] = {
    "antmaze-umaze-v2": _antmaze("u-maze", False, False, 222),
    "antmaze-umaze-diverse-v2": _antmaze("u-maze", True, True, 220),
    "antmaze-medium-play-v2": _antmaze("big-maze", True, False, 220),
    "antmaze-medium-diverse-v2": _antmaze("big-maze", True, True, 220),
    "antmaze-large-play-v2": _antmaze("hardest-maze", True, False, 220),
    "antmaze-large-diverse-v2": _antmaze("hardest-maze", True, True, 220),
    "antmaze-ultra-play-v0": _ultra(False),
    "antmaze-ultra-diverse-v0": _ultra(True),
    **{
        f"{task}-{kind}-v1": _hosted("hand_dapg_v1", f"{task}-{kind}-v1.hdf5", mebibytes)
        for task, sizes in ADROIT_MEBIBYTES.items()
        for kind, mebibytes in zip(("cloned", "expert"), sizes, strict=True)
    },
    **{
        f"{task}-{kind}-v2": _hosted("gym_mujoco_v2", f"{task}_{kind.replace('-', '_')}-v2.hdf5", mebibytes)
        for task, sizes in MUJOCO_MEBIBYTES.items()
        for kind, mebibytes in zip(KINDS, sizes, strict=True)
    },
}


def own_path(dataset_id: str) -> Path:
    """Where the file of an id is downloaded to, and may be put by hand. Raises UsageError for an unknown id."""
    if dataset_id not in D4RL:
        raise UsageError(unknown("D4RL dataset", dataset_id, D4RL))
    return data_folder() / "d4rl" / D4RL[dataset_id].name


def find(dataset_id: str) -> Path | None:
    """The file of an id in our data folder or in D4RL's, if it is there; its content is not looked at."""
    own = own_path(dataset_id)
    user = home()
    folders = [own.parent, chosen_folder("D4RL_DATASET_DIR"), user and user / ".d4rl" / "datasets"]
    return next((path for path in (folder / own.name for folder in folders if folder) if path.is_file()), None)


def locate(dataset_id: str, *, download: bool, progress: Report | None = None) -> Path | None:
    """The verified file of an id, on this machine or, if `download` says so, fetched; else None.

    Raises UsageError for an unknown id, DataError if the file is not what it was when first seen, ResourceError if no
    source delivers it.
    """
    own = own_path(dataset_id)
    if path := find(dataset_id):
        return verified(path, record=own.with_name(own.name + ".json"))
    return fetch(D4RL[dataset_id].sources, own, progress=progress) if download else None
