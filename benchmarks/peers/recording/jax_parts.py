"""Watching a JAX peer: gradients that reach its optimisers, its draws, flax parameters by neutral names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
import optax

from benchmarks.peers.recording.base import Array, Layers

FLAX = {"kernel": "kernel", "bias": "bias"}
NORM = {"scale": "scale", "shift": "bias"}

# In an optimiser's place: the gradients become its state, the parameters stay.
watcher = optax.GradientTransformation(
    lambda params: params, lambda grads, state, params=None: (jax.tree.map(np.zeros_like, grads), grads)
)


@contextmanager
def draws() -> Iterator[dict[str, list[Array]]]:
    """All that these functions of `jax.random` draw inside, outside of compiled programs."""
    found: dict[str, list[Array]] = {"normal": [], "choice": [], "uniform": []}
    before = {name: getattr(jax.random, name) for name in found}

    def kept(name: str) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            value = before[name](*args, **kwargs)
            if not isinstance(value, jax.core.Tracer):
                found[name].append(np.asarray(value))
            return value

        return draw

    for name in found:
        setattr(jax.random, name, kept(name))
    try:
        yield found
    finally:
        for name, function in before.items():
            setattr(jax.random, name, function)


def params(layers: Layers, dense: Sequence[str], norms: Sequence[str] = ()) -> dict[str, Any]:
    """flax parameters of one module whose layers and layer norms have these names, in order."""
    found = {name: {theirs: layer[ours] for ours, theirs in FLAX.items()} for name, layer in zip(dense, layers)}
    normed = {name: {theirs: layer[ours] for ours, theirs in NORM.items()} for name, layer in zip(norms, layers)}
    return found | normed


def layers_of(params: Any, dense: Sequence[str], norms: Sequence[str] = ()) -> Layers:
    """The inverse of `params`."""
    found: Layers = [{ours: np.asarray(params[name][theirs]) for ours, theirs in FLAX.items()} for name in dense]
    for layer, name in zip(found, norms):
        layer.update({ours: np.asarray(params[name][theirs]) for ours, theirs in NORM.items()})
    return found


def like(tree: Any, params: Any) -> None:
    """Raise if `params` is not what the peer's own initialiser gives, in names and shapes."""
    shapes = [
        {jax.tree_util.keystr(path): np.shape(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(one)}
        for one in (tree, params)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the peer's parameters are {shapes[0]}, the record's {shapes[1]}")
