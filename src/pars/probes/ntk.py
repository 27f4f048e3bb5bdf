"""The neural tangent kernel K(x, x') = <df(x)/dtheta, df(x')/dtheta> of a network with one output (Jacot et al. 2018,
arXiv 1806.07572): how far a gradient step at x moves the prediction at x'. Figure 6 of PARS."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from pars.nn.layers import product

BATCH = 64  # gradients held at a time: at 66,000 parameters 17 MB

Function = Callable[[Any, Array], Array]  # (params, x [D]) -> scalar


def kernel(function: Function, params: Any, point: Array, points: Array) -> tuple[Array, Array]:
    """K(point, x) and K(x, x) for each x of `points`, over all parameters. point [D], points [N, D] -> [N], [N]."""

    def slope(x: Array) -> Array:
        return ravel_pytree(jax.grad(function)(params, x))[0]

    at_point = slope(point)

    def row(x: Array) -> tuple[Array, Array]:
        at_x = slope(x)
        return product("float32", at_point, at_x), product("float32", at_x, at_x)

    return jax.lax.map(row, points, batch_size=BATCH)


class Normalized(NamedTuple):
    """The kernel between a point p and others, [N] each; 0 where a gradient vanishes."""

    relative: Array  # K(p, x) / K(p, p): how far f(x) moves while a gradient step at p moves f(p) by one
    cosine: Array  # K(p, x) / sqrt(K(p, p) K(x, x)), of the two gradients, in [-1, 1]


def normalized(function: Function, params: Any, point: Array, points: Array) -> Normalized:
    """Both at each x of `points`."""
    across, own = kernel(function, params, point, jnp.concatenate([point[None], points]))
    return Normalized(_over(across[1:], own[0]), _over(across[1:], jnp.sqrt(own[0] * own[1:])))


def _over(value: Array, size: Array) -> Array:
    return jnp.where(size > 0, value / jnp.where(size > 0, size, 1.0), 0.0)
