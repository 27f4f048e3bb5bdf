"""Trained behaviours as weights: a small NumPy network, so that collecting needs no compiled program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pars.errors import CheckpointError
from pars.nn.nets import GaussianActor
from pars.system import replacing

Array = np.ndarray

SHIPPED = Path(__file__).parent / "ant.safetensors"  # made by `pars data train-ant`


class Skill(NamedTuple):
    """A tanh-Gaussian policy of dense ReLU layers: seen [n, S] -> action [n, A] in (-1, 1)."""

    layers: tuple[tuple[Array, Array], ...]  # kernel, bias; the last one gives mean and log standard deviation
    facts: dict[str, Any]  # how it was made and what it reached

    def __call__(self, seen: Array, noise: Array | None = None) -> Array:
        """The middle of the policy or, with standard normal `noise` [n, A], a sample of it."""
        x = seen
        for kernel, bias in self.layers[:-1]:
            x = np.maximum(x @ kernel + bias, 0.0)
        kernel, bias = self.layers[-1]
        mean, log_std = np.split(x @ kernel + bias, 2, axis=-1)
        spread = np.exp(np.clip(log_std, GaussianActor.log_std_min, GaussianActor.log_std_max))
        return np.tanh(mean if noise is None else mean + spread * noise)


def from_actor(params: Any, facts: dict[str, Any]) -> Skill:
    """From the parameters of a nets.GaussianActor."""
    mlp = params["mlp"]
    hidden = sorted((name for name in mlp if name != "out"), key=lambda name: int(name.rpartition("_")[2]))
    return Skill(tuple((np.asarray(mlp[n]["kernel"]), np.asarray(mlp[n]["bias"])) for n in [*hidden, "out"]), facts)


def save(skill: Skill, path: Path) -> None:
    """Write the weights with their facts."""
    arrays = {f"{i}.{name}": part for i, layer in enumerate(skill.layers) for name, part in zip("kb", layer)}
    with replacing(path) as aside:
        save_file(arrays, aside, metadata={"facts": json.dumps(skill.facts)})


def load(path: Path = SHIPPED) -> Skill:
    """Read weights that `save` wrote. Raises CheckpointError."""
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
        layers = tuple((arrays[f"{i}.k"], arrays[f"{i}.b"]) for i in range(len(arrays) // 2))
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: no readable weights; make them again (the ant's: `pars data train-ant`)"
        ) from error
    return Skill(layers, facts)
