"""Batches for data that does not fit into the devices' memory: the host fetches the rows of coming steps in advance.

Which rows a batch has is a function of the member's seed and the step alone, in memory and here, so nothing depends on
what has been fetched: training ends bit for bit alike, and a resumed run starts with an empty line of chunks.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Literal

import jax
import numpy as np

from pars.errors import UsageError
from pars.train.placement import Placement, free_memory

Array = np.ndarray
DataIn = Literal["auto", "memory", "stream"]

SHARE = 0.5  # of the free memory that data may take
CHUNK_BYTES = 2**25  # fetched at once; at most AHEAD + 1 chunks are on the host, and as many on the devices
CHUNK_STEPS = 256  # at most, so that the first does not keep anyone waiting
AHEAD = 2  # chunks that are fetched while one is trained on
ALIGNED = 64  # bytes; where arrays begin that JAX does not copy
READERS = 16  # a disk answers many requests at once


def streams(size: int, placement: Placement, data_in: DataIn) -> bool:
    """Whether rows of `size` bytes stay on the host. "auto" asks $PARS_DATA_IN, then how much memory is free."""
    if data_in == "auto":
        data_in = os.environ.get("PARS_DATA_IN", "auto")  # type: ignore[assignment]
    if data_in not in ("auto", "memory", "stream"):
        raise UsageError(f"data_in={data_in!r}; choose memory, stream or auto")
    return size > SHARE * free_memory(placement) if data_in == "auto" else data_in == "stream"


class Stream:
    """The dataset's rows in the batches of coming steps, chunk by chunk, each fetched in the background.

    Chunk i has the steps [i K, (i + 1) K): however training is cut into calls, a chunk is fetched once.

    Args:
        parts: packed rows [N, W] and extra columns [N, ..], read-only; they are joined in a batch.
        indices: first step -> rows of the members' batches [P, K, B].
        steps: K.
    """

    def __init__(
        self, parts: Sequence[Array], indices: Callable[[int], Array], steps: int, put: Callable[[Array], Any]
    ) -> None:
        self.parts, self.indices, self.steps, self.put = list(parts), indices, steps, put
        self.width = sum(_width(part) for part in parts)
        for part in parts:
            advise_random(part)
        self._line: dict[int, Future[Any]] = {}
        self._chunks = ThreadPoolExecutor(AHEAD, "pars-chunk")
        self._readers = ThreadPoolExecutor(READERS, "pars-read")

    def __call__(self, number: int, end: int) -> Any:
        """Chunk `number` [P, K, B, W] on the devices; the next ones, up to step `end`, are fetched from now on."""
        wanted = [i for i in range(number, number + AHEAD + 1) if i == number or i * self.steps < end]
        for i in [i for i in self._line if i not in wanted]:
            self._line.pop(i).cancel()
        for i in wanted:
            if i not in self._line:
                self._line[i] = self._chunks.submit(self._fetch, i)
        return self._line[number].result()

    def _fetch(self, number: int) -> Any:
        rows = self.indices(number * self.steps)
        chunk = np.empty((rows.size, self.width), np.float32)
        edges = np.linspace(0, rows.size, READERS + 1).astype(int)
        flat = rows.reshape(-1)
        for job in [self._readers.submit(self._read, flat[a:b], chunk[a:b]) for a, b in pairwise(edges)]:
            job.result()
        return self.put(chunk.reshape(*rows.shape, self.width))

    def _read(self, rows: Array, target: Array) -> None:
        """The rows of all parts into target [n, W]. NumPy lets other threads run meanwhile."""
        if len(self.parts) == 1:
            np.take(self.parts[0], rows, axis=0, out=target, mode="clip")  # any other mode would copy `target`
            return
        at = 0
        for part in self.parts:
            target[:, at : at + _width(part)] = np.take(part, rows, axis=0).reshape(len(rows), _width(part))
            at += _width(part)

    def close(self) -> None:
        for pool in (self._chunks, self._readers):
            pool.shutdown(cancel_futures=True)


def chunk_steps(bytes_per_step: int) -> int:
    """Steps of a chunk."""
    return max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(1, bytes_per_step)))


def joined(parts: Sequence[Array]) -> Array:
    """Parts side by side as one array [N, W], which a CPU's devices can read in place: all of them the same one.

    One part alone is taken as it is if it lies in memory as they ask for, as the map of a file does.
    """
    if len(parts) == 1 and parts[0].dtype == np.float32 and parts[0].ctypes.data % ALIGNED == 0:
        return np.asarray(parts[0])
    rows, widths = len(parts[0]), [_width(part) for part in parts]
    room = np.empty(4 * rows * sum(widths) + ALIGNED, np.uint8)
    begin = -room.ctypes.data % ALIGNED
    whole = room[begin : begin + 4 * rows * sum(widths)].view(np.float32).reshape(rows, sum(widths))
    for part, end, width in zip(parts, np.cumsum(widths), widths, strict=True):
        whole[:, end - width : end] = np.asarray(part).reshape(rows, width)
    return whole


def advise_random(array: Any) -> None:
    """Tell the system that a memory map is read here and there, so that it does not read ahead."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_RANDOM"):
        array.madvise(mmap.MADV_RANDOM)


def on_host(function: Callable[..., Any]) -> Callable[..., Array]:
    """`function` compiled for the host's processor, where it never waits for a GPU that trains. -> NumPy"""
    try:
        device = jax.local_devices(backend="cpu")[-1]
    except RuntimeError:  # only the GPU was asked for
        device = jax.local_devices()[-1]
    compiled = jax.jit(function)

    def call(*args: Any) -> Array:
        with jax.default_device(device):
            return np.asarray(compiled(*args))

    return call


def _width(part: Array) -> int:
    return part.shape[1] if part.ndim == 2 else 1
