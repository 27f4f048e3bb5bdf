"""What a batch is drawn from: packed rows of a dataset, on the device or fetched by the host, and online a replay."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.train.placement import Slot


class Source(NamedTuple):
    """Packed rows (see `pack`): one gather fetches a whole transition.

    The dataset is shared by a population. The replays of its members, all filled equally far, stay one array, from
    which a member reads at its place: handing each member a slice of its own would copy the replay at every block.
    """

    data: Array | None  # [N, W]; None: the host has fetched the rows
    replay: Slot | None = None  # array [P, C, W]
    filled: Array | None = None  # rows of the replay that hold transitions
    fetched: Array | None = None  # [K, B, W] rows of the dataset in the batches of K steps
    first: Array | int = 0  # the first of those steps


def pick(key: Array, count: int, rows: int, online: bool) -> Array:
    """Which of the dataset's `rows` are in the batch of `key`: [count], uniform with replacement."""
    return jax.random.randint(jax.random.split(key)[0] if online else key, (count,), 0, rows)


def draw(source: Source, key: Array, step: Array, batch_size: int, offline_rows: int) -> Array:
    """Packed rows [B, W] of a uniform batch; online `offline_rows` of the dataset first, the rest of the replay."""
    online = source.replay is not None and source.filled is not None
    if source.data is None:
        assert source.fetched is not None
        old = source.fetched[step - source.first]
    else:
        old = source.data[pick(key, offline_rows if online else batch_size, len(source.data), online)]
    if source.replay is None or source.filled is None:
        return old
    k_replay = jax.random.split(key)[1]
    picks = jax.random.randint(k_replay, (batch_size - offline_rows,), 0, source.filled)
    return jnp.concatenate([old, source.replay.array[source.replay.member, picks]])


def push(replay: Array, row: Array, filled: Array) -> Array:
    """`row` [W] behind the `filled` rows of one member's replay [C, W], which must have room."""
    return jax.lax.dynamic_update_index_in_dim(replay, row, filled, 0)
