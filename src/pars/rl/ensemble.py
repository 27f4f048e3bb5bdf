"""The least of several critics, and random ones of them. E: critics, B: batch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Params
from pars.nn.nets import apply_ensemble
from pars.nn.spread import in_turn, take_members
from pars.rl.losses import ranks, subset

Some = tuple[Array, int]  # a key, and how many critics are drawn with it


def some_of(critics: Params, some: Some) -> Params:
    """As many critics as `some` says, different ones, each equally likely; all of them as they stand."""
    (key, size), count = some, ensemble_size(critics)
    return critics if size == count else take_members(critics, subset(key, count, size))


def least_q(critic: Any, critics: Params, obs: Array, action: Array, some: Some | None = None) -> Array:
    """The least Q of all critics, or of `some` (REDQ, Chen et al. 2021). For targets: no gradient is meant. -> [B]

    On a GPU a few critics more are evaluated in less time than a few are copied.
    """
    size, count = some[1] if some else 0, ensemble_size(critics)
    if some and not in_turn() and size < count <= 2 * size:
        q = apply_ensemble(critic, critics, obs, action)
        return jnp.min(q, axis=0, where=(ranks(some[0], count) < size)[:, None], initial=jnp.inf)
    return jnp.min(apply_ensemble(critic, some_of(critics, some) if some else critics, obs, action), axis=0)


def ensemble_size(critics: Params) -> int:
    return len(jax.tree.leaves(critics)[0])


def least(q: Array) -> Array:
    """The least over critics, for an actor to climb. q [E, B] -> [B]

    JAX's own slope asks which of q equal the least. On a GPU q may be worked out twice and rounded in two ways; then
    none does, and the slope is 0 / 0. There it is that of one of the least. On a CPU critics come out of a loop, as
    they are in memory.
    """
    return jnp.min(q, axis=0) if in_turn() else _least(q)


@jax.custom_vjp
def _least(q: Array) -> Array:
    return jnp.min(q, axis=0)


def _least_forth(q: Array) -> tuple[Array, tuple[Array, Array]]:
    return jnp.min(q, axis=0), (jnp.argmin(q, axis=0), jnp.arange(len(q))[:, None])


def _least_back(saved: tuple[Array, Array], slope: Array) -> tuple[Array]:
    which, numbers = saved
    return (jnp.where(numbers == which, slope, 0.0),)


_least.defvjp(_least_forth, _least_back)
