"""A block of gradient steps of one member, as a processor and as a GPU run it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from pars.core import Draw, Metrics, State, step_keys
from pars.nn.spread import in_turn, is_due, is_max
from pars.training.source import Drawn, Source, fetch

CHUNK = 32  # the most steps that a GPU takes without asking the host

Update = Callable[[Any, State, Drawn, Array, Array, Array], tuple[State, Metrics]]  # key, step, steps planned
Carry = tuple[State, Any, Drawn]  # the second: sums of metrics


@dataclass(frozen=True)
class TracedUpdate:
    """A phase's update as (cfg, state, drawn rows, key, step, steps planned) -> (state, metrics), traced once.

    Args:
        any: for whatever step.
        delays: of the updates inside it that only some steps have, see spread.is_due.
        traced: for steps of which it is known whether each of those is due.
    """

    any: Update
    delays: tuple[int, ...]
    traced: Callable[[Mapping[int, bool]], Update]
    _known: dict[tuple[bool, ...], Update] = field(default_factory=dict)

    def cycle(self, length: int) -> list[tuple[Update, int]]:
        """What `length` steps repeat: updates, and how many steps in a row have each."""
        period = math.lcm(*self.delays)
        if length % period:
            return [(self.any, 1)]
        due = [tuple(is_due(delay, number) for delay in self.delays) for number in range(period)]
        return [(self._for(kind), len(list(alike))) for kind, alike in groupby(due)]

    def _for(self, due: tuple[bool, ...]) -> Update:
        if due not in self._known:
            self._known[due] = self.traced(dict(zip(self.delays, due, strict=True))) if due else self.any
        return self._known[due]


def block(
    update: TracedUpdate,
    draw: Draw,
    cfg: Any,
    state: State,
    sums: Metrics,
    source: Source,
    key: Array,
    span: tuple[Any, Any, Any],
    weights: Callable[..., Array] | None = None,
) -> tuple[State, Metrics]:
    """`count` gradient steps of one member from step `start` on; metrics are added to `sums`.

    On a GPU a loop whose length only the device knows waits for the host at every turn, and so does a branch. There
    steps are taken in chunks that begin at multiples of their length, so that each has its place in the cycle of
    delayed updates, and is compiled alike wherever blocks begin and end; those of a chunk that are outside change
    nothing.

    Args:
        sums: running sums, but running maxima for names that end in `_max`; they make an interval's average
            independent of how it was cut into blocks.
        span: start, count, and the steps planned in this phase; traced, so that no length compiles again.
        weights: `Algorithm.weights`.
    """
    start, count, total = span

    def drawn(number: Array, state: State) -> Drawn:
        mass = jnp.cumsum(weights(cfg, state, source.rows, source.filled)) if weights else None
        return fetch(source, draw, cfg, key, number, mass)

    def step(update: Update, number: Array, carry: Carry, inside: Array | None = None) -> Carry:
        """inside: leave state and sums as they are unless this is true."""
        state, sums, rows = carry
        state, metrics = update(cfg, state, rows, step_keys(key, number)[1], number, total)
        sums = add(sums, metrics)
        if inside is not None:
            state, sums = jax.tree.map(partial(jnp.where, inside), (state, sums), carry[:2])
        # the next rows are fetched here and carried over, so that no part of the update is fused with their fetching:
        # it is compiled alike, to the last bit, wherever they come from
        return state, sums, drawn(number + 1, state)

    if in_turn():
        add: Callable[..., Any] = added
        carry = (state, sums, drawn(start, state))
        return jax.lax.fori_loop(start, start + count, partial(step, update.any), carry)[:2]
    add = partial(added_at_once, sums)
    flat, shaped = ravel_pytree(sums)
    length = chunk_length(cfg, update.delays, online=source.filled is not None)
    cycle = update.cycle(length)

    def turn(first: Array, carry: Carry) -> Carry:
        for alike, steps in cycle:

            def one(i: Any, carry: Carry, alike: Update = alike, first: Array = first) -> Carry:
                return step(alike, first + i, carry, (start <= first + i) & (first + i < start + count))

            carry, first = in_a_row(steps, one, carry), first + steps
        return carry

    def chunk(number: Array, carry: Carry) -> Carry:
        first, period = number * length, sum(steps for _, steps in cycle)
        return jax.lax.fori_loop(0, length // period, lambda i, carry: turn(first + i * period, carry), carry)

    first = start // length
    last = jnp.where(count > 0, (start + count + length - 1) // length, first)
    state, flat, _ = jax.lax.fori_loop(first, last, chunk, (state, flat, drawn(first * length, state)))
    return state, shaped(flat)


def in_a_row(steps: int, step: Callable[[Any, Carry], Carry], carry: Carry) -> Carry:
    """`steps` times step(number from 0 on, carry).

    As between the turns of a loop, nothing of one step is worked out again inside the next, where it may be rounded
    otherwise than in memory: a GPU's compiler keeps the barrier until it has fused what it fuses.
    """
    if steps == 1:
        return step(0, jax.lax.optimization_barrier(carry))
    return jax.lax.fori_loop(0, steps, step, carry)


def chunk_length(cfg: Any, delays: tuple[int, ...], online: bool) -> int:
    """Steps of a chunk: a multiple of the cycle of delayed updates, or what is due at once online."""
    if online:
        per_step = cfg.updates_per_step
        return next((steps for steps in (per_step * cfg.environments, per_step) if steps <= CHUNK), CHUNK)
    period = math.lcm(*delays)
    return CHUNK - CHUNK % period if period <= CHUNK else CHUNK


def added(sums: Metrics, metrics: Metrics) -> Metrics:
    return {name: jnp.maximum(sums[name], x) if is_max(name) else sums[name] + x for name, x in metrics.items()}


def added_at_once(like: Metrics, sums: Array, metrics: Metrics) -> Array:
    """As `added`, of sums that are one array: one kernel for all. like: sums by name."""
    new = ravel_pytree({name: metrics[name] for name in like})[0]
    largest = ravel_pytree({name: np.full(x.shape, is_max(name)) for name, x in like.items()})[0]
    return jnp.where(largest, jnp.maximum(sums, new), sums + new)
