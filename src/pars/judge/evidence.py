"""The rows of a dataset that policies are judged on: whole episodes, some of them held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pars.data import Dataset
from pars.errors import DataError, UsageError
from pars.rl.returns import mc_return

Array = np.ndarray
HELD_OUT = 0.2  # of the episodes: no critic is fitted to them
LONGEST = 0.99  # the default discount looks no further than a hundred steps
FEWEST = 5  # episodes


class Evidence(NamedTuple):
    """N rows of whole episodes, in order."""

    obs: Array  # [N, O]
    action: Array  # [N, A] in [-1, 1]
    reward: Array  # [N] raw
    next_obs: Array  # [N, O]
    terminal: Array  # [N]
    begin: Array  # [episodes] number of each one's first row
    episode: Array  # [N] number of each row's
    held: Array  # [episodes] bool
    ahead: Array  # [N] discounted return-to-go of the data
    discount: float
    starts: Array  # [S, O] where the episodes begin whose return is estimated

    @property
    def returns(self) -> Array:
        """Discounted return of each episode [episodes]."""
        return self.ahead[self.begin]

    @property
    def lengths(self) -> Array:
        """Rows of each episode [episodes]."""
        return np.diff(self.begin, append=len(self.reward))

    @property
    def time(self) -> Array:
        """Steps since the episode began [N]."""
        return np.arange(len(self.reward)) - self.begin[self.episode]

    @property
    def alive(self) -> Array:
        """[N] bool: no earlier row of the episode is terminal. Some recorders let the agent go on where a task ends."""
        ends: Array = np.cumsum(self.terminal > 0) - (self.terminal > 0)
        return ends == ends[self.begin][self.episode]

    @property
    def plain_returns(self) -> Array:
        """Undiscounted return of each episode [episodes]."""
        return np.add.reduceat(self.reward * self.alive.astype(np.float64), self.begin)

    @property
    def ends(self) -> Array:
        """Rows up to the end of each episode that the task ended."""
        return self.time[(self.terminal > 0) & self.alive] + 1

    @property
    def followed(self) -> Array:
        """[N] bool: the next row is of the same episode."""
        return np.append(self.episode[1:] == self.episode[:-1], False)


def evidence(data: Dataset, rows: int, discount: float | None = None, starts: Array | None = None) -> Evidence:
    """Episodes of `data`, drawn until they have `rows` rows; all, if it has no more.

    Args:
        discount: by default `discount_for` the lengths of all episodes.
        starts: [S, O] observations where episodes begin, by default those of the data.

    Raises DataError for too few episodes.
    """
    last = np.append(np.asarray(data.last[:-1], bool), True)  # an unfinished episode counts as one
    ends = np.flatnonzero(last)
    lengths = np.diff(ends, prepend=-1)
    if len(lengths) < FEWEST:
        raise DataError(f"{data.name} has {len(lengths)} episodes; judging needs {FEWEST} at least, to hold some out")
    if discount is None:
        discount = discount_for(lengths)
    if not 0.0 < discount < 1.0:
        raise UsageError(f"discount={discount:g}: must lie between 0 and 1, such as 0.99")
    order = np.random.default_rng(0).permutation(len(lengths))
    enough = max(FEWEST, int(np.searchsorted(np.cumsum(lengths[order]), rows)) + 1)
    chosen = np.sort(order[:enough])
    picks = np.concatenate([np.arange(ends[i] - lengths[i] + 1, ends[i] + 1) for i in chosen])
    obs, action, reward, next_obs, terminal = (np.asarray(part[picks], np.float32) for part in data.columns[:5])
    held = np.zeros(len(chosen), bool)
    held[np.random.default_rng(1).permutation(len(chosen))[: max(1, round(HELD_OUT * len(chosen)))]] = True
    begin = np.cumsum(lengths[chosen]) - lengths[chosen]
    last = np.zeros(len(picks), bool)
    last[begin + lengths[chosen] - 1] = True
    ahead = mc_return(reward, terminal, last, discount).astype(np.float64)
    episode = np.repeat(np.arange(len(chosen)), lengths[chosen])
    starts = obs[begin] if starts is None else np.asarray(starts, np.float32)
    return Evidence(obs, action, reward, next_obs, terminal, begin, episode, held, ahead, discount, starts)


def discount_for(lengths: Array) -> float:
    """A horizon of a quarter of the longest episode, so that what a time limit cuts off weighs 2 % at most, and of a
    hundred steps at most."""
    return float(np.clip(1.0 - 4.0 / max(lengths), 0.5, LONGEST))
