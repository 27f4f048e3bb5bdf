"""Floating-point operations of one step of each algorithm as its authors wrote it, counted as in benchmarks/flops.py.

What a peer computes beyond its algorithm, such as gradients that it throws away, is not credited; a pass that its step
asks for, such as SAC-N's random actions for the log, is.
"""

from __future__ import annotations

from benchmarks import flops
from benchmarks.flops import Shape, climb, forward, learn


def critic(s: Shape, layers: int) -> tuple[int, ...]:
    return (s.obs + s.action, *[s.width] * layers, 1)


def actor(s: Shape, layers: int, heads: int = 1) -> tuple[int, ...]:
    return (s.obs, *[s.width] * layers, heads * s.action)


def pars(s: Shape) -> float:
    """Ours with its default settings."""
    return flops.work("pars", s.config("pars"), s).step


def stand_in(s: Shape) -> float:
    """td3-jax with the PARS loss: every target critic in the target, an actor of two layers."""
    q, pi, n = critic(s, 3), actor(s, 2), s.critics
    always = n * forward(q) + forward(pi) + 2 * n * learn(q)  # TD and PA rows
    return 2.0 * s.batch * (always + (learn(pi) + n * climb(q, s.action)) / 2)


def td3_bc(s: Shape) -> float:
    """TD3 and TD3+BC, two layers each: twin critics, the actor climbs the first one every second step."""
    q, pi = critic(s, 2), actor(s, 2)
    always = 2 * forward(q) + forward(pi) + 2 * learn(q)
    return 2.0 * s.batch * (always + (learn(pi) + climb(q, s.action)) / 2)


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


def sac_n(s: Shape, entropy_pass: bool = False, random_pass: bool = False) -> float:
    """N critics of three layers, all of them in every target and every actor step.

    Args:
        entropy_pass: the actor runs once more for the temperature.
        random_pass: the critics run once more at random actions, for the log.
    """
    q, pi, n = critic(s, 3), actor(s, 3, heads=2), s.critics
    rows = forward(pi) + n * forward(q) + n * learn(q) + learn(pi) + n * climb(q, s.action)
    return 2.0 * s.batch * (rows + entropy_pass * forward(pi) + random_pass * n * forward(q))


def unifloral_sac_n(s: Shape) -> float:
    return sac_n(s, entropy_pass=True)


def corl_sac_n(s: Shape) -> float:
    return sac_n(s, entropy_pass=True, random_pass=True)


def diversity(s: Shape) -> float:
    """EDAC's term: Q and its gradient at the action, and the backward pass of that gradient.

    The networks have no curvature but ReLU's, so the last costs twice the gradient.
    """
    q = critic(s, 3)
    return 2.0 * s.batch * s.critics * (forward(q) + 3 * (climb(q, s.action) - forward(q)))


def unifloral_edac(s: Shape) -> float:
    return unifloral_sac_n(s) + diversity(s)


def corl_edac(s: Shape) -> float:
    return corl_sac_n(s) + diversity(s)


def iql(s: Shape) -> float:
    """Two layers each: value, twin critics, policy."""
    q, v, pi = critic(s, 2), (s.obs, s.width, s.width, 1), actor(s, 2)
    return 2.0 * s.batch * (forward(v) + 2 * forward(q) + learn(v) + 2 * learn(q) + learn(pi))
