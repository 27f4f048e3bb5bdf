"""The policies of a population as they are at one moment, on the host's processor: what evaluations act with.

Physics runs on the host, so a policy that lives there answers without a way to the device and back, and while training
goes on: `frozen` copies what it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import Array

from pars.core import Algorithm, State

# This JAX's YNNPACK multiplies a row among few rows otherwise than among many. Without it an action depends on its own
# observation alone, and an evaluation not on how its episodes are dealt to the cores; which have physics to do and do
# not wait for one another to share a product.
ROW_BY_ROW = {"xla_cpu_experimental_ynn_fusion_type": "", "xla_cpu_multi_thread_eigen": False}

Policy = Callable[[np.ndarray], np.ndarray]  # obs [P, .., O] -> action [P, .., A]


def frozen(algo: Algorithm, cfg: Any, state: State, members: int) -> Policy:
    """The deterministic policies of all members, of copies: the state may change or be donated meanwhile.

    Several threads may call it at once. A call is one compiled function of the few arrays that `algo.act` reads.

    Args:
        cfg, state: stacked, [rows, ..] with rows >= members.
    """
    leaves, tree = jax.tree.flatten((cfg, state))
    shapes = tuple(jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in leaves)
    reads, run = _compiled(algo, tree, shapes, len(state.norm.mean[0]))
    own = [jax.device_put(np.array(leaves[i])[:members], _processor()) for i in reads]
    return lambda obs: np.asarray(run(own, np.asarray(obs, np.float32)))


@cache
def _compiled(
    algo: Algorithm, tree: Any, shapes: tuple[Any, ...], obs_dim: int
) -> tuple[list[int], Callable[..., Any]]:
    """Which leaves of (cfg, state) `algo.act` reads, and a function of those [P, ..] and obs [P, .., O]."""

    def act(leaves: list[Any], obs: Array) -> Array:
        cfg, state = jax.tree.unflatten(tree, leaves)
        return algo.act(cfg, state, obs, jax.random.key(0), 0.0)

    program = jax.make_jaxpr(act)(list(shapes), jax.ShapeDtypeStruct((obs_dim,), np.float32)).jaxpr
    read = {id(variable) for equation in program.eqns for variable in equation.invars}
    reads = [i for i, variable in enumerate(program.invars[:-1]) if id(variable) in read]

    def one(own: list[Array], obs: Array) -> Array:
        leaves: list[Any] = list(shapes)  # the rest is not looked at
        for i, leaf in zip(reads, own, strict=True):
            leaves[i] = leaf
        return act(leaves, obs)

    return reads, jax.jit(jax.vmap(one), compiler_options=ROW_BY_ROW)


def _processor() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # only the GPU was asked for
        return jax.local_devices()[0]
