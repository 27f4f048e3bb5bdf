"""The neural tangent kernel K(x, x') = <df(x)/dtheta, df(x')/dtheta> of a network with one output (Jacot et al. 2018,
arXiv 1806.07572): how far a gradient step at x moves the prediction at x'. Figure 6 of PARS."""

from collections.abc import Callable
from typing import Any

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


def similarity(function: Function, params: Any, point: Array, points: Array) -> Array:
    """K(point, x) / sqrt(K(point, point) K(x, x)), the cosine of the two gradients. -> [N] in [-1, 1].

    0 where a gradient vanishes.
    """
    across, own = kernel(function, params, point, jnp.concatenate([point[None], points]))
    size = jnp.sqrt(own[0] * own[1:])
    return jnp.where(size > 0, across[1:] / jnp.where(size > 0, size, 1.0), 0.0)
