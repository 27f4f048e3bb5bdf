"""Further columns of online transitions: those known at once, and those known when the episode has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pars.core import Algorithm, Column, Transition
from pars.packing import Extra, unpack

Array = np.ndarray
LAST = "last"  # the column that is known at once: whether the transition ended its episode


class LateColumns:
    """The open episodes of a population, and what its algorithm makes of them when they end.

    Everything is a function of the rows so far: a resumed run hands in those of earlier steps.

    Args:
        extra: the columns of the configs, with their shapes.
        each: environments of a member.
    """

    def __init__(self, algo: Algorithm, configs: Sequence[Any], obs_dim: int, extra: Extra, each: int = 1):
        self.configs, self.obs_dim, self.each = configs, obs_dim, each
        self.columns = algo.columns_of(configs[0])
        self.widths = [int(np.prod(shape)) for _, shape in extra]
        self.late = any(column.late for column in self.columns)
        self.open: list[list[list[Array]]] = [[[] for _ in range(each)] for _ in configs]  # rows of open episodes
        self.taken = 0  # rows of each member so far

    def at_once(self, last: Array) -> Array:
        """The columns [.., X] of transitions as far as they are known when they are met. last: [..]"""
        parts = [
            np.broadcast_to(np.asarray(last, np.float32)[..., None], (*last.shape, width))
            if column.name == LAST
            else np.full((*last.shape, width), column.unknown, np.float32)
            for column, width in zip(self.columns, self.widths, strict=True)
        ]
        return np.concatenate([np.zeros((*last.shape, 0), np.float32), *parts], axis=-1)

    def __call__(self, rows: Array, last: Array) -> Iterator[tuple[int, Array, Array]]:
        """After a step with rows [n, P, W], of which `last` [n, P] ended their episodes: member, the numbers [T] of an
        ended episode's rows, and their columns [T, X]."""
        self.taken += self.each
        if not self.late:
            return
        for member, envs in enumerate(self.open):
            for i, episode in enumerate(envs):
                episode.append(rows[i, member])
                if last[i, member]:
                    numbers = self.taken - self.each * np.arange(len(episode), 0, -1) + i
                    yield member, numbers, self._columns(member, np.stack(episode))
                    episode.clear()

    def replay(self, rows: Array, last: Array) -> Array:
        """The columns [T, P, X] of all earlier steps' rows [T, P, W]."""
        found = self.at_once(last)
        if not self.late:
            self.taken = len(rows)
            return found
        for at in range(0, len(rows), self.each):
            here = slice(at, at + self.each)
            for member, numbers, columns in self(rows[here], last[here]):
                found[numbers, member] = columns
        return found

    def _columns(self, member: int, rows: Array) -> Array:
        episode = unpack(rows, self.obs_dim)
        last = np.arange(len(rows)) == len(rows) - 1
        known, at, parts = self.at_once(last), 0, []
        for column, width in zip(self.columns, self.widths, strict=True):
            parts.append(self._late(column, member, episode) if column.late else known[:, at : at + width])
            at += width
        return np.concatenate(parts, axis=1)

    def _late(self, column: Column, member: int, episode: Transition) -> Array:
        assert column.late is not None
        return np.reshape(column.late(self.configs[member], episode), (len(episode.reward), -1))
