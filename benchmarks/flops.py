"""Floating-point operations of one PARS gradient step, counted from the shapes of its matrix products alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """One of the paper's problem sizes."""

    name: str
    obs: int
    action: int
    critics: int
    batch: int = 256
    width: int = 256
    layers: int = 3
    target_critics: int = 2
    delay: int = 2


PAPER = (
    Shape("antmaze 29/8, N=4", 29, 8, 4),
    Shape("hopper 11/3, N=10", 11, 3, 10),
    Shape("pen 45/24, N=10", 45, 24, 10),
)


def pars_step(s: Shape) -> float:
    """FLOP per gradient step: a multiply-add counts as 2; norms, activations and Adam count as nothing.

    A backward pass costs the forward twice, less the gradient with respect to the inputs where nobody needs it.
    """
    hidden = (s.layers - 1) * s.width**2
    critic = (s.obs + s.action) * s.width + hidden + s.width  # multiply-adds of one forward pass, per row
    actor = s.obs * s.width + hidden + s.width * s.action
    target = s.target_critics * critic + actor
    learn = s.critics * 2 * (3 * critic - (s.obs + s.action) * s.width)  # TD and PA rows
    to_action = hidden + s.width + s.action * s.width  # of Q with respect to the action
    improve = (3 * actor - s.obs * s.width + s.critics * (critic + to_action)) / s.delay
    return 2.0 * s.batch * (target + learn + improve)
