"""Miniature files in every form that can be read, with the quirks that published files have."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np


def columns(
    n: int = 200, *, obs_dim: int = 3, action_dim: int = 2, episode: int = 10, seed: int = 0
) -> dict[str, np.ndarray]:
    """n healthy rows: episodes of `episode` rows, each cut by a timeout, none of them terminal."""
    rng = np.random.default_rng(seed)
    timeouts = np.zeros(n, bool)
    timeouts[episode - 1 :: episode] = True
    return {
        "observations": rng.normal(size=(n, obs_dim)).astype(np.float32),
        "actions": rng.uniform(-0.9, 0.9, (n, action_dim)).astype(np.float32),
        "rewards": rng.normal(size=n).astype(np.float32),
        "terminals": np.zeros(n, bool),
        "timeouts": timeouts,
    }


def write_hdf5(path: Path, arrays: dict[str, Any]) -> Path:
    """gzip, nested metadata scalars and bytes as in D4RL's files."""
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file.create_dataset(key, data=values, compression="gzip")
        file["metadata/algorithm"] = b"SAC"
        file["metadata/iteration"] = 3
        file["infos/qpos"] = np.zeros((3, 2))
    return path


def write_npz(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


def write_minari(folder: Path, episodes: list[dict[str, Any]]) -> Path:
    """A Minari dataset's folder: episode k from episodes[k], `metadata.json` beside the data."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "metadata.json").write_text('{"data_format": "hdf5", "env_spec": "never looked at"}')
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for k, episode in enumerate(episodes):
            for key, values in episode.items():
                file.create_dataset(f"episode_{k}/{key}", data=values)
            file[f"episode_{k}"].attrs["total_steps"] = len(episode["rewards"])
    return folder


def minari_episodes(lengths: list[int], *, ant: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Episodes of so many steps; the first ends by itself, the last is unfinished, the others are cut.

    Args:
        ant: width of the body's part in a dict of observations as AntMaze has; None: plain ones, 3 wide.
    """
    rng = np.random.default_rng(seed)
    episodes = []
    for k, count in enumerate(lengths):
        rows = count + 1
        ends = np.arange(count) == count - 1
        episode: dict[str, Any] = {
            "actions": rng.uniform(-1, 1, (count, 2)).astype(np.float32),
            "rewards": rng.normal(size=count),
            "terminations": ends & (k == 0),
            "truncations": ends & (0 < k < len(lengths) - 1),
            "infos/qpos": rng.normal(size=(rows, 4)),
            "infos/deep/number": np.arange(rows),
            "infos/text": [b"x"] * rows,
        }
        if ant is None:
            episode["observations"] = rng.normal(size=(rows, 3))
        else:
            episode["observations/observation"] = rng.normal(size=(rows, ant))
            episode["observations/achieved_goal"] = rng.normal(size=(rows, 2))
            episode["observations/desired_goal"] = np.full((rows, 2), k, np.float64)
        episodes.append(episode)
    return episodes


def ogbench(lengths: list[int], *, states: bool = True, seed: int = 0) -> dict[str, np.ndarray]:
    """Trajectories of so many rows, the last action of each leading nowhere."""
    rng, n = np.random.default_rng(seed), sum(lengths)
    terminals = np.zeros(n, np.float32)
    terminals[np.cumsum(lengths) - 1] = 1
    arrays = {
        "observations": rng.normal(size=(n, 5)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (n, 2)).astype(np.float32),
        "terminals": terminals,
    }
    if states:
        arrays |= {"qpos": rng.normal(size=(n, 4)), "qvel": rng.normal(size=(n, 3))}
    return arrays


def write_csv(path: Path, header: str, rows: Any) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path
