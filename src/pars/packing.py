"""A transition as one packed row of float32: what datasets store, and what one gather fetches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pars.core import Picks, Spec, Transition

Extra = tuple[tuple[str, tuple[int, ...]], ...]  # columns behind the five of every row: name and shape of one value


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


def assemble(
    picks: Picks, rows: Mapping[str, Any], obs_dim: int, extra: Extra = (), numbered: bool = False
) -> Transition:
    """A batch from packed rows: the batch's own [B, W] under the name "", what was drawn beside them by its name.

    numbered: put the numbers of the batch's own rows into `extra["row"]`.
    """
    batch = unpack(rows[""], obs_dim, extra)
    beside = {name: unpack(rows[name], obs_dim, extra) for name in picks.beside}
    number = {"row": picks.rows} if numbered else {}
    return batch._replace(extra={**batch.extra, **beside, **picks.extra, **number})
