"""FLOP of a gradient step counted three ways, which must agree.

formula   benchmarks.flops, from the widths of the networks.
program   the matrix products in the jaxpr of `algo.update` (probes.flops), a loop's body as often as it runs. A step
          without the actor's update and one with it are counted apart; the delay averages them.
XLA       `cost_analysis()` of the same two steps. XLA counts the body of a loop once, however often it runs (critics
          run in a loop on a CPU), and it counts norms, activations, random numbers and Adam too. So it is compared with
          the program's products with every body counted once: what it finds beyond them is elementwise work, a few
          per cent, and more for small networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from benchmarks.flops import Shape, work
from pars.algos import find_algorithm
from pars.probes.flops import step_products, update


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
    function, args, _ = update(algo, cfg, shape.obs, shape.action)
    steps = []
    for number in (0, formula.delay - 1):  # without and with the actor
        step = np.int32(number)
        lowered = jax.jit(lambda *rest, step=step: function(step, *rest)).lower(*args)
        cost = (lowered.compile() if compiled else lowered).cost_analysis()
        side = 1 if (number + 1) % formula.delay == 0 else 0
        often, once = (step_products(function, args, number, once)[side] for once in (False, True))
        steps.append((often, once, dict(cost or {})["flops"]))
    without, full = np.asarray(steps)
    program, bodies, xla = without + (full - without) / formula.delay
    return Count(formula.step, float(program), float(bodies), float(xla))
