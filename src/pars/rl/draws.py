"""Which rows make a batch, for methods that want others than `pars.core.uniform` gives: arithmetic on row numbers.

All of it is exact: products and comparisons of single numbers, nothing that a compiler may round in two ways. So the
host that fetches rows in advance and the device that trains draw the same.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Index, Picks, batch_key

LONGEST = 2**12  # steps ahead that `steps_ahead` can give, less one


def merged(cfg: Any, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """`batch_size` rows, uniform with replacement over the dataset and what the replay holds."""
    count = index.rows + (0 if filled is None else filled)
    return Picks(jax.random.randint(batch_key(key, number), (cfg.batch_size,), 0, count))


def by_weight(cfg: Any, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """`batch_size` rows with replacement, each as often as `Algorithm.weights` says."""
    place = jax.random.uniform(batch_key(key, number), (cfg.batch_size,)) * index.mass[-1]
    return Picks(jnp.minimum(jnp.searchsorted(index.mass, place, side="right"), len(index.mass) - 1))


def steps_ahead(key: Array, shape: tuple[int, ...], discount: Any) -> Array:
    """Steps k >= 0, each with probability (1 - discount) discount^k; those from LONGEST on are LONGEST - 1."""
    u = jax.random.uniform(key, shape)
    powers = [jnp.asarray(discount, jnp.float32)]  # discount^(2^j)
    while len(powers) < LONGEST.bit_length() - 1:
        powers.append(powers[-1] * powers[-1])
    steps, reached = jnp.zeros(shape, jnp.int32), jnp.ones(shape)  # the most steps of which discount^steps > u
    for j in reversed(range(len(powers))):
        further = reached * powers[j]
        steps, reached = jnp.where(further > u, steps + 2**j, steps), jnp.where(further > u, further, reached)
    return steps


def relabelled(
    key: Array, row: Array, index: Index, *, here: Any, future: Any, discount: Any = None, least: int = 1
) -> Array:
    """Rows [B] of goals for the dataset's rows [B]: the row itself with probability `here`, with probability `future`
    one ahead in its episode, else any row.

    Args:
        discount: the one ahead is `least` + `steps_ahead` rows on, at most the episode's last. None: it is any from
            `least` rows on, uniform.
        least: 0 or more; where the episode has not so many rows left, its last.
    """
    k_kind, k_ahead, k_any = jax.random.split(key, 3)
    kind = jax.random.uniform(k_kind, row.shape)
    last = index.episode(row)[1]
    if discount is None:
        ahead = jax.random.randint(k_ahead, row.shape, jnp.minimum(row + least, last), last + 1)
    else:
        ahead = jnp.minimum(row + least + steps_ahead(k_ahead, row.shape, discount), last)
    other = jax.random.randint(k_any, row.shape, 0, index.rows)
    return jnp.where(kind < here, row, jnp.where(kind < here + future, ahead, other))


def window(row: Array, index: Index, length: int) -> tuple[Array, Array]:
    """The `length` rows [B, T] that begin with the dataset's rows [B], and whether each is still in its episode; those
    that are not are its last row."""
    rows, last = row[:, None] + jnp.arange(length), index.episode(row)[1][:, None]
    return jnp.minimum(rows, last), rows <= last
