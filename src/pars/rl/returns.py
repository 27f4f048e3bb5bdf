"""Returns of recorded episodes, as arrays in the order of the data. N transitions; `last` ends an episode."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
AHEAD = 2000  # rows


def mc_return(
    reward: Array,
    terminal: Array,
    last: Array,
    discount: float,
    *,
    scale: float = 1.0,
    shift: float = 0.0,
    cut_at_terminals: bool = True,
    failure: float | None = None,
) -> Array:
    """Discounted return-to-go [M] of `scale * reward + shift`, to the end of the episode: G_t = r_t + discount G_t+1.

    The sum of an episode that was cut by a time limit ends there too: a lower bound if later rewards are not negative.

    Args:
        reward, terminal, last: columns [M] of a dataset, in its order.
        cut_at_terminals: end the sum at terminal rows as well; False for files in which the recorded agent went on.
        failure: a transformed reward; where an episode holds nothing else, the return is that of receiving it for
            ever, failure / (1 - discount), as Cal-QL has it for sparse rewards (Nakamoto et al. 2023, 2303.05479).
    """
    rewards = scale * np.asarray(reward, np.float64) + shift
    cut = np.asarray(last) | (np.asarray(terminal) > 0 if cut_at_terminals else False)
    cut[-1] = True
    end = np.flatnonzero(cut)
    length = np.diff(end, prepend=-1)
    lost = np.zeros(len(rewards), bool)
    if failure is not None:
        lost = np.repeat(np.logical_and.reduceat(np.isclose(rewards, failure), end - length + 1), length)
    for back in range(1, int(length.max())):  # all episodes at once, from their ends towards their beginnings
        end, length = end[length > back], length[length > back]
        rewards[end - back] += discount * rewards[end - back + 1]
    if failure is not None:
        rewards[lost] = failure / (1.0 - discount)
    return rewards.astype(np.float32)


def returns_ahead(reward: Array, terminal: Array, last: Array, picks: Array, discount: float) -> np.ndarray:
    """Discounted return-to-go [K] of the rows `picks` [K] alone, over the `AHEAD` rows that follow at most.

    reward, terminal, last: columns [N] of a dataset, of which only those rows are read.
    """
    found, alive, weight = np.zeros(len(picks)), np.ones(len(picks), bool), 1.0
    for ahead in range(AHEAD):
        alive = alive & (picks + ahead < len(reward))
        rows = picks[alive] + ahead
        if not len(rows):
            break
        found[alive] += weight * np.asarray(reward[rows], np.float64)
        alive[alive] = ~((np.asarray(last[rows]) > 0) | (np.asarray(terminal[rows]) > 0))
        weight *= discount
    return found


def episode_returns(reward: Array, last: Array) -> np.ndarray:
    """Undiscounted return of every episode, the unfinished one at the end included. reward, last [N] -> [episodes]"""
    starts = np.flatnonzero(np.concatenate([[True], np.asarray(last, bool)[:-1]]))
    return np.add.reduceat(np.asarray(reward, np.float64), starts)


def best_episodes(reward: Array, last: Array, fraction: float) -> np.ndarray:
    """[N] bool: transitions of the best `fraction` of all episodes by return, at least one.

    An episode without a `last` row at its end is left out. Loaded datasets have none: their last row is marked.
    """
    last = np.array(last, bool)
    number = np.cumsum(last) - last
    returns, finished = episode_returns(reward, last), int(last.sum())
    if finished == 0:
        return np.ones(len(last), bool)
    best = np.argsort(-returns[:finished], kind="stable")[: max(1, int(fraction * finished))]
    chosen = np.zeros(len(returns), bool)
    chosen[best] = True
    return chosen[number]
