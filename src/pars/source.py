"""What a batch is drawn from, all on the device: one packed array of dataset rows, and online a replay beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.core import Spec, Transition
from pars.device import Slot


class Source(NamedTuple):
    """Packed rows (see `pack`): one gather fetches a whole transition.

    The dataset is shared by a population. The replays of its members, all filled equally far, stay one array, from
    which a member reads at its place: handing each member a slice of its own would copy the replay at every block.
    """

    data: Array  # [N, W]
    replay: Slot | None = None  # array [P, C, W]
    filled: Array | None = None  # rows of the replay that hold transitions


def width(spec: Spec) -> int:
    """Floats in a packed row: obs, action, next_obs, reward, terminal."""
    return 2 * spec.obs_dim + spec.action_dim + 2


def pack(columns: Transition) -> np.ndarray:
    """Columns [N, ..] -> float32 rows [N, W]."""
    return np.concatenate(
        [
            np.asarray(columns.obs, np.float32),
            np.asarray(columns.action, np.float32),
            np.asarray(columns.next_obs, np.float32),
            np.asarray(columns.reward, np.float32)[:, None],
            np.asarray(columns.terminal, np.float32)[:, None],
        ],
        axis=1,
    )


def unpack(rows: Any, obs_dim: int) -> Transition:
    """Packed rows [.., W] -> columns; the inverse of `pack`."""
    o, end = obs_dim, rows.shape[-1]
    return Transition(
        obs=rows[..., :o],
        action=rows[..., o : end - o - 2],
        next_obs=rows[..., end - o - 2 : end - 2],
        reward=rows[..., end - 2],
        terminal=rows[..., end - 1],
    )


def draw(source: Source, key: Array, batch_size: int, offline_rows: int, obs_dim: int) -> Transition:
    """A uniform batch with replacement; online `offline_rows` of it from the dataset, the rest from the replay."""
    if source.replay is None or source.filled is None:
        rows = source.data[jax.random.randint(key, (batch_size,), 0, len(source.data))]
        return unpack(rows, obs_dim)
    k_data, k_replay = jax.random.split(key)
    old = source.data[jax.random.randint(k_data, (offline_rows,), 0, len(source.data))]
    picks = jax.random.randint(k_replay, (batch_size - offline_rows,), 0, source.filled)
    new = source.replay.array[source.replay.member, picks]
    return unpack(jnp.concatenate([old, new]), obs_dim)


def push(replay: Array, row: Array, filled: Array) -> Array:
    """`row` [W] behind the `filled` rows of one member's replay [C, W], which must have room."""
    return jax.lax.dynamic_update_index_in_dim(replay, row, filled, 0)
