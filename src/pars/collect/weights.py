"""Weights that a user supplies: an .npz of dense layers `w0`, `b0`, `w1`, `b1` .., weights [out, in]."""

from __future__ import annotations

import contextlib
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pars.errors import CheckpointError

Array = np.ndarray
Layers = tuple[tuple[Array, Array], ...]  # kernel [in, out], bias [out]

WRONG = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, zipfile.BadZipFile, zlib.error)


@contextlib.contextmanager
def arrays_of(path: Path, what: str) -> Iterator[dict[str, Array]]:
    """All arrays of a file, none of them pickled. What is wrong with them inside the block is a CheckpointError too."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = dict(file)
        yield arrays
    except WRONG as error:
        raise CheckpointError(f"{path}: no readable {what} ({error}); arrays w0, b0, w1, b1 .. are needed") from error


def dense(arrays: Mapping[str, Array]) -> Layers:
    """All layers, from 0 on. Raises ValueError or KeyError."""
    count = sum(re.fullmatch(r"w\d+", name) is not None for name in arrays)
    layers = tuple((arrays[f"w{i}"].T, arrays[f"b{i}"]) for i in range(count))
    for i, (kernel, bias) in enumerate(layers):
        if kernel.ndim != 2 or bias.shape != kernel.shape[1:]:
            raise ValueError(f"w{i} has shape {kernel.T.shape}, b{i} {bias.shape}")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise ValueError(f"w{i} or b{i} holds NaN or Inf")
    return layers


def chained(layers: Layers) -> Layers:
    """The same layers, each of which takes what the one before it gives. Raises ValueError."""
    if any(len(bias) != len(kernel) for (_, bias), (kernel, _) in itertools.pairwise(layers)):
        raise ValueError("layers do not fit together")
    return layers
