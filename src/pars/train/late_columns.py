"""Columns of online transitions that are known only when their episode has ended, such as its return to go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pars.core import Algorithm, Transition
from pars.packing import Extra, unpack

Array = np.ndarray


class Hindsight:
    """The open episodes of a population, and what its algorithm makes of them when they end.

    Everything is a function of the rows so far: a resumed run hands in those of earlier steps.
    """

    def __init__(self, algo: Algorithm, configs: list[Any], obs_dim: int, extra: Extra):
        assert algo.hindsight is not None
        self.algo, self.configs, self.obs_dim = algo, configs, obs_dim
        self.names = [name for name, _ in extra]
        self.open: list[list[Array]] = [[] for _ in configs]  # rows of each member's open episode
        self.steps = 0

    def __call__(self, rows: Array, last: Array) -> Iterator[tuple[int, int, Array]]:
        """After a step with rows [P, W], of which `last` [P] ended their episodes: member, number of the first row of
        the episode, and the columns [T, X] of its rows, for each that ended."""
        self.steps += 1
        for member, episode in enumerate(self.open):
            episode.append(rows[member])
            if last[member]:
                yield member, self.steps - len(episode), self._columns(member, np.stack(episode))
                episode.clear()

    def replay(self, rows: Array, last: Array, width: int) -> Array:
        """The columns [T, P, X] of all earlier steps' rows [T, P, W]."""
        found = np.full((len(rows), len(self.configs), width), self.algo.unknown, np.float32)
        for row, ended in zip(rows, last, strict=True):
            for member, first, columns in self(row, ended):
                found[first : first + len(columns), member] = columns
        return found

    def _columns(self, member: int, rows: Array) -> Array:
        episode: Transition = unpack(rows, self.obs_dim)
        columns = self.algo.hindsight(self.configs[member], episode)  # type: ignore[misc]
        return np.concatenate([np.reshape(columns[name], (len(rows), -1)) for name in self.names], axis=1)
