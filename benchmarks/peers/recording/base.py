"""What all records share: a batch, weights of visible size, and the flat table of arrays that goes to the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
Layers = list[
    dict[str, Array]
]  # of one network: kernel [.., in, out], bias [.., out], and scale, shift of a layer norm

OBS, ACTION, WIDTH, BATCH = 3, 2, 8, 6


class Record(dict[str, Array]):
    """Arrays by neutral names, float32: `obs`, `actor/0/kernel`, `noise/0`, `discount`, `loss/critic`, ..."""

    def add(self, **values: Any) -> None:
        """Settings and columns."""
        self.update({name: np.asarray(value, np.float32) for name, value in values.items()})

    def add_loss(self, **values: Any) -> None:
        self.add(**{f"loss/{name}": value for name, value in values.items()})

    def add_net(self, name: str, layers: Layers) -> None:
        """Layer by layer under `name`/0, `name`/1, ..."""
        for i, layer in enumerate(layers):
            self.add(**{f"{name}/{i}/{part}": value for part, value in layer.items()})

    def add_noise(self, draws: Sequence[Any]) -> None:
        """What the peer drew, in its order."""
        self.add(**{f"noise/{i}": draw for i, draw in enumerate(draws)})

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, **dict(sorted(self.items())))


def columns(rng: np.random.Generator) -> dict[str, Array]:
    """Six transitions, two of them terminal, rewards of both signs."""
    return {
        "obs": rng.normal(size=(BATCH, OBS)),
        "action": rng.uniform(-0.9, 0.9, (BATCH, ACTION)),
        "reward": 2.0 * rng.normal(size=BATCH) * (-1.0) ** np.arange(BATCH),
        "next_obs": rng.normal(size=(BATCH, OBS)),
        "terminal": np.isin(np.arange(BATCH), (2, 5)),
    }


def start(seed: int, more: Mapping[str, Any] | None = None) -> tuple[Record, np.random.Generator]:
    """A record that holds the batch (and `more` columns and settings), and the generator of its weights."""
    record, rng = Record(), np.random.default_rng(seed)
    record.add(**columns(rng), **(more or {}))
    return record, rng


def layers(
    rng: np.random.Generator, sizes: Sequence[int], ensemble: int | None = None, layer_norm: bool = False
) -> Layers:
    """A network of these widths, or `ensemble` of them stacked, with biases and norms that are not zero or one."""
    leading = () if ensemble is None else (ensemble,)
    found = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layer = {
            "kernel": rng.normal(size=(*leading, inputs, outputs)) * 1.2 * inputs**-0.5,
            "bias": 0.3 * rng.normal(size=(*leading, outputs)),
        }
        if layer_norm and i < len(sizes) - 2:
            layer["scale"] = rng.uniform(0.5, 1.5, (*leading, outputs))
            layer["shift"] = 0.3 * rng.normal(size=(*leading, outputs))
        found.append({name: value.astype(np.float32) for name, value in layer.items()})
    return found


def member(stacked: Layers, index: int) -> Layers:
    return [{name: value[index] for name, value in layer.items()} for layer in stacked]


def stacked(members: Sequence[Layers]) -> Layers:
    """The inverse of `member`, over all of them."""
    return [{name: np.stack([layer[name] for layer in same]) for name in same[0]} for same in zip(*members)]


def joined(first: dict[str, Array], second: dict[str, Array]) -> dict[str, Array]:
    """Two heads on the same layer as one whose outputs stand behind each other."""
    return {name: np.concatenate([first[name], second[name]], axis=-1) for name in first}


def split(layer: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The inverse of `joined`, for heads of equal width."""
    halves = {name: np.split(value, 2, axis=-1) for name, value in layer.items()}
    return {name: half[0] for name, half in halves.items()}, {name: half[1] for name, half in halves.items()}


@contextmanager
def replaced(*places: tuple[Any, str, Any]) -> Iterator[None]:
    """Inside, each object's attribute of this name is the given one."""
    before = [getattr(place, name) for place, name, _ in places]
    for place, name, value in places:
        setattr(place, name, value)
    try:
        yield
    finally:
        for (place, name, _), value in zip(places, before):
            setattr(place, name, value)
