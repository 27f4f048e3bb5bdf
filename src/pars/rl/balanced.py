"""Balanced replay (Lee et al. 2021, arXiv 2107.00591): rows of dataset and replay are drawn by priority, the more often
the more they look like what is met online. N: rows of the dataset, C: of the replay, B: batch.

A network learns the ratio w(s, a) of the densities of new rows and of the data's. The priority of a drawn row becomes
w^(1/T) over its mean on data; rows that no update has met have 1 if they are data, and what is known best if new.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Index, Metrics, Params, Picks, Spec, Transition, batch_key
from pars.nn.nets import MLP, apply
from pars.nn.ratio import DensityRatio, near_one
from pars.rl.draws import by_weight
from pars.rl.losses import density_ratio_loss
from pars.rl.net import Net, descend, make_net


class Balance(NamedTuple):
    ratio: Net
    priority: Array  # [N + C], 0 for rows that no update has met
    new_priority: Array  # scalar, of new ones among them


def ratio_net(cfg: Any) -> DensityRatio:
    return DensityRatio(MLP(cfg.ratio_hidden, 1, initializer="edac", precision=cfg.precision))


def make_balance(cfg: Any, spec: Spec, key: Array) -> Balance:
    params = near_one(ratio_net(cfg), key, jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim))
    first = jnp.asarray(first_priority(cfg, spec.rows), jnp.float32)
    return Balance(make_net(params), jnp.zeros(spec.rows + spec.capacity), first)


def first_priority(cfg: Any, rows: int) -> Any:
    """p0 = N f / ((1 - f) K): beside N rows of priority 1 the K new ones of an epoch have a share of f."""
    return rows * cfg.new_share / ((1.0 - cfg.new_share) * cfg.epoch_steps)


def priorities(balance: Balance, index: Index, filled: Any) -> Array:
    """Of all stored rows [N + C], 0 where nothing is stored yet; for `Algorithm.weights`."""
    number = jnp.arange(len(balance.priority))
    fresh = jnp.where(number < index.rows, 1.0, balance.new_priority)
    known = jnp.where(balance.priority > 0.0, balance.priority, fresh)
    return jnp.where(number < index.rows + filled, known, 0.0)


def balanced(cfg: Any, key: Array, number: Array, index: Index, filled: Any) -> Picks:
    """Rows by priority; beside them "data" and "new" ones for the density ratio, both uniform."""
    k_own, k_data, k_new = jax.random.split(key, 3)
    rows = by_weight(cfg, k_own, number, index, filled).rows
    data = jax.random.randint(batch_key(k_data, number), rows.shape, 0, index.rows)
    new = jax.random.randint(batch_key(k_new, number), rows.shape, 0, filled)
    return Picks(rows, {"data": data, "new": index.rows + new}, {"is_new": rows >= index.rows})


def updated(cfg: Any, ratio: Array, on_data: Array) -> Array:
    """w^(1/T) over its mean on data, within [1e-3, 1e3]. [B], [B] -> [B]"""
    power = 1.0 / cfg.ratio_temperature
    return jnp.clip(ratio**power / (jnp.mean(on_data**power) + 1e-10), 1e-3, 1e3)


def balance_step(
    cfg: Any, balance: Balance, batch: Transition, data: Transition, new: Transition
) -> tuple[Balance, Metrics]:
    """New priorities of the batch's rows, and one step of the ratio that they were worked out with. All normalised."""
    net, old = ratio_net(cfg), balance.ratio.params

    def loss(params: Params) -> tuple[Array, Array]:
        on_data, on_new = (apply(net, params, rows.obs, rows.action) for rows in (data, new))
        return density_ratio_loss(on_data, on_new), on_data

    (value, on_data), slope = jax.value_and_grad(loss, has_aux=True)(old)
    priority = updated(cfg, apply(net, old, batch.obs, batch.action), on_data)
    moved = Balance(
        descend(balance.ratio, slope, cfg.ratio_lr),
        balance.priority.at[batch.extra["row"]].set(priority),
        jnp.maximum(balance.new_priority, priority.max()),
    )
    return moved, {"ratio_loss": value, "new_row_share": batch.extra["is_new"].mean()}
