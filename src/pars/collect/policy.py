"""Twins by a policy that a user supplies: DAPG's for Adroit's sets, for instance (Rajeswaran et al. 2017, 1709.10087).

A file `.npz` holds dense layers `w0`, `b0`, `w1`, `b1` .. with weights [out, in], the last of which is linear. It may
hold `hidden` ("tanh", the default, or "relu", as text that is not pickled), `in_shift` and `in_scale` [O], `out_shift`
and `out_scale` [A], and `log_std` [A] of Gaussian noise; without that the output itself acts. A policy of mjrl, DAPG's
library, is just this:

    action = out_scale * layers((obs - in_shift) / in_scale) + out_shift + exp(log_std) * noise, clipped to [-1, 1]
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pars.collect.rollouts import Progress, Recording, returns, roll_out, sampled
from pars.collect.weights import Layers, arrays_of, chained, dense, finite, numbers
from pars.envs.base import Task
from pars.errors import CheckpointError

Array = np.ndarray

EPISODES, ROWS = 5000, 1_000_000  # D4RL's: so many episodes of Adroit, so many rows of the robots
HIDDEN: dict[str, Callable[[Array], Array]] = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0.0)}
VECTORS = ("in_shift", "in_scale", "out_shift", "out_scale", "log_std")
GUARD = 1e-8  # mjrl's, added to in_scale: that is 0 for an observation that never changed
LOUDEST = 10.0  # log_std; actions are clipped to 1


@dataclass(frozen=True)
class Policy:
    """A Gaussian policy whose spread is the same everywhere."""

    layers: Layers
    hidden: Callable[[Array], Array]
    seen: tuple[Array, Array]  # shift and scale [O] of the observation
    given: tuple[Array, Array]  # shift and scale [A] of the output
    spread: Array  # [A] standard deviation of the noise
    about: str  # for people
    file: Path
    sha256: str  # of the file

    @np.errstate(over="ignore", invalid="ignore")  # what comes of it is refused below
    def __call__(self, obs: Array, noise: Array) -> Array:
        """Actions [n, A], not clipped, at obs [n, O] with standard normal noise [n, A]. Raises CheckpointError."""
        shift, scale = self.seen
        x = (obs - shift) / (scale + GUARD)
        for kernel, bias in self.layers[:-1]:
            x = self.hidden(x @ kernel + bias)
        kernel, bias = self.layers[-1]
        shift, scale = self.given
        return finite((x @ kernel + bias) * scale + shift + self.spread * noise, self.file)


def supplied_policy(path: Path, task: Task) -> Policy:
    """The policy of a file, for a task. Raises CheckpointError."""
    with arrays_of(path, "policy") as arrays:
        layers = chained(dense(arrays, ("hidden", *VECTORS)))
        hidden = str(arrays.get("hidden", "tanh"))
        if hidden not in HIDDEN:
            raise ValueError(f"hidden is {hidden!r}; known: {', '.join(HIDDEN)}")
        sees, gives = len(layers[0][0]), len(layers[-1][1])
        widths = dict(zip(VECTORS, (sees, sees, gives, gives, gives), strict=True))
        for name in [name for name in VECTORS if name in arrays]:
            if numbers(arrays, name).shape != (widths[name],):
                raise ValueError(f"{name} has shape {arrays[name].shape}, not ({widths[name]},)")
        if not (arrays.get("in_scale", np.ones(sees)) + GUARD > 0).all():
            raise ValueError("in_scale has a number below 0; it divides")
        if arrays.get("log_std", np.zeros(gives)).max() > LOUDEST:
            raise ValueError(f"log_std has a number above {LOUDEST:g}; actions lie within -1 and 1")
    if (sees, gives) != (task.obs_dim, task.action_dim):
        raise CheckpointError(
            f"{path}: a policy for {task.id} sees {task.obs_dim} numbers and gives {task.action_dim}, "
            f"this one {sees} and {gives}"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    noisy = "log_std" in arrays
    return Policy(
        layers,
        HIDDEN[hidden],
        (arrays.get("in_shift", np.zeros(sees)), arrays.get("in_scale", np.ones(sees))),
        (arrays.get("out_shift", np.zeros(gives)), arrays.get("out_scale", np.ones(gives))),
        np.exp(arrays["log_std"]) if noisy else np.zeros(gives),
        f"{'sampled' if noisy else 'mean'} actions of the policy {path.name} (SHA-256 {digest[:8]})",
        path,
        digest,
    )


def follow(task: Task, policy: Policy, rows: int | None, seed: int, progress: Progress | None) -> tuple[Recording, str]:
    """Columns in D4RL's layout, and a sentence on how they were made."""
    rows = rows or min(ROWS, EPISODES * task.time_limit)
    columns = roll_out(task, sampled(policy, task.action_dim, seed), rows, seed, progress=progress)
    whole = returns(columns, task.time_limit)
    made = policy.about + (f", mean return {whole.mean():,.0f} in {len(whole):,} episodes" if len(whole) else "")
    if "-cloned-" in task.id:
        made += "; D4RL's file is half such rows, half demonstrations of people, of which there are none here"
    return columns, made
