"""FLOP of a gradient step counted three ways, which must agree.

formula   benchmarks.flops, from the widths of the networks.
program   the matrix products in the jaxpr of the phase's update (probes.flops), a loop's body as often as it runs.
          Steps with and without the actor's update, or whatever else only some have, are counted apart and averaged.
XLA       `cost_analysis()` of the same steps. XLA counts the body of a loop once, however often it runs (critics
          run in a loop on a CPU), and it counts norms, activations, random numbers and Adam too. So it is compared with
          the program's products with every body counted once: what it finds beyond them is elementwise work, a few
          per cent, and more for small networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from benchmarks.flops import Shape, work
from benchmarks.flops.products import critic_of, critics_of, learn
from pars.algos import find_algorithm
from pars.core import OFFLINE, ONLINE
from pars.probes.flops import step_products, update

# whose programs take Q(s, a) twice, forth and back: for the TD error and for a term of their own
DOUBLE = "svr", "cql", "cal_ql", "off2on"


@dataclass(frozen=True)
class Count:
    """FLOP per gradient step of one member, on average."""

    formula: float
    program: float
    once: float  # products of the program with loops' bodies counted once
    xla: float  # everything XLA counts, loops' bodies once

    @property
    def agreement(self) -> float:
        """The program's products relative to the formula: 1, or a little more for gradients that nobody needs; see
        `twice`."""
        return self.program / self.formula

    @property
    def elementwise(self) -> float:
        """What XLA counts beyond the products, as a share of them."""
        return self.xla / self.once - 1


def count(algorithm: str, cfg: Any, shape: Shape, phase: str = OFFLINE, compiled: bool = False) -> Count:
    """The three counts for a phase of one algorithm. compiled: ask XLA after its own optimisation (seconds), not before
    it."""
    algo = find_algorithm(algorithm)
    function, args, kinds, _ = update(algo, cfg, shape.obs, shape.action, phase)
    steps = []
    for number in kinds:
        lowered = jax.jit(partial(function, np.int32(number))).lower(*args)
        cost = (lowered.compile() if compiled else lowered).cost_analysis()
        often, once = (step_products(function, args, number, once)[1] for once in (False, True))
        steps.append((often, once, dict(cost or {})["flops"]))
    program, bodies, xla = np.array([*kinds.values()]) @ np.array(steps)
    return Count(work(algorithm, cfg, shape, phase).step, float(program), float(bodies), float(xla))


def twice(algorithm: str, cfg: Any, shape: Shape, phase: str = OFFLINE) -> float:
    """FLOP of the second pass that programs of DOUBLE take without need. The formula has one."""
    online = phase == ONLINE and (algorithm == "svr" or getattr(cfg, "online_conservative", False))
    if algorithm not in DOUBLE or not (phase == OFFLINE or online):
        return 0.0
    critic = critic_of(cfg, shape.obs, shape.action)
    return 2.0 * cfg.batch_size * getattr(cfg, "agents", 1) * critics_of(cfg) * learn(critic)
