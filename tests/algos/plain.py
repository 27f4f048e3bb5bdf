"""What the libraries do, in plain jnp: a network from its parameter dict, Adam, and batches to try them on."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.core import Transition

BATCH, OBS, ACTION = 16, 3, 2


def batch(seed: int = 0) -> Transition:
    """16 transitions, every fourth of them terminal."""
    rng = np.random.default_rng(seed)
    obs, next_obs = (jnp.asarray(rng.normal(size=(BATCH, OBS)), jnp.float32) for _ in range(2))
    action = jnp.asarray(rng.uniform(-1, 1, (BATCH, ACTION)), jnp.float32)
    reward = jnp.asarray(rng.normal(size=BATCH), jnp.float32)
    return Transition(obs, action, reward, next_obs, jnp.asarray(np.arange(BATCH) % 4 == 3, jnp.float32))


def parameters(module: Any, *inputs: Array, seed: int = 0) -> Any:
    """Parameters of a flax module as its default initialiser spreads them, drawn by NumPy: nothing to compile."""
    rng = np.random.default_rng(seed)

    def fill(path: Any, leaf: Any) -> Array:
        name = path[-1].key
        if name == "kernel":
            return jnp.asarray(rng.normal(size=leaf.shape) * leaf.shape[-2] ** -0.5, jnp.float32)
        return jnp.full(leaf.shape, 1.0 if name == "scale" else 0.0)

    return jax.tree_util.tree_map_with_path(fill, jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"])


def mlp(params: Any, x: Array, layer_norm: bool = False) -> Array:
    """ReLU layers, with layer norm before the ReLU if asked for. x [.., in] -> [.., out]."""
    params, layer = params["mlp"], 0
    while f"Dense_{layer}" in params:
        x = x @ params[f"Dense_{layer}"]["kernel"] + params[f"Dense_{layer}"]["bias"]
        if layer_norm:
            norm = params[f"LayerNorm_{layer}"]
            x = x - x.mean(-1, keepdims=True)
            x = x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * norm["scale"] + norm["bias"]
        x, layer = jnp.maximum(x, 0), layer + 1
    return x @ params["out"]["kernel"] + params["out"]["bias"]


def actor(params: Any, obs: Array) -> Array:
    return jnp.tanh(mlp(params, obs))


def critic(params: Any, obs: Array, action: Array, layer_norm: bool = False) -> Array:
    return mlp(params, jnp.concatenate([obs, action], -1), layer_norm)[:, 0]


def member(params: Any, index: int) -> Any:
    return jax.tree.map(lambda x: x[index], params)


def adam(params: Any, grads: list[Any], rate: float) -> Any:
    """`params` after one step from zero moments for each of `grads`."""
    mean = square = jax.tree.map(jnp.zeros_like, params)
    for t, grad in enumerate(grads, 1):
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grad)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, square, grad)
        params = jax.tree.map(
            lambda p, m, v, t=t: p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
            params,
            mean,
            square,
        )
    return params


def slow(target: Any, params: Any, rate: float) -> Any:
    """Polyak averaging."""
    return jax.tree.map(lambda t, p: (1 - rate) * t + rate * p, target, params)


def scale_output(params: Any, factor: float) -> Any:
    """The network whose output is `factor` times as large."""
    out = {name: factor * value for name, value in params["mlp"]["out"].items()}
    return {"mlp": {**params["mlp"], "out": out}}


def constant_output(params: Any, values: list[float]) -> Any:
    """Ensemble whose members give a constant each."""
    out = params["mlp"]["out"]
    return {"mlp": {**params["mlp"], "out": {"kernel": 0 * out["kernel"], "bias": jnp.array(values)[:, None]}}}


def differ(a: Any, b: Any) -> bool:
    """Whether every leaf of `a` is unlike its leaf of `b` somewhere."""
    return all(not np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def assert_close(got: Any, want: Any, **tolerance: float) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **tolerance), got, want)
