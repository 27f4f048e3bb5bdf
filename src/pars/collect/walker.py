"""Walkers of AntMaze twins: who turns "go that way" into torques. Ours ships with the package; D4RL's may be given.

A file `.npz` holds arrays `w0`, `b0`, `w1`, `b1` .. of a tanh-Gaussian policy with ReLU layers, weights [out, in]: the
last pair gives the log standard deviation, the last but one the mean (so D4RL's: 29 -> 256 -> 256 -> 8 and 8). It sees
qpos[2:], qvel and the waypoint's offset scaled to 10 m, in the frame of the maze, and is sampled from. A file
`.safetensors` is an ant as `pars data train-ant` writes it: it sees the wanted direction as +x, and its mean acts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pars.collect.ant import SEEN, seen
from pars.collect.skill import SHIPPED, Skill, load
from pars.collect.weights import arrays_of, chained, dense, finite
from pars.errors import CheckpointError

Array = np.ndarray
ACTIONS, FAR = 8, 10.0  # torques; metres to which an offset is scaled


class Walker(NamedTuple):
    """An ant that goes where it is told."""

    skill: Skill
    sampled: bool  # sees offsets in the maze's frame and is sampled from; else as `pars data train-ant` made it
    about: str  # for people
    file: Path
    sha256: str  # of the file

    @np.errstate(over="ignore", invalid="ignore")  # what comes of it is refused below
    def __call__(self, qpos: Array, qvel: Array, offset: Array, noise: Array) -> Array:
        """Torques [k, 8] in (-1, 1) of ants qpos [k, 15], qvel [k, 14] told to go along `offset` [k, 2].

        noise [k, 8] standard normal: of the policy's own draw. Raises CheckpointError.
        """
        if not self.sampled:
            return finite(self.skill(seen(qpos, qvel, np.arctan2(offset[:, 1], offset[:, 0]))), self.file)
        ahead = FAR * offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
        return finite(self.skill(np.concatenate([qpos[:, 2:], qvel, ahead], axis=1), noise), self.file)


def load_walker(path: Path | None = None) -> Walker:
    """Our shipped walker, or one from a file. Raises CheckpointError."""
    file = path or SHIPPED
    skill = _npz(file) if file.suffix == ".npz" else load(file)
    sampled = file.suffix == ".npz"
    sees, gives = (len(skill.layers[0][0]), len(skill.layers[-1][1]) / 2) if skill.layers else (0, 0)
    if (sees, gives) != (SEEN + 2 * sampled, ACTIONS):
        raise CheckpointError(
            f"{file}: a walker sees {SEEN + 2 * sampled} numbers and gives {ACTIONS}, this one {sees} and {gives:g}"
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if path is None:
        about = f"a walking ant of our own (trained for {skill.facts.get('steps', 0):,} steps)"
    else:
        about = f"the walker {path.name} (SHA-256 {digest[:8]})"
    return Walker(skill, sampled, about, file, digest)


def _npz(path: Path) -> Skill:
    with arrays_of(path, "walker") as arrays:
        layers = dense(arrays)
        if len(layers) < 2:
            raise ValueError("w1 is missing: one layer gives the mean, one the log standard deviation")
        *trunk, (mean, mean_bias), (spread, spread_bias) = layers
        last = len(layers) - 1
        if (len(mean_bias), len(spread_bias)) != (ACTIONS, ACTIONS) or len(mean) != len(spread):
            raise ValueError(
                f"w{last - 1}, the mean, has shape {mean.T.shape} and w{last}, the log standard deviation, "
                f"{spread.T.shape}: both give {ACTIONS} numbers, of the same inputs"
            )
        out = np.concatenate([mean, spread], axis=1), np.concatenate([mean_bias, spread_bias])
        return Skill(chained((*trunk, out)), {})
