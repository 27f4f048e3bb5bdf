"""How a function is mapped over a stacked axis: members, critics. No algorithm, loss or loop knows how it is done.

On a CPU small matrices gain nothing from being split over threads: slices run one after another, so that one critic's
target, forward, backward and Adam stay in cache. On a GPU the axis is vmapped. Results differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = Any

as_written: ContextVar[bool] = ContextVar("as_written", default=False)  # a program that is traced to be read, not run


def in_turn() -> bool:
    """Whether slices run one after another: on a CPU."""
    return jax.default_backend() == "cpu"


def now_and_then(happens: Any, delay: int, function: Callable[[Tree], tuple[Tree, dict[str, Any]]], state: Tree) -> Any:
    """`function(state)` where `happens`, which is on every `delay`-th step, else the state and the metrics of nothing.

    Sums of a step that happens are multiplied by `delay`, so that their average over an interval is right. Maxima
    (`.._max`) are not, and that of nothing is -inf.
    """
    traced, (_, shapes) = trace_once(function, state)
    none = {name: jnp.full(x.shape, -jnp.inf if is_max(name) else 0.0, x.dtype) for name, x in shapes.items()}

    def take(_: Any, carry: tuple[Tree, dict[str, Any]]) -> tuple[Tree, dict[str, Any]]:
        state, metrics = traced(carry[0])
        return state, {name: x if is_max(name) else delay * x for name, x in metrics.items()}

    if isinstance(happens, bool):
        return take(0, (state, none)) if happens else (state, none)

    def turn(number: Any, carry: tuple[Tree, dict[str, Any]]) -> tuple[Tree, dict[str, Any]]:
        # bound to the turn's number: what no turn changes XLA would work out in front of the loop, on every step
        return take(*jax.lax.optimization_barrier((number, carry)))

    # a loop of one turn or none: unlike a branch it leaves the state in its place, where `cond` copies it
    return jax.lax.fori_loop(0, happens.astype(jnp.int32), turn, (state, none))


def is_due(delay: int, number: Any) -> Any:
    """Whether step `number` is the last of every `delay` steps, or for a negative one the first of every `-delay`."""
    return (number + (delay > 0)) % delay == 0


def is_max(name: str) -> bool:
    """Whether a metric is a maximum over an interval, and not an average."""
    return name.endswith("_max")


def trace_once(function: Callable[..., Any], *args: Any) -> tuple[Callable[..., Any], Any]:
    """`function` for arguments like `args`, and the shapes of its result: known without tracing it a second time."""
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    flat, structure = jaxpr_as_fun(jaxpr), jax.tree.structure(shapes)
    return lambda *args: jax.tree.unflatten(structure, flat(*jax.tree.leaves(args))), shapes


over_critics: ContextVar[Mesh | None] = ContextVar("over_critics", default=None)


def map_ensemble(function: Callable[..., Tree], *stacked: Tree) -> Tree:
    """`function` for every slice of the leading axis of `stacked`, results stacked.

    One after another on a CPU, vmapped on a GPU. Where a single run has several devices they share the slices; then
    nothing may be differentiated through this call, only inside `function`.
    """
    mesh = over_critics.get()
    if mesh is None or len(jax.tree.leaves(stacked)[0]) % mesh.size:
        return map_locally(function, *stacked)

    def here(*part: Tree) -> Tree:
        token = over_critics.set(None)  # the devices are taken: what is mapped inside stays on each
        try:
            return map_locally(function, *part)
        finally:
            over_critics.reset(token)

    spread = jax.shard_map(
        here,
        mesh=mesh,
        in_specs=PartitionSpec("critics"),
        out_specs=PartitionSpec("critics"),
        check_vma=False,
    )
    return spread(*stacked)


def map_locally(function: Callable[..., Tree], *stacked: Tree) -> Tree:
    if in_turn():
        return jax.lax.map(lambda slices: function(*slices), stacked)
    return jax.vmap(function)(*stacked)


def map_in_place(function: Callable[..., tuple[Tree, ...]], stacked: list[Tree], replaced: list[int]) -> Tree:
    """`function(number, *slices)` for every slice; its results take the places of the arguments at `replaced`, where
    `map_locally` would fill fresh arrays at every call."""
    count = len(jax.tree.leaves(stacked)[0])
    if not in_turn():
        return map_locally(function, jnp.arange(count), *stacked)

    def body(number: Any, successors: tuple[Tree, ...]) -> tuple[Tree, ...]:
        args = list(stacked)
        for at, tree in zip(replaced, successors, strict=True):
            args[at] = tree
        results = function(number, *jax.tree.map(lambda x: x[number], args))
        return jax.tree.map(lambda x, y: jax.lax.dynamic_update_index_in_dim(x, y, number, 0), successors, results)

    return jax.lax.fori_loop(0, count, body, tuple(stacked[i] for i in replaced))


def take_members(stacked: Tree, indices: jax.Array) -> Tree:
    """The slices at `indices` of the leading axis: leaves [E, ..] -> [k, ..]."""
    mesh = over_critics.get()
    if mesh is None or len(jax.tree.leaves(stacked)[0]) % mesh.size or len(indices) % mesh.size:
        return jax.tree.map(lambda x: x[indices], stacked)

    def send(part: Tree, indices: jax.Array) -> Tree:
        """Every device offers what it has of the chosen, as one array, and keeps its share of all of them."""
        leaves, structure = jax.tree.flatten(part)
        at = indices - len(leaves[0]) * jax.lax.axis_index("critics")
        mine = (at >= 0) & (at < len(leaves[0]))
        chosen = [x[jnp.clip(at, 0, len(x) - 1)].reshape(len(at), -1) for x in leaves]
        row = jnp.where(mine[:, None], jnp.concatenate(chosen, axis=1), 0)
        row = jax.lax.psum_scatter(row, "critics", tiled=True)
        parts = jnp.split(row, np.cumsum([x.shape[1] for x in chosen])[:-1], axis=1)
        shaped = [y.reshape(-1, *x.shape[1:]) for x, y in zip(leaves, parts, strict=True)]
        return jax.tree.unflatten(structure, shaped)

    critics = PartitionSpec("critics")
    spread = jax.shard_map(send, mesh=mesh, in_specs=(critics, PartitionSpec()), out_specs=critics, check_vma=False)
    return spread(stacked, indices)


def choose_members(which: jax.Array, new: Tree, old: Tree) -> Tree:
    """Slices of `new` where `which` [E] is true, of `old` elsewhere; leaves [E, ..]."""
    return jax.tree.map(lambda x, y: jnp.where(which.reshape(-1, *[1] * (x.ndim - 1)), x, y), new, old)


def replicate(tree: Tree) -> Tree:
    """Where a single run has several devices: all of them get all of `tree`, at once."""
    mesh = over_critics.get()
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def materialized(function: Callable[..., jax.Array], x: jax.Array, *others: jax.Array) -> jax.Array:
    """function(x, *others), of the shape of x, in a buffer of its own; its slopes are those of `function`.

    XLA would work it out again for each of its readers. On a CPU that is dear for one that transposes: element by
    element it takes three times as long as a plain transposition. Nothing is fused across the borders of a loop, and
    this one turns once (or twice for NaN, which stays NaN), but the compiler cannot know.
    """
    return function(x, *others) if not in_turn() or as_written.get() else _looped(function, x, *others)


@partial(jax.custom_jvp, nondiff_argnums=(0,))  # a loop of unknown length has no slopes, and those of slopes need them
def _looped(function: Callable[..., jax.Array], x: jax.Array, *others: jax.Array) -> jax.Array:
    turns = 1 + jnp.isnan(x.ravel()[0]).astype(jnp.int32)
    return jax.lax.fori_loop(0, turns, lambda _, x: function(x, *others), x)


@_looped.defjvp
def _slopes(function: Callable[..., jax.Array], at: tuple[jax.Array, ...], along: Any) -> tuple[jax.Array, Any]:
    return _looped(function, *at), jax.jvp(function, at, along)[1]


def transposed(x: jax.Array) -> jax.Array:
    """x.T as an operand of a product. On a CPU it is not folded into the product, which would take a slower kernel."""
    return jax.lax.optimization_barrier(x.T) if in_turn() else x.T
