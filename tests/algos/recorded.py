"""Reads the records of tests/algos/parity: peers' losses and gradients on small inputs, see the README there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.core import Transition

FOLDER = Path(__file__).resolve().parent / "parity"
COLUMNS = ("obs", "action", "reward", "next_obs", "terminal")
PARTS = {"kernel": "kernel", "bias": "bias", "scale": "scale", "shift": "bias"}  # theirs: ours


class Record:
    """One file: `record["discount"]`, `record.batch()`, `record.mlp("critic")`, `record.noise`."""

    def __init__(self, name: str):
        with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
            self.arrays = dict(file)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def settings(self, *names: str) -> dict[str, float]:
        return {name: float(self[name]) for name in names}

    def batch(self, *extra: str) -> Transition:
        """Its transitions, with these columns behind them."""
        return Transition(*(jnp.asarray(self[name]) for name in COLUMNS), extra={name: self[name] for name in extra})

    def mlp(self, net: str) -> dict[str, Any]:
        """Parameters (or with "grad/..." gradients) as those of our `Actor` and `Critic`; critics are stacked."""
        found: dict[str, Any] = {}
        count = sum(name.startswith(f"{net}/") and name.endswith("/kernel") for name in self.arrays)
        for i in range(count):
            named = {part: self.arrays.get(f"{net}/{i}/{part}") for part in PARTS}
            layer = "out" if i == count - 1 else f"Dense_{i}"
            found[layer] = {part: jnp.asarray(named[part]) for part in ("kernel", "bias")}
            if named["scale"] is not None:
                norm = {PARTS[part]: jnp.asarray(named[part]) for part in ("scale", "shift")}
                found[f"LayerNorm_{i}"] = norm
        return {"mlp": found}

    @property
    def noise(self) -> list[np.ndarray]:
        """What the peer drew, in its order."""
        return [self[f"noise/{i}"] for i in range(sum(name.startswith("noise/") for name in self.arrays))]


@contextmanager
def drawing(values: Sequence[Any], function: str = "normal") -> Iterator[None]:
    """Inside, calls of `jax.random.<function>` give `values` in turn, which must have the shapes that they ask for."""
    left = list(values)

    def draw(key: Any, shape: Sequence[int] = (), *args: Any, **kwargs: Any) -> Any:
        value = jnp.asarray(left.pop(0))
        assert value.shape == tuple(shape), f"{function} of shape {tuple(shape)} is asked for, next is {value.shape}"
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.random, function, draw)
        yield
    assert not left, f"{len(left)} draws were not asked for"


def same(found: Any, wanted: Any, check: Callable[..., None] = np.testing.assert_allclose) -> None:
    """Two trees agree to rounding in float32."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    jax.tree.map(lambda a, b: check(a, b, rtol=1e-5, atol=2e-6), found, wanted)
