"""Floating-point operations of one step of each algorithm as its authors wrote it, counted as in benchmarks/flops.

What a peer computes beyond its algorithm, such as gradients that it throws away, is not credited; a pass that its step
asks for, such as SAC-N's random actions for the log, is.
"""

from __future__ import annotations

from benchmarks.flops import Shape, work
from benchmarks.flops.products import climb, forward, learn
from benchmarks.flops.sac import diversity


def critic(s: Shape, layers: int) -> tuple[int, ...]:
    return (s.obs + s.action, *[s.width] * layers, 1)


def actor(s: Shape, layers: int, heads: int = 1) -> tuple[int, ...]:
    return (s.obs, *[s.width] * layers, heads * s.action)


def ours(algorithm: str, s: Shape) -> float:
    """Of an algorithm whose step is ours with its default settings."""
    return work(algorithm, s.config(algorithm), s).step


def pars(s: Shape) -> float:
    return ours("pars", s)


def stand_in(s: Shape) -> float:
    """td3-jax with the PARS loss: every target critic in the target, an actor of two layers."""
    q, pi, n = critic(s, 3), actor(s, 2), s.critics
    always = n * forward(q) + forward(pi) + 2 * n * learn(q)  # TD and PA rows
    return 2.0 * s.batch * (always + (learn(pi) + n * climb(q, s.action)) / 2)


def td3_bc(s: Shape) -> float:
    """TD3 and TD3+BC."""
    return ours("td3_bc", s)


def rebrac(s: Shape, critic_steps: int = 1, delay: int = 2) -> float:
    """Three layers; the actor climbs the minimum of both critics.

    Args:
        critic_steps: critic updates on the batch of one step.
        delay: steps per actor update.
    """
    q, pi = critic(s, 3), actor(s, 3)
    always = critic_steps * (2 * forward(q) + forward(pi) + 2 * learn(q))
    return 2.0 * s.batch * (always + (learn(pi) + 2 * climb(q, s.action)) / delay)


def unifloral_rebrac(s: Shape) -> float:
    return rebrac(s, critic_steps=2, delay=1)


def sac_n(s: Shape) -> float:
    """Ours, but one draw of the actor serves it and the temperature."""
    return ours("sac_n", s) - 2.0 * s.batch * forward(actor(s, 3, heads=2))


def unifloral_sac_n(s: Shape) -> float:
    return ours("sac_n", s)


def corl_sac_n(s: Shape) -> float:
    """The critics run once more at random actions, for the log."""
    return ours("sac_n", s) + 2.0 * s.batch * s.critics * forward(critic(s, 3))


def unifloral_edac(s: Shape) -> float:
    return unifloral_sac_n(s) + _diversity(s)


def corl_edac(s: Shape) -> float:
    return corl_sac_n(s) + _diversity(s)


def _diversity(s: Shape) -> float:
    """Slopes of all critics in one pass; ours takes them once more to share critics out to devices."""
    return 2.0 * s.batch * s.critics * diversity(critic(s, 3), s.action)


def iql(s: Shape) -> float:
    """Two layers each: value, twin critics, policy."""
    q, v, pi = critic(s, 2), (s.obs, s.width, s.width, 1), actor(s, 2)
    return 2.0 * s.batch * (forward(v) + 2 * forward(q) + learn(v) + 2 * learn(q) + learn(pi))
