"""What a GPU does at most: large square products in one precision."""

from __future__ import annotations

import time
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np


@cache
def peak(precision: str, size: int, turns: int = 20) -> float:
    """GFLOP/s of large square products in one precision; bfloat16 operands are summed in float32."""
    kind = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
    # by itself XLA takes TF32 for float32 operands on a GPU
    exact = {"float32": "highest", "tf32": "high", "bfloat16": None}[precision]
    dot = partial(jnp.matmul, precision=exact, preferred_element_type=jnp.float32)
    run = jax.jit(lambda x: jax.lax.fori_loop(0, turns, lambda _, y: dot(x, y).astype(kind), x))
    x = orthogonal(size).astype(kind)
    run(x).block_until_ready()
    begin = time.perf_counter()
    run(x).block_until_ready()
    return 2e-9 * size**3 * turns / (time.perf_counter() - begin)


@cache
def orthogonal(size: int) -> jax.Array:
    """A dense orthogonal matrix whose powers look random, made on the device: Hadamard's with random signs of columns.

    size: a power of two.
    """
    i = jnp.arange(size, dtype=jnp.uint32)
    parity = jax.lax.population_count(i[:, None] & i[None, :]) % 2
    signs = jax.random.rademacher(jax.random.key(0), (size,), jnp.float32)
    return (1.0 - 2.0 * parity) * signs / np.sqrt(size)
