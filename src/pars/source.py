"""What a batch is drawn from: packed rows of a dataset, on the device or fetched by the host, and online a replay."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.core import Spec, Transition
from pars.device import Slot

Extra = tuple[tuple[str, tuple[int, ...]], ...]  # columns behind the five of every row: name and shape of one value


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


def width(spec: Spec, extra: Extra = ()) -> int:
    """Floats in a packed row: obs, action, next_obs, reward, terminal, extra columns."""
    return 2 * spec.obs_dim + spec.action_dim + 2 + sum(math.prod(shape) for _, shape in extra)


def pack(columns: Transition) -> np.ndarray:
    """Columns [N, ..] -> float32 rows [N, W]."""
    parts = [columns.obs, columns.action, columns.next_obs, columns.reward, columns.terminal, *columns.extra.values()]
    rows = len(columns.obs)
    return np.concatenate([np.asarray(part, np.float32).reshape(rows, -1) for part in parts], axis=1)


def unpack(rows: Any, obs_dim: int, extra: Extra = ()) -> Transition:
    """Packed rows [.., W] -> columns, as views where `rows` is NumPy; the inverse of `pack`."""
    o, end = obs_dim, rows.shape[-1] - sum(math.prod(shape) for _, shape in extra)
    columns, at = {}, end
    for name, shape in extra:
        columns[name] = rows[..., at] if shape == () else rows[..., at : at + shape[0]]
        at += math.prod(shape)
    return Transition(
        obs=rows[..., :o],
        action=rows[..., o : end - o - 2],
        next_obs=rows[..., end - o - 2 : end - 2],
        reward=rows[..., end - 2],
        terminal=rows[..., end - 1],
        extra=columns,
    )


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
