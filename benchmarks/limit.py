"""What this machine's matrix products alone allow, measured: the limits that training rates stand beside.

The limit is a chain of [512, 256] @ [256, 256], the TD and PA rows of one hidden layer at the paper's size, and nothing
else, in the better of two ways: one device with all threads, or a chain of its own on a device per core. It stays the
limit for smaller networks too. Beside it stand the three products of training at a network's own width, the layer
forward, the gradient of its weights and that of its input, one each: what products of these shapes can reach at all.
The transposed operand of the weights' gradient is written out first; on CPUs XLA is slower without.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Mix = Literal["forward", "training"]
ROWS, WIDTH = 512, 256
CHUNK = 2e9  # FLOP of one call, so that calling costs nothing


@cache
def chain(devices: int, rows: int, width: int, mix: Mix) -> Callable[[float], float]:
    """A function of seconds that measures GFLOP/s of products [rows, width] @ [width, width] on so many devices.

    Args:
        mix: "forward": that product alone; "training": both gradients too.
    """
    per_turn = 2.0 * rows * width * width * (1 if mix == "forward" else 3)
    turns = max(4, int(CHUNK / per_turn))
    mesh = Mesh(np.array(jax.devices()[:devices]), ("device",))
    rng = np.random.default_rng(0)
    put = NamedSharding(mesh, PartitionSpec("device"))
    orthogonal = np.linalg.qr(rng.normal(size=(width, width)))[0]  # a chain of products neither grows nor fades
    x = jax.device_put(rng.normal(size=(devices, rows, width)).astype(np.float32), put)
    w = jax.device_put(np.broadcast_to(orthogonal, (devices, width, width)).astype(np.float32), put)

    def own(x: Any, w: Any) -> Any:
        step = _forward if mix == "forward" else _training
        return jax.lax.fori_loop(0, turns, lambda _, carry: step(*carry), (x[0], w[0]))[0][None]

    spec = PartitionSpec("device")
    spread = jax.shard_map(own, mesh=mesh, in_specs=(spec, spec), out_specs=spec, check_vma=False)
    run = jax.jit(spread if devices > 1 else own)
    jax.block_until_ready(run(x, w))

    def measure(seconds: float) -> float:
        calls, begin = 0, time.perf_counter()
        while not calls or time.perf_counter() - begin < seconds:
            jax.block_until_ready(run(x, w))
            calls += 1
        return calls * devices * turns * per_turn / (time.perf_counter() - begin) / 1e9

    return measure


def _forward(x: Any, w: Any) -> tuple[Any, Any]:
    return x @ w, w


def _training(x: Any, w: Any) -> tuple[Any, Any]:
    """A layer, and as if its output were its gradient: the gradients of weights and input. The weights stay."""
    y = x @ w
    return y @ w.T, w + jnp.float32(1e-30) * (jax.lax.optimization_barrier(x.T) @ y)


def best(seconds: float, width: int = WIDTH, rows: int = ROWS, mix: Mix = "forward") -> float:
    """GFLOP/s, in the better of the ways, measured now for so many seconds each."""
    ways = {1, len(jax.devices())}
    return max(chain(devices, rows, width, mix)(seconds) for devices in sorted(ways))
