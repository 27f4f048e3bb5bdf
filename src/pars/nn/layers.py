"""The two layers that training spends its time in, with backward passes written by hand.

What autodiff gives for layer norm reads and writes the [B, H] activations some ten times; beside products that take
little longer than a few such passes this was a fifth of a step. Sums over rows and columns are written as products with
vectors, which a CPU does at the speed of its cache.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from pars.nn.spread import materialized, transposed

Precision = Literal["float32", "tf32", "bfloat16"]
EPSILON = 1e-6  # of layer norm, as in flax


def product(precision: Precision, a: Array, b: Array) -> Array:
    """a @ b, accumulated and returned in float32. a [.., M, K], b [.., K, N].

    "bfloat16" rounds the operands to 8 bits of precision, "tf32" to 11 where the hardware does so (elsewhere it is
    "float32").
    """
    if precision == "bfloat16":
        a, b = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
        return jnp.matmul(a, b, preferred_element_type=jnp.float32)
    return jnp.matmul(a, b, precision="highest" if precision == "float32" else "high")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def dense(precision: Precision, x: Array, kernel: Array, bias: Array) -> Array:
    """x @ kernel + bias. x [B, I], kernel [I, H], bias [H] -> [B, H]."""
    return product(precision, x, kernel) + bias


def _dense(precision: Precision, x: Array, kernel: Array, bias: Array) -> tuple[Array, Any]:
    return dense(precision, x, kernel, bias), (x, kernel)


def _dense_back(precision: Precision, saved: Any, dz: Array) -> tuple[Array, ...]:
    x, kernel = saved
    return product(precision, dz, kernel.T), _kernel_slope(precision, x, dz), _column_sums(dz)


dense.defvjp(_dense, _dense_back)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def normed_relu(precision: Precision, x: Array, kernel: Array, bias: Array, scale: Array, shift: Array) -> Array:
    """relu(layer_norm(x @ kernel + bias) * scale + shift). x [B, I], kernel [I, H], the others [H] -> [B, H].

    Layer norm subtracts the mean over H. It is subtracted from kernel and bias instead, which is the same and smaller:
    z = x (W - mean W) + (b - mean b) has mean 0, its variance is mean z^2 without cancellation.
    """
    return _normed_relu(precision, x, kernel, bias, scale, shift)[0]


def _normed_relu(
    precision: Precision, x: Array, kernel: Array, bias: Array, scale: Array, shift: Array
) -> tuple[Array, Any]:
    centred = _centre(kernel)
    z = product(precision, x, centred) + _centre(bias)
    inverse = jax.lax.rsqrt(jnp.mean(z * z, axis=-1, keepdims=True) + EPSILON)  # [B, 1]
    y = materialized(lambda z: jax.nn.relu(z * inverse * scale + shift), z)
    return y, (x, centred, z, inverse, y, scale)


def _normed_relu_back(precision: Precision, saved: Any, dy: Array) -> tuple[Array, ...]:
    """With n = z / std: dz = (dn - n mean(dn n)) / std; the mean of dn that is missing here is taken off dW and db."""
    x, centred, z, inverse, y, scale = saved
    dy = jnp.where(y > 0, dy, 0.0)
    dyz = dy * z
    along = (dyz @ scale)[:, None] * inverse**2 / z.shape[-1]
    dz = inverse * (dy * scale - z * along)
    dkernel, dbias = _centre(_kernel_slope(precision, x, dz)), _centre(_column_sums(dz))
    return product(precision, dz, centred.T), dkernel, dbias, inverse[:, 0] @ dyz, _column_sums(dy)


normed_relu.defvjp(_normed_relu, _normed_relu_back)


def _kernel_slope(precision: Precision, x: Array, dz: Array) -> Array:
    """x^T dz, turning the narrower of the two: turning is slow, and of an output layer dz is a column."""
    if dz.shape[-1] < x.shape[-1]:
        return product(precision, dz.T, x).T
    return product(precision, transposed(x), dz)


def _centre(x: Array) -> Array:
    return x - jnp.mean(x, axis=-1, keepdims=True)


def _column_sums(x: Array) -> Array:
    return jnp.ones(x.shape[0], x.dtype) @ x
