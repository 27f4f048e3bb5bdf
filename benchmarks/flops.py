"""Floating-point operations of a gradient step by formula, from the shapes of its matrix products alone.

A multiply-add counts as 2; norms, activations, random numbers and Adam count as nothing. What nobody needs is not
counted either: no gradient with respect to observations, so a program that computes one has that much less left over.
`benchmarks.count` holds the formulas against the programs and against XLA's own count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from pars.algos import find_algorithm
from pars.config import to_dict

Widths = tuple[int, ...]  # of an MLP's layers, input and output included


class Work(NamedTuple):
    """FLOP of one member."""

    always: float  # in every gradient step
    delayed: float = 0.0  # more in every `delay`-th one
    delay: int = 1

    @property
    def step(self) -> float:
        """Of a gradient step on average."""
        return self.always + self.delayed / self.delay


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
        kind = find_algorithm(algorithm).config
        usual = to_dict(kind())
        sizes = {
            "critics": self.critics,
            "target_critics": self.target_critics,
            "hidden": self._hidden(usual.get("hidden", ())),
            "actor_hidden": self._hidden(usual["actor_hidden"]),
            "batch_size": self.batch,
            "policy_delay": self.delay,
        }
        return kind(**{name: value for name, value in sizes.items() if name in usual})

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


def forward(widths: Widths) -> int:
    """Multiply-adds of one row through an MLP."""
    return sum(a * b for a, b in pairwise(widths))


def learn(widths: Widths) -> int:
    """The same with the gradient of all parameters: twice the forward pass more, but none for the input."""
    return 3 * forward(widths) - widths[0] * widths[1]


def climb(widths: Widths, part: int) -> int:
    """The same with the gradient of `part` of the inputs and of no parameter."""
    return 2 * forward(widths) - (widths[0] - part) * widths[1]


def pars(cfg: Any, obs: int, action: int) -> Work:
    """Targets of k critics, N critics on TD and PA rows; the actor climbs all N."""
    critic, actor = (obs + action, *cfg.hidden, 1), (obs, *cfg.actor_hidden, action)
    target = cfg.target_critics * forward(critic) + forward(actor)
    rows = 2 if cfg.penalty else 1
    improve = learn(actor) + cfg.critics * climb(critic, action)
    unit = 2.0 * cfg.batch_size
    return Work(unit * (target + rows * cfg.critics * learn(critic)), unit * improve, cfg.policy_delay)


def td3_bc(cfg: Any, obs: int, action: int) -> Work:
    """Twin critics; the actor climbs the first, or the lesser of both."""
    critic, actor = (obs + action, *cfg.hidden, 1), (obs, *cfg.actor_hidden, action)
    climbed = 1 if cfg.actor_value == "first" else 2
    improve = learn(actor) + climbed * climb(critic, action)
    unit = 2.0 * cfg.batch_size
    return Work(unit * (2 * forward(critic) + forward(actor) + 2 * learn(critic)), unit * improve, cfg.policy_delay)


def bc(cfg: Any, obs: int, action: int) -> Work:
    """Regression on the dataset's actions."""
    return Work(2.0 * cfg.batch_size * learn((obs, *cfg.actor_hidden, action)))


def rebrac(cfg: Any, obs: int, action: int) -> Work:
    """TD3+BC whose actor climbs the lesser of both critics."""
    critic, actor = (obs + action, *cfg.hidden, 1), (obs, *cfg.actor_hidden, action)
    improve = learn(actor) + 2 * climb(critic, action)
    unit = 2.0 * cfg.batch_size
    return Work(unit * (2 * forward(critic) + forward(actor) + 2 * learn(critic)), unit * improve, cfg.policy_delay)


def iql(cfg: Any, obs: int, action: int) -> Work:
    """Target twins and V at the dataset's actions, V again with its new weights, and at s'; no action is climbed."""
    critic, value, actor = (obs + action, *cfg.hidden, 1), (obs, *cfg.hidden, 1), (obs, *cfg.actor_hidden, action)
    once = 2 * forward(critic) + learn(value) + 2 * forward(value) + learn(actor) + 2 * learn(critic)
    return Work(2.0 * cfg.batch_size * once)


# another algorithm enters the benchmarks with a formula here
FORMULAS: dict[str, Callable[[Any, int, int], Work]] = {
    "pars": pars,
    "td3_bc": td3_bc,
    "rebrac": rebrac,
    "iql": iql,
    "bc": bc,
}


def work(algorithm: str, cfg: Any, shape: Shape) -> Work:
    """FLOP of an algorithm with config `cfg` on a problem of this shape."""
    return FORMULAS[algorithm](cfg, shape.obs, shape.action)


def pars_step(shape: Shape) -> float:
    """FLOP per gradient step of PARS."""
    return work("pars", shape.config("pars"), shape).step
