"""Floating-point operations of a gradient step by formula, from the shapes of its matrix products alone.

A multiply-add counts as 2; norms, activations, random numbers and Adam count as nothing. What nobody needs is not
counted either: no gradient with respect to observations, and no second pass for what is known, so a program that
computes such has that much less left over. A method has a formula for each of its phases; they stand by family in the
modules beside this one. `benchmarks.count` holds them against the programs and against XLA's own count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.flops import sac, td3, values
from benchmarks.flops.products import Widths, Work
from pars.algos import find_algorithm
from pars.config import to_dict
from pars.core import OFFLINE, ONLINE


@dataclass(frozen=True)
class Shape:
    """A problem's sizes and those of the networks."""

    name: str
    obs: int
    action: int
    critics: int
    batch: int = 256
    width: int = 256
    layers: int = 3
    target_critics: int = 2
    delay: int = 2

    def config(self, algorithm: str) -> Any:
        """The algorithm's config at these sizes, as far as it has them, no deeper than it is by default."""
        algo = find_algorithm(algorithm)
        usual = to_dict(algo.configure())
        sizes = {
            "critics": self.critics,
            "target_critics": self.target_critics,
            "hidden": self._hidden(usual.get("hidden", ())),
            "actor_hidden": self._hidden(usual["actor_hidden"]),
            "batch_size": self.batch,
            "policy_delay": self.delay,
        }
        return algo.configure({name: value for name, value in sizes.items() if name in usual})

    def _hidden(self, usual: Sequence[int]) -> Widths:
        return (self.width,) * min(self.layers, len(usual))


PAPER = (
    Shape("antmaze 29/8, N=4", 29, 8, 4),
    Shape("hopper 11/3, N=10", 11, 3, 10),
    Shape("pen 45/24, N=10", 45, 24, 10),
)
TINY = Shape("dry 3/2, N=2", 3, 2, 2, batch=8, width=8, layers=2)  # to see that a benchmark works
# networks of a laptop's demos and sweeps
SMALL = tuple(Shape(f"29/8, N=2, 2x{width}", 29, 8, 2, width=width, layers=2) for width in (64, 128))


Formula = Callable[[Any, int, int], Work]  # config, observations, actions


def _both(formula: Formula) -> dict[str, Formula]:
    return {OFFLINE: formula, ONLINE: formula}


# by phase; another algorithm enters the benchmarks with a formula here. A method that has no offline phase of its own
# takes the same step on a dataset.
FORMULAS: Mapping[str, Mapping[str, Formula]] = {
    "pars": {OFFLINE: td3.pars, ONLINE: td3.pars_online},
    "td3_bc": _both(td3.td3_bc),
    "rebrac": _both(td3.rebrac),
    "iql": _both(values.iql),
    "bc": {OFFLINE: td3.bc},
    "cql": {OFFLINE: sac.cql, ONLINE: sac.cql_online},
    "cal_ql": {OFFLINE: sac.cql, ONLINE: sac.cql_online},
    "sac_n": _both(sac.sac_n),
    "edac": _both(sac.edac),
    "mcq": _both(sac.mcq),
    "msg": _both(sac.msg),
    "spot": {"behaviour": td3.spot_behaviour, **_both(td3.spot)},
    "svr": {"behaviour": td3.bc, **_both(td3.svr)},
    "sac_rnd": {"rnd": sac.sac_rnd_before, **_both(sac.sac_rnd)},
    "pex": {OFFLINE: values.iql, ONLINE: values.pex_online},
    "off2on": {OFFLINE: sac.off2on, ONLINE: sac.off2on_online},
    "uni_o4": {
        "critic": values.uni_o4_critic,
        "behaviours": values.uni_o4_behaviours,
        "dynamics": values.uni_o4_dynamics,
        OFFLINE: values.uni_o4,
        ONLINE: values.uni_o4_online,
    },
    "ppo": _both(values.ppo),
    "sac": _both(sac.sac),
    "td3": _both(td3.td3),
    "rlpd": _both(sac.rlpd),
    "max_q": {OFFLINE: td3.max_q},
}


def work(algorithm: str, cfg: Any, shape: Shape, phase: str = OFFLINE) -> Work:
    """FLOP of an algorithm with config `cfg` on a problem of this shape, in a gradient step of a phase."""
    return FORMULAS[algorithm][phase](cfg, shape.obs, shape.action)


def pars_step(shape: Shape) -> float:
    """FLOP per gradient step of PARS."""
    return work("pars", shape.config("pars"), shape).step
