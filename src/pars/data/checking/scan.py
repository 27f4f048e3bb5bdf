"""Passes over rows that may be larger than memory: a chunk at a time, nothing of the size of the data is copied."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pars.data.parallel import in_order
from pars.envs.maze import Maze

Array = np.ndarray

CHUNK = 1 << 13  # rows; a chunk of a megabyte or two stays in cache
BINS_PER_CELL = 4
PRIME = np.uint64(0x9E3779B97F4A7C15)
SHIFT = np.uint64(29)


class ColumnStats(NamedTuple):
    """Statistics of each of W columns, all [W]."""

    mean: Array
    std: Array
    low: Array
    high: Array
    at_bound: Array  # share of values with |value| >= bound
    original: Array  # the first column with the same values; a column that is no copy names itself


class Duplicates(NamedTuple):
    """Rows that equal an earlier one."""

    copies: int
    first: int  # -1: there are none
    earlier: int  # the row that `first` repeats
    looked_at: int  # rows compared


def chunks(rows: int) -> Iterator[slice]:
    """Slices that cover `rows` rows in order."""
    for begin in range(0, rows, CHUNK):
        yield slice(begin, min(begin + CHUNK, rows))


def cast(values: Array, part: slice | Array) -> Array:
    """A part of the rows as float32, as they are trained on; memory maps may have another type on file."""
    return np.asarray(values[part], np.float32)


class _Sums(NamedTuple):
    """What one chunk adds to the statistics of W columns."""

    low: Array
    high: Array
    at_bound: Array
    total: Array
    square: Array
    digests: list[bytes]


def scan_columns(values: Array, bound: float = np.inf) -> ColumnStats:
    """Statistics of the columns of values [N, W], which are finite, as float32."""
    rows = len(values)
    centre = cast(values, slice(0, 1))[0].astype(np.float64)[:, None]  # sums around it lose no digits to a large mean

    def sums(part: slice) -> _Sums:
        chunk = np.ascontiguousarray(cast(values, part).T)
        offset = chunk - centre
        return _Sums(
            chunk.min(axis=1),
            chunk.max(axis=1),
            (np.abs(chunk) >= bound).sum(axis=1),
            offset.sum(axis=1),
            np.einsum("wn,wn->w", offset, offset),
            [hashlib.blake2b(column.data, digest_size=16).digest() for column in chunk],
        )

    found = _Sums(*zip(*in_order(sums, chunks(rows)), strict=True))
    mean = np.sum(found.total, axis=0) / rows
    std = np.sqrt(np.maximum(np.sum(found.square, axis=0) / rows - mean**2, 0.0))
    first: dict[tuple[bytes, ...], int] = {}
    digests = zip(*found.digests, strict=True)  # by column
    original = np.array([first.setdefault(digest, column) for column, digest in enumerate(digests)])
    low, high = np.min(found.low, axis=0), np.max(found.high, axis=0)
    return ColumnStats(mean + centre[:, 0], std, low, high, np.sum(found.at_bound, axis=0) / rows, original)


def row_hashes(*matrices: Array) -> Array:
    """[N] uint64, equal where the float32 rows of all matrices [N, W] are equal; by chance once in 2^64 pairs."""
    rows = len(matrices[0])

    def mix(part: slice) -> Array:
        mixed = np.full(part.stop - part.start, len(matrices), np.uint64)
        for matrix in matrices:
            words = np.ascontiguousarray((cast(matrix, part) + np.float32(0)).T).view(np.uint32)  # -0 becomes 0
            for word in words:
                mixed ^= word
                mixed *= PRIME
                mixed ^= mixed >> SHIFT
        return mixed

    return np.concatenate([*in_order(mix, chunks(rows))])


def duplicates(obs: Array, action: Array, most: int = 1 << 24) -> Duplicates:
    """Rows whose observation and action equal those of an earlier row, among the first `most` rows."""
    hashes = row_hashes(obs[:most], action[:most])
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return Duplicates(0, -1, -1, len(hashes))
    place = np.minimum(np.searchsorted(repeated, hashes), len(repeated) - 1)
    rows = np.flatnonzero(repeated[place] == hashes)
    _, originals = np.unique(hashes[rows], return_index=True)
    copies = np.delete(rows, originals)
    first = int(copies[0])
    return Duplicates(len(copies), first, int(np.argmax(hashes == hashes[first])), len(hashes))


def step_sizes(obs: Array, spread: Array | None) -> Array:
    """[N - 1] float32: how far each row is from the row before.

    Args:
        spread: standard deviation of each column: the largest change over the columns in these units. None: the
            distance in the first two columns, which are a position.
    """

    def sizes(part: slice) -> Array:
        change = np.diff(cast(obs, slice(part.start, part.stop + 1)), axis=0)
        if spread is None:
            return np.hypot(change[:, 0], change[:, 1])
        return (np.abs(change) / np.where(spread > 0, spread, 1.0)).max(axis=1).astype(np.float32)

    return np.concatenate([*in_order(sizes, chunks(len(obs) - 1))])


def positions(obs: Array, maze: Maze) -> tuple[Array, Array, Array]:
    """Histogram counts [y bins, x bins] of the positions obs[:, :2] over the maze's map, with y_edges and x_edges."""
    rows, columns = maze.wall.shape
    (left, top), (right, bottom) = maze.xy(np.array([-0.5, -0.5])), maze.xy(np.array([rows - 0.5, columns - 0.5]))
    x_edges = np.linspace(left, right, columns * BINS_PER_CELL + 1)
    y_edges = np.linspace(top, bottom, rows * BINS_PER_CELL + 1)
    shape = (rows * BINS_PER_CELL, columns * BINS_PER_CELL)
    counts = np.zeros(shape, np.int64)
    for part in chunks(len(obs)):
        xy = cast(obs, part)[:, :2]
        across = np.floor((xy[:, 0] - left) * (BINS_PER_CELL / maze.cell)).astype(np.int64)
        down = np.floor((xy[:, 1] - top) * (BINS_PER_CELL / maze.cell)).astype(np.int64)
        inside = (across >= 0) & (across < shape[1]) & (down >= 0) & (down < shape[0])
        place = down[inside] * shape[1] + across[inside]
        counts += np.bincount(place, minlength=counts.size).reshape(shape)
    return counts, y_edges, x_edges
