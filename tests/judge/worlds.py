"""A two-step world whose values are known: nothing is earned in the first step, the action in the second."""

from __future__ import annotations

import numpy as np

from pars.judge.evidence import Evidence
from pars.judge.fitted import Actions

DISCOUNT = 0.5


def two_steps(episodes: int = 60, held: int = 12) -> Evidence:
    """obs [0] -> [1] -> the end. A policy that always takes a is worth 0.5 a at the start; actions are uniform."""
    rng = np.random.default_rng(0)
    n = 2 * episodes
    time = np.tile([0.0, 1.0], episodes)
    action = rng.uniform(-1, 1, (n, 1)).astype(np.float32)
    reward = (time * action[:, 0]).astype(np.float32)
    ahead = np.where(time == 0, DISCOUNT * np.roll(reward, -1), reward).astype(np.float64)
    obs = time[:, None].astype(np.float32)
    out = np.arange(episodes) < held
    begin = np.arange(0, n, 2)
    rows = obs, action, reward, obs + 1.0, time.astype(np.float32), begin, np.repeat(np.arange(episodes), 2), out
    return Evidence(*rows, ahead, DISCOUNT, obs[begin])


def constant(evidence: Evidence, values: list[float]) -> Actions:
    """Policies that always do the same."""
    wide = np.array(values, np.float32)[:, None, None]
    sizes = len(evidence.obs), len(evidence.obs), len(evidence.starts)
    return Actions(*(np.broadcast_to(wide, (len(values), size, 1)) for size in sizes))
