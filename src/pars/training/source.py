"""What a batch is fetched from: packed rows of a dataset, on the device or fetched by the host, and online a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from pars.core import Draw, Index, Picks
from pars.training.placement import Slot

OWN = ""  # the name of a batch's own rows, beside those of `Picks.beside`


class Source(NamedTuple):
    """Rows that one member draws from (see pars.packing): one gather fetches whole transitions.

    The dataset is shared by a population. The replays of its members, all filled equally far, stay one array, from
    which a member reads at its place: handing each member a slice of its own would copy the replay at every block.
    """

    data: Array | None  # [N, W]; None: the host has fetched the rows
    rows: Index
    replay: Slot | None = None  # array [P, C, W]
    filled: Array | None = None  # rows of the replay that hold transitions
    fetched: Mapping[str, Array] | None = None  # name -> rows [K, B(, T), W] of the batches of K steps
    start: Array | int = 0  # the first of those steps


class Drawn(NamedTuple):
    picks: Picks
    rows: dict[str, Any]  # by name, [B(, T), W]


def named(picks: Picks) -> dict[str, Array]:
    """All row numbers of a draw by name."""
    return {OWN: picks.rows, **picks.beside}


def fetch(source: Source, draw: Draw, cfg: Any, key: Array, number: Array, mass: Array | None = None) -> Drawn:
    """The batch of gradient step `number`. mass: for draws by weight, see Index."""
    picks = draw(cfg, key, number, source.rows._replace(mass=mass), source.filled)
    return Drawn(picks, {name: _gather(source, name, rows, number) for name, rows in named(picks).items()})


def _gather(source: Source, name: str, rows: Array, number: Array) -> Array:
    count, offset = source.rows.rows, source.rows.offset
    if source.fetched is not None:
        old = source.fetched[name][number - source.start]
    else:
        assert source.data is not None
        old = source.data[offset + (rows if source.replay is None else jnp.minimum(rows, count - 1))]
    if source.replay is None:
        return old
    new = source.replay.array[source.replay.member, jnp.maximum(rows - count, 0)]
    return jnp.where((rows < count)[..., None], old, new)
