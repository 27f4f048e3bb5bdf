"""The transitions that a population met online: one array on its devices, filled from the front, never copied."""

from __future__ import annotations

import jax
import numpy as np
from jax import Array

from pars.training.placement import Placement

ANNOTATED = 256  # rows that are annotated at a time, so that few lengths compile
PIECE = 4096  # earlier rows that are sent at a time


class Replay:
    """Room for `capacity` transitions of each member, all members filled equally far.

    Args:
        unknown: what stands in the columns [X] behind the packed five until something is known.
        width: floats in a row with those columns.
    """

    def __init__(self, placement: Placement, capacity: int, width: int, unknown: np.ndarray) -> None:
        self.placement, self.capacity, self.width, self.unknown = placement, capacity, width, unknown
        self.filled = 0

    def fill(self, rows: np.ndarray, further: np.ndarray | None = None) -> None:
        """Begin anew with rows [T, P, W] of earlier steps and their further columns [T, P, X], by default unknown."""
        blank = np.concatenate([np.zeros(self.width - len(self.unknown), np.float32), self.unknown])
        self.array, self.filled = self.placement.full((self.capacity, self.width), blank), 0
        for at in range(0, len(rows), PIECE):
            piece = slice(at, at + PIECE)
            self.push(rows[piece], further if further is None else further[piece])

    def push(self, rows: np.ndarray, further: np.ndarray | None = None) -> None:
        """New transitions of every member, [P, W] or [n, P, W], and their further columns, by default unknown."""
        rows = rows[None] if rows.ndim == 2 else rows
        if further is None:
            further = np.broadcast_to(self.unknown, (*rows.shape[:2], len(self.unknown)))
        whole = np.concatenate([rows[..., : self.width - len(self.unknown)], further], axis=-1, dtype=np.float32)
        self.array = _append(self.array, self.placement.pad(whole.swapaxes(0, 1)), np.int32(self.filled))
        self.filled += len(rows)

    def annotate(self, member: int, rows: np.ndarray, further: np.ndarray) -> None:
        """Put further columns [T, X] into the rows [T] of a member."""
        count = ANNOTATED * -(-len(rows) // ANNOTATED)
        at = np.full(count, np.iinfo(np.int32).max, np.int32)  # out of range: dropped
        at[: len(rows)] = rows
        padded = np.zeros((count, further.shape[1]), np.float32)
        padded[: len(rows)] = further
        self.array = _annotate(self.array, np.int32(member), at, padded)


def append(replay: Array, rows: Array, filled: Array) -> Array:
    """`rows` [n, W] behind the `filled` rows of one member's replay [C, W], which must have room."""
    return jax.lax.dynamic_update_slice_in_dim(replay, rows, filled, 0)


def annotate(replay: Array, member: Array, at: Array, further: Array) -> Array:
    return replay.at[member, at, -further.shape[1] :].set(further, mode="drop")


_append = jax.jit(jax.vmap(append, in_axes=(0, 0, None)), donate_argnums=0)
_annotate = jax.jit(annotate, donate_argnums=0)
