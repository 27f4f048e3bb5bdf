"""Estimates that weigh recorded episodes by how likely the policy was to do the same (Precup et al. 2000; Thomas &
Brunskill 2016, arXiv 1604.00923), per decision and self-normalised, alone and with critics ("doubly robust").

The behaviour's density is a fitted Gaussian, and a deterministic policy is given the behaviour's spread: what is
estimated is that noisy policy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pars.judge.behaviour import Behaviour
from pars.judge.evidence import Evidence

Array = np.ndarray
SAMPLES = 200  # bootstrap samples of the episodes
STEEPEST = 3.0  # of a step's log ratio: a single odd action does not decide an episode


class Weighed(NamedTuple):
    """Of one policy; both [1 + SAMPLES]: the estimate, then those of bootstrap samples."""

    plain: Array
    robust: Array
    size: float  # effective number of episodes, the discounted mean over time


def weigh(evidence: Evidence, action: Array, known: Behaviour, q: Array, v: Array, seed: int = 0) -> Weighed:
    """action: the policy's [N, A] at the rows. q, v: [N] of the data's actions and of the policy's."""
    variance = 2.0 * known.spread**2
    ratio = np.sum(((evidence.action - known.mean) ** 2 - (evidence.action - action) ** 2) / variance, axis=-1)
    table = lambda x: _by_episode(evidence, x * evidence.alive)  # noqa: E731
    log = np.cumsum(table(np.clip(ratio, -STEEPEST, STEEPEST)), axis=1)  # ended episodes keep their weight
    log -= log.max(axis=0)
    weight = np.exp(log)
    before = np.concatenate([np.ones((len(weight), 1)), weight[:, :-1]], axis=1)
    gamma = evidence.discount ** np.arange(weight.shape[1])
    reward, q_table, v_table = (table(x) for x in (evidence.reward, q, v))
    counts = _counts(len(weight), seed)
    plain = (_normalised(counts, weight, reward) * gamma).sum(axis=1)
    robust = _normalised(counts, before, v_table) + _normalised(counts, weight, reward - q_table)
    size = weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0)
    return Weighed(plain, (robust * gamma).sum(axis=1), float(np.average(size, weights=gamma)))


def _counts(episodes: int, seed: int) -> Array:
    """How often each sample has each episode [1 + SAMPLES, episodes]; the first has all once."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(episodes, np.full(episodes, 1.0 / episodes), SAMPLES)
    return np.concatenate([np.ones((1, episodes)), drawn])


def _normalised(counts: Array, weight: Array, value: Array) -> Array:
    """Weighted means [samples, T] over episodes of values [episodes, T]."""
    return (counts @ (weight * value)) / np.maximum(counts @ weight, 1e-30)


def _by_episode(evidence: Evidence, values: Array) -> Array:
    """[N] -> [episodes, T], zeros behind the ends."""
    found = np.zeros((len(evidence.begin), int(evidence.lengths.max())))
    found[evidence.episode, evidence.time] = values
    return found
