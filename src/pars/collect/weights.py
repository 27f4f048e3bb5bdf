"""Weights that a user supplies: an .npz of dense layers `w0`, `b0`, `w1`, `b1` .., weights [out, in]."""

from __future__ import annotations

import contextlib
import itertools
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from pars.errors import CheckpointError

Array = np.ndarray
Layers = tuple[tuple[Array, Array], ...]  # kernel [in, out], bias [out]

LARGEST = 1e6  # no network that was trained has a number beyond it
WRONG = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


@contextlib.contextmanager
def arrays_of(path: Path, what: str) -> Iterator[dict[str, Array]]:
    """All arrays of a file, none of them pickled. What is wrong with them inside the block is a CheckpointError too."""
    try:
        with path.open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise ValueError("it is no .npz archive")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as file:
                arrays = dict(file)
        yield arrays
    except WRONG as error:
        why = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path}: no readable {what} ({why}); arrays w0, b0, w1, b1 .. are needed") from error


def numbers(arrays: Mapping[str, Array], name: str) -> Array:
    """An array of sensible numbers. Raises ValueError."""
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array = arrays[name]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{name} does not hold numbers of a float or int type")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or Inf")
    if (largest := np.abs(array.astype(np.float64)).max(initial=0.0)) > LARGEST:
        raise ValueError(f"{name} holds {largest:.1e}, beyond the {LARGEST:g} that any trained network stays below")
    return array


def dense(arrays: Mapping[str, Array], others: Collection[str] = ()) -> Layers:
    """All layers, from 0 on; besides them there may be `others`, and no more. Raises ValueError."""
    found = [re.fullmatch(r"[wb](0|[1-9]\d{0,2})", name) for name in arrays]
    if strange := {name for name, layer in zip(arrays, found, strict=True) if not layer} - set(others):
        known = ", ".join(others) or "nothing"
        raise ValueError(f"what is {', '.join(sorted(strange))}? known besides layers: {known}")
    count = max((int(layer[1]) for layer in found if layer), default=0) + 1
    layers = tuple((numbers(arrays, f"w{i}").T, numbers(arrays, f"b{i}")) for i in range(count))
    for i, (kernel, bias) in enumerate(layers):
        if kernel.ndim != 2 or bias.shape != kernel.shape[1:]:
            raise ValueError(f"w{i} has shape {kernel.T.shape}, b{i} {bias.shape}; [out, in] and [out] belong together")
    return layers


def chained(layers: Layers) -> Layers:
    """The same layers, each of which takes what the one before it gives. Raises ValueError."""
    for i, ((_, bias), (kernel, _)) in enumerate(itertools.pairwise(layers)):
        if len(bias) != len(kernel):
            raise ValueError(f"layers do not fit together: layer {i} gives {len(bias)}, w{i + 1} takes {len(kernel)}")
    return layers


def finite(actions: Array, file: Path) -> Array:
    """The same actions. Raises CheckpointError, which names the file of their policy, if one of them is no number."""
    if not np.isfinite(actions).all():
        raise CheckpointError(f"{file}: an action it gives is NaN or Inf; check its weights and scales")
    return actions
