"""FLOP of a gradient step counted three ways, which must agree.

formula   benchmarks.flops, from the widths of the networks.
program   the matrix products in the jaxpr of `algo.update`, a loop's body as often as it runs. A step without the
          actor's update and one with it are counted apart; the delay averages them.
XLA       `cost_analysis()` of the same two steps. XLA counts the body of a loop once, however often it runs (critics
          run in a loop on a CPU), and it counts norms, activations, random numbers and Adam too. So it is compared with
          the program's products with every body counted once: what it finds beyond them is elementwise work, a few
          per cent, and more for small networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from benchmarks.flops import Shape, work
from pars.algos import find_algorithm
from pars.core import Algorithm, Spec, Step, Transition


@dataclass(frozen=True)
class Count:
    """FLOP per gradient step of one member, averaged over the delay of the actor."""

    formula: float
    program: float
    once: float  # products of the program with loops' bodies counted once
    xla: float  # everything XLA counts, loops' bodies once

    @property
    def agreement(self) -> float:
        """The program's products relative to the formula: 1, or a little more for gradients that nobody needs."""
        return self.program / self.formula

    @property
    def elementwise(self) -> float:
        """What XLA counts beyond the products, as a share of them."""
        return self.xla / self.once - 1


def count(algorithm: str, cfg: Any, shape: Shape, compiled: bool = False) -> Count:
    """The three counts for one algorithm. compiled: ask XLA after its own optimisation (seconds), not before it."""
    algo, formula = find_algorithm(algorithm), work(algorithm, cfg, shape)
    function, args = update(algo, cfg, shape)
    steps = []
    for number in (0, formula.delay - 1):  # without and with the actor
        step = np.int32(number)
        jaxpr = live(jax.make_jaxpr(lambda *rest, step=step: function(step, *rest))(*args).jaxpr)
        lowered = jax.jit(lambda *rest, step=step: function(step, *rest)).lower(*args)
        cost = (lowered.compile() if compiled else lowered).cost_analysis()
        side = 1 if (number + 1) % formula.delay == 0 else 0
        steps.append((products(jaxpr)[side], products(jaxpr, once=True)[side], dict(cost or {})["flops"]))
    without, full = np.asarray(steps)
    program, once, xla = without + (full - without) / formula.delay
    return Count(formula.step, float(program), float(once), float(xla))


def update(algo: Algorithm, cfg: Any, shape: Shape) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`algo.update` as a function of (step number, state, batch, key), and the shapes of the last three."""
    spec = Spec(shape.obs, shape.action)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(lambda k: algo.init(cfg, spec, k), key)

    def rows(*width: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((cfg.batch_size, *width), np.float32)

    extra = {name: rows(shape.action) for name in algo.columns}  # next actions, of those with a formula
    batch = Transition(rows(shape.obs), rows(shape.action), rows(), rows(shape.obs), rows(), extra)

    def function(number: Any, state: Any, batch: Transition, key: Any) -> Any:
        return algo.update(cfg, state, batch, key, Step(number, jnp.int32(10**6), False))

    return function, (state, batch, key)


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
