"""What formulas are made of: multiply-adds of one row through an MLP, and the networks that methods share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

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


def forward(widths: Widths) -> int:
    """Multiply-adds of one row through an MLP."""
    return sum(a * b for a, b in pairwise(widths))


def learn(widths: Widths, part: int = 0) -> int:
    """The same with the gradient of all parameters: twice the forward pass more, and of `part` of the inputs."""
    return 3 * forward(widths) - (widths[0] - part) * widths[1]


def climb(widths: Widths, part: int) -> int:
    """The same with the gradient of `part` of the inputs and of no parameter."""
    return 2 * forward(widths) - (widths[0] - part) * widths[1]


def rows(cfg: Any, always: float, delayed: float = 0.0, delay: int = 1) -> Work:
    """Of a batch, from the multiply-adds of one of its rows."""
    unit = 2.0 * cfg.batch_size
    return Work(unit * always, unit * delayed, delay)


def critic_of(cfg: Any, obs: int, action: int) -> Widths:
    return (obs + action, *cfg.hidden, 1)


def actor_of(cfg: Any, obs: int, outputs: int) -> Widths:
    return (obs, *cfg.actor_hidden, outputs)


def critics_of(cfg: Any) -> int:
    """How many critics learn: twins where their number is no setting."""
    return getattr(cfg, "critics", 2)


def penalised(cfg: Any) -> int:
    """Rows that a critic learns from for each of the batch: with the penalty one at an infeasible action too."""
    return 2 if cfg.penalty else 1


def vae_of(cfg: Any, obs: int, action: int) -> tuple[Widths, Widths]:
    """Encoder (s, a) -> mean and spread of 2 A latents, decoder (s, latents) -> a."""
    latent = 2 * action
    return (obs + action, *cfg.behaviour_hidden, 2 * latent), (obs + latent, *cfg.behaviour_hidden, action)


def vae_step(cfg: Any, obs: int, action: int) -> int:
    """Multiply-adds of a row of the VAE's own step: the gradient reaches the encoder through the latents."""
    encoder, decoder = vae_of(cfg, obs, action)
    return learn(encoder) + learn(decoder, 2 * action)
