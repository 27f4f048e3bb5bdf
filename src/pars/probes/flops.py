"""Floating-point operations of a gradient step, read off the program itself: the matrix products in the jaxpr of
a phase's update, a loop's body as often as it runs. A multiply-add counts as 2; everything else counts as nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from pars.core import OFFLINE, ONLINE, Algorithm, Index, Spec, Step, Transition
from pars.nn.spread import is_due
from pars.packing import assemble, width


class Costs(NamedTuple):
    """FLOP of the gradient steps of one member, by which of the updates that only some steps have are due."""

    delays: tuple[int, ...]  # see spread.is_due
    flop: dict[tuple[bool, ...], float]  # of a step, by what is due in it

    @property
    def mean(self) -> float:
        """Of a step on average."""
        period = math.lcm(*self.delays)
        return self.of(0, period) / period

    def of(self, start: int, count: int) -> float:
        """Of `count` steps from number `start` on."""
        return sum(self.flop[_due(self.delays, number)] for number in range(start, start + count))


def step_costs(algo: Algorithm, cfg: Any, obs_dim: int, action_dim: int, phase: str = OFFLINE) -> Costs:
    """What the steps of a phase cost."""
    function, args, kinds, delays = update(algo, cfg, obs_dim, action_dim, phase)
    return Costs(delays, {_due(delays, number): step_products(function, args, number)[1] for number in kinds})


def step_flops(algo: Algorithm, cfg: Any, obs_dim: int, action_dim: int, phase: str = OFFLINE) -> float:
    """FLOP of one gradient step of one member, averaged over what happens in every so many steps only."""
    return step_costs(algo, cfg, obs_dim, action_dim, phase).mean


def step_products(
    function: Callable[..., Any], args: tuple[Any, ...], number: int, once: bool = False
) -> tuple[float, float]:
    """FLOP of the products in step `number` of `update`'s function: the least and the most, as its branches go."""
    jaxpr = live(jax.make_jaxpr(lambda *rest: function(np.int32(number), *rest))(*args).jaxpr)
    return products(jaxpr, once)


class Update(NamedTuple):
    """A phase's update as a function of (step number, state, batch, key), and the shapes of the last three.

    `kinds`: steps differ by what happens in every so many only, such as the actor's; one of each kind -> its share.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kinds: dict[int, float]
    delays: tuple[int, ...]


def update(algo: Algorithm, cfg: Any, obs_dim: int, action_dim: int, phase: str = OFFLINE) -> Update:
    """phase: by name, of `algo.course`."""
    online, course = phase == ONLINE, {one.name: one for one in algo.course}[phase]
    stored = 1 if algo.weights else 0  # rows whose priorities are part of a state
    spec = Spec(obs_dim, action_dim, rows=stored, capacity=stored)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(lambda k: algo.init(cfg, spec, k), key)
    if online:
        state = jax.eval_shape(lambda s, k: algo.go_online(cfg, s, spec, k), state, key)

    shapes: dict[str, tuple[int, ...]] = {"next_action": (action_dim,), "goal": (2,)}
    extra = tuple((column.name, shapes.get(column.name, ())) for column in algo.columns_of(cfg))
    mass = jnp.ones(2 * stored) if stored else None
    index = Index(jnp.int32(1), jnp.int32(0), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32), mass)

    def drawn(key: Any) -> Transition:
        picks = course.draw(cfg, key, jnp.int32(0), index, jnp.int32(1) if online else None)
        named = {"": picks.rows, **picks.beside}
        rows = {name: jnp.zeros((*at.shape, width(spec, extra))) for name, at in named.items()}
        return assemble(picks, rows, obs_dim, extra, numbered=algo.weights is not None)

    batch = jax.eval_shape(drawn, key)

    delays: dict[int, bool | None] = {}

    def function(number: Any, state: Any, batch: Transition, key: Any) -> Any:
        return course.update(cfg, state, batch, key, Step(number, jnp.int32(10**6), phase, delays))

    args = state, batch, key
    jax.eval_shape(partial(function, np.int32(0)), *args)  # notes the delays
    period, alike = math.lcm(*delays), defaultdict(list)
    for number in range(period):
        alike[_due(tuple(delays), number)].append(number)
    kinds = {numbers[0]: len(numbers) / period for numbers in alike.values()}
    return Update(function, args, kinds, tuple(delays))


def _due(delays: tuple[int, ...], number: int) -> tuple[bool, ...]:
    return tuple(is_due(delay, number) for delay in delays)


def live(jaxpr: Any) -> Any:
    """The jaxpr without what no output needs, such as a gradient that a hand-written backward pass gives unasked."""
    return partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[0]


def products(jaxpr: Any, once: bool = False) -> tuple[float, float]:
    """FLOP of all matrix products in a jaxpr: the least and the most, as its branches go.

    Args:
        once: count the body of a loop once, else as often as it runs.
    """
    least = most = 0.0
    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        if name == "dot_general":
            contracted = params["dimension_numbers"][0][0]
            depth = np.prod([equation.invars[0].aval.shape[axis] for axis in contracted])
            low = high = 2.0 * depth * np.prod(equation.outvars[0].aval.shape)
        else:
            parts = [products(inner, once) for inner in _inner(params)]
            times = _times(name, params, any(part[1] for part in parts))
            times = min(times, 1) if once else times  # a loop of no turns is gone before XLA counts
            if name == "cond":
                low, high = min(part[0] for part in parts), max(part[1] for part in parts)
            else:
                low, high = (times * sum(part[side] for part in parts) for side in (0, 1))
        least, most = least + low, most + high
    return float(least), float(most)


def _inner(params: dict[str, Any]) -> Iterator[Any]:
    """The jaxprs inside an equation: bodies of loops, branches, functions called."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            item = getattr(item, "jaxpr", item)
            if hasattr(item, "eqns"):
                yield item


def _times(name: str, params: dict[str, Any], matters: bool) -> int:
    """How often the body of an equation runs, on all devices together."""
    if name == "scan":
        return int(params["length"])
    if name == "shard_map":
        return int(params["mesh"].size)
    if name == "while" and matters:
        raise ValueError("matrix products in a loop of unknown length cannot be counted")
    return 1
