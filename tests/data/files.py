"""Miniature files in D4RL's layout, with the quirks that published files have."""

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
