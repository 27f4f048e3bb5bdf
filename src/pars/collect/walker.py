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
from pars.collect.weights import arrays_of, chained, dense
from pars.errors import CheckpointError

Array = np.ndarray
ACTIONS, FAR = 8, 10.0  # torques; metres to which an offset is scaled


class Walker(NamedTuple):
    """An ant that goes where it is told."""

    skill: Skill
    sampled: bool  # sees offsets in the maze's frame and is sampled from; else as `pars data train-ant` made it
    about: str  # for people
    sha256: str  # of the file

    def __call__(self, qpos: Array, qvel: Array, offset: Array, noise: Array) -> Array:
        """Torques [k, 8] in (-1, 1) of ants qpos [k, 15], qvel [k, 14] told to go along `offset` [k, 2].

        noise [k, 8] standard normal: of the policy's own draw.
        """
        if not self.sampled:
            return self.skill(seen(qpos, qvel, np.arctan2(offset[:, 1], offset[:, 0])))
        ahead = FAR * offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
        return self.skill(np.concatenate([qpos[:, 2:], qvel, ahead], axis=1), noise)


def load_walker(path: Path | None = None) -> Walker:
    """Our shipped walker, or one from a file. Raises CheckpointError."""
    file = path or SHIPPED
    skill = _npz(file) if file.suffix == ".npz" else load(file)
    sampled = file.suffix == ".npz"
    sees = len(skill.layers[0][0]) if skill.layers else 0
    if sees != SEEN + 2 * sampled or len(skill.layers[-1][1]) != 2 * ACTIONS:
        raise CheckpointError(
            f"{file}: a walker sees {SEEN + 2 * sampled} numbers and gives {ACTIONS}, this one {sees}"
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if path is None:
        about = f"a walking ant of our own (trained for {skill.facts.get('steps', 0):,} steps)"
    else:
        about = f"the walker {path.name} (SHA-256 {digest[:8]})"
    return Walker(skill, sampled, about, digest)


def _npz(path: Path) -> Skill:
    with arrays_of(path, "walker") as arrays:
        *trunk, (mean, mean_bias), (spread, spread_bias) = dense(arrays)
        out = np.concatenate([mean, spread], axis=1), np.concatenate([mean_bias, spread_bias])
        return Skill(chained((*trunk, out)), {})
