"""Rows of coming steps that the host fetches in advance, for data that does not fit into the devices' memory."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise
from typing import Any

import jax
import numpy as np

from pars.system import processors

Array = np.ndarray

CHUNK_BYTES = 2**25  # fetched at once; at most AHEAD + 1 chunks are on the host, and as many on the devices
CHUNK_STEPS = 256  # at most, so that the first does not keep anyone waiting
AHEAD = 2  # chunks that are fetched while one is trained on
ALIGNED = 64  # bytes; where arrays begin that JAX does not copy
READERS = 16  # a disk answers many requests at once


class Prefetch:
    """The dataset's rows in the batches of coming steps, chunk by chunk, each fetched in the background.

    Chunk i has the steps [i K, (i + 1) K): however training is cut into calls, a chunk is fetched once.

    Args:
        tables: of each dataset, packed rows [N, W] and extra columns [N, ..], read-only; they are joined in a batch.
            Rows are numbered through all datasets.
        indices: first step -> by name, rows of the members' batches [P, K, B] or [P, K, B, T].
        steps: K.
    """

    def __init__(
        self,
        tables: Sequence[Sequence[Array]],
        indices: Callable[[int], dict[str, Array]],
        steps: int,
        put: Callable[[Any], Any],
    ) -> None:
        self.tables, self.indices, self.steps, self.put = tables, indices, steps, put
        self.begins = np.cumsum([0, *(len(parts[0]) for parts in tables)])
        self.width = sum(_width(part) for part in tables[0])
        for part in chain(*tables):
            advise_random(part)
        self._line: dict[int, Future[Any]] = {}
        self._chunks = ThreadPoolExecutor(AHEAD, "pars-chunk")
        self._readers = ThreadPoolExecutor(READERS, "pars-read")

    def __call__(self, number: int, end: int) -> Any:
        """Chunk `number` on the devices, by name [P, K, B(, T), W]; the next, up to step `end`, are on their way."""
        wanted = [i for i in range(number, number + AHEAD + 1) if i == number or i * self.steps < end]
        for i in [i for i in self._line if i not in wanted]:
            self._line.pop(i).cancel()
        for i in wanted:
            if i not in self._line:
                self._line[i] = self._chunks.submit(self._fetch, i)
        return self._line[number].result()

    def _fetch(self, number: int) -> Any:
        return self.put({name: self._rows(rows) for name, rows in self.indices(number * self.steps).items()})

    def _rows(self, rows: Array) -> Array:
        chunk = np.empty((rows.size, self.width), np.float32)
        edges = np.linspace(0, rows.size, READERS + 1).astype(int)
        flat = rows.reshape(-1)
        for job in [self._readers.submit(self._read, flat[a:b], chunk[a:b]) for a, b in pairwise(edges)]:
            job.result()
        return chunk.reshape(*rows.shape, self.width)

    def _read(self, rows: Array, target: Array) -> None:
        """The rows of all parts into target [n, W]. NumPy lets other threads run meanwhile."""
        if len(self.tables) == len(self.tables[0]) == 1:
            np.take(self.tables[0][0], rows, axis=0, out=target, mode="clip")  # any other mode would copy `target`
            return
        tables = np.searchsorted(self.begins, rows, side="right") - 1
        for number in np.unique(tables):
            here, at = np.flatnonzero(tables == number), 0
            own = rows[here] - self.begins[number]
            for part in self.tables[number]:
                target[here, at : at + _width(part)] = np.take(part, own, axis=0).reshape(len(own), _width(part))
                at += _width(part)

    def close(self) -> None:
        for pool in (self._chunks, self._readers):
            pool.shutdown(cancel_futures=True)


def chunk_steps(bytes_per_step: int) -> int:
    """Steps of a chunk."""
    return max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(1, bytes_per_step)))


def joined(tables: Sequence[Sequence[Array]]) -> Array:
    """Datasets one below another, the parts of each side by side, as one array [N, W], which a CPU's devices can read
    in place: all of them the same one.

    One part alone is taken as it is if it lies in memory as they ask for, as the map of a file does.
    """
    first = tables[0][0]
    if len(tables) == len(tables[0]) == 1 and first.dtype == np.float32 and first.ctypes.data % ALIGNED == 0:
        return np.asarray(first)
    rows, widths = sum(len(parts[0]) for parts in tables), [_width(part) for part in tables[0]]
    room = np.empty(4 * rows * sum(widths) + ALIGNED, np.uint8)
    begin = -room.ctypes.data % ALIGNED
    whole = room[begin : begin + 4 * rows * sum(widths)].view(np.float32).reshape(rows, sum(widths))
    at = 0
    for parts in tables:
        here = whole[at : at + len(parts[0])]
        for part, end, width in zip(parts, np.cumsum(widths), widths, strict=True):
            here[:, end - width : end] = np.asarray(part).reshape(len(here), width)
        at += len(here)
    return whole


def advise_random(array: Any) -> None:
    """Tell the system that a memory map is read here and there, so that it does not read ahead."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_RANDOM"):
        array.madvise(mmap.MADV_RANDOM)


def on_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled for the host's processor, where it never waits for a GPU that trains; gives NumPy arrays."""
    device, compiled = processors()[-1], jax.jit(function)

    def call(*args: Any) -> Any:
        with jax.default_device(device):
            return jax.tree.map(np.asarray, compiled(*args))

    return call


def _width(part: Array) -> int:
    return part.shape[1] if part.ndim == 2 else 1
