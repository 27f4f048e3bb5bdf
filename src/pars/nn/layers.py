"""Products, and the two layers that training spends its time in, with backward passes written by hand.

What autodiff gives for layer norm reads and writes the [B, H] activations some ten times; beside products that take
little longer than a few such passes this was a fifth of a step. Sums over rows and columns are products with vectors on
a CPU, which does them at the speed of its cache, and plain sums on a GPU, which joins them with what makes their terms.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from pars.nn.spread import in_turn, materialized, transposed

Precision = Literal["float32", "tf32", "bfloat16"]
EPSILON = 1e-6  # of layer norm, as in flax


def product(precision: Precision, a: Array, b: Array) -> Array:
    """a @ b, accumulated and returned in float32. a [.., M, K], b [.., K, N], or vectors. All networks multiply here: a
    bare `@` of float32 arrays is TF32 on a GPU.

    "bfloat16" rounds the operands to 8 bits of precision, "tf32" to 11 where the hardware does so (elsewhere it is
    "float32").
    """
    if precision == "bfloat16":
        return _rounded(a, b)
    return jnp.matmul(a, b, precision="highest" if precision == "float32" else "high")


@jax.custom_vjp
def _rounded(a: Array, b: Array) -> Array:
    """a @ b of bfloat16 operands, and slopes of such: JAX's own have one operand of either kind. a [M, K], b [K, N]."""
    return jnp.matmul(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), preferred_element_type=jnp.float32)


def _rounded_forth(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    return _rounded(a, b), (a, b)


def _rounded_back(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    a, b = saved
    return _rounded(slope, b.T), _rounded(a.T, slope)


_rounded.defvjp(_rounded_forth, _rounded_back)


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
    """relu(layer_norm(x @ kernel + bias) * scale + shift). x [B, I], kernel [I, H], the others [H] -> [B, H]."""
    if not in_turn():
        return jax.nn.relu(_standardized(product(precision, x, kernel) + bias)[0] * scale + shift)
    return _centred_relu(precision, x, kernel, bias, scale, shift)[0]


def _normed_relu(precision: Precision, x: Array, *affine: Array) -> tuple[Array, Any]:
    return (_centred_relu if in_turn() else _joined_relu)(precision, x, *affine)


def _normed_relu_back(precision: Precision, saved: Any, dy: Array) -> tuple[Array, ...]:
    return (_centred_relu_back if in_turn() else _joined_relu_back)(precision, saved, dy)


normed_relu.defvjp(_normed_relu, _normed_relu_back)


def _centred_relu(
    precision: Precision, x: Array, kernel: Array, bias: Array, scale: Array, shift: Array
) -> tuple[Array, Any]:
    """On a CPU.

    Layer norm subtracts the mean over H. It is subtracted from kernel and bias instead, which is the same and smaller:
    z = x (W - mean W) + (b - mean b) has mean 0, its variance is mean z^2 without cancellation.
    """
    centred = _centre(kernel)
    z = product(precision, x, centred) + _centre(bias)
    inverse = jax.lax.rsqrt(jnp.mean(z * z, axis=-1, keepdims=True) + EPSILON)  # [B, 1]
    y = materialized(lambda z, *by: jax.nn.relu(z * by[0] * by[1] + by[2]), z, inverse, scale, shift)
    return y, (x, centred, z, inverse, y, scale)


def _centred_relu_back(precision: Precision, saved: Any, dy: Array) -> tuple[Array, ...]:
    """With n = z / std: dz = (dn - n mean(dn n)) / std; the mean of dn that is missing here is taken off dW and db."""
    x, centred, z, inverse, y, scale = saved
    dy = jnp.where(y > 0, dy, 0.0)
    dyz = dy * z
    along = product("float32", dyz, scale)[:, None] * inverse**2 / z.shape[-1]
    dz = inverse * (dy * scale - z * along)
    dkernel, dbias = _centre(_kernel_slope(precision, x, dz)), _centre(_column_sums(dz))
    return product(precision, dz, centred.T), dkernel, dbias, product("float32", inverse[:, 0], dyz), _column_sums(dy)


def _joined_relu(
    precision: Precision, x: Array, kernel: Array, bias: Array, scale: Array, shift: Array
) -> tuple[Array, Any]:
    """On a GPU, where a row is standardised in one kernel.

    A mean taken off the weights would be two more, and would keep Adam from being one pass over its arrays. Behind
    the barrier the sums of the backward pass read n, where they would work it out again, each in a kernel of its own.
    """
    n, inverse = _standardized(product(precision, x, kernel) + bias)
    n = jax.lax.optimization_barrier(n)
    return jax.nn.relu(n * scale + shift), (x, kernel, n, inverse, scale, shift)


def _joined_relu_back(precision: Precision, saved: Any, dy: Array) -> tuple[Array, ...]:
    """dz = (dn - mean(dn) - n mean(dn n)) / std."""
    x, kernel, n, inverse, scale, shift = saved
    dy = jnp.where(n * scale + shift > 0, dy, 0.0)
    dn = dy * scale
    dz = inverse * (_centre(dn) - n * jnp.mean(dn * n, axis=-1, keepdims=True))
    slopes = _kernel_slope(precision, x, dz), _column_sums(dz), _column_sums(dy * n), _column_sums(dy)
    return product(precision, dz, kernel.T), *slopes


def _standardized(z: Array) -> tuple[Array, Array]:
    """Rows of mean 0 and variance 1 [B, H], and what they were multiplied by [B, 1]."""
    z = _centre(z)
    inverse = jax.lax.rsqrt(jnp.mean(z * z, axis=-1, keepdims=True) + EPSILON)
    return z * inverse, inverse


def _kernel_slope(precision: Precision, x: Array, dz: Array) -> Array:
    """x^T dz, turning the narrower of the two: turning is slow, and of an output layer dz is a column."""
    if dz.shape[-1] < x.shape[-1]:
        return product(precision, dz.T, x).T
    return product(precision, transposed(x), dz)


def _centre(x: Array) -> Array:
    return x - jnp.mean(x, axis=-1, keepdims=True)


def _column_sums(x: Array) -> Array:
    return product("float32", jnp.ones(x.shape[0], x.dtype), x) if in_turn() else jnp.sum(x, axis=0)
