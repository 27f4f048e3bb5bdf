"""Who trains the model of a phase: each member its own, or one member that of all who would train the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from pars.config import stack
from pars.core import Metrics, Phase, State
from pars.errors import UsageError
from pars.training.placement import Placement

Tree = Any


class Trainers:
    """The members of a population that train in a phase, G of P.

    Those of one seed and one dataset whose `Phase.depends_on` agree would train the same, as the keys of a phase and of
    `init` come from the seed alone. The first of them trains, and what the phase trains is copied to the others after
    every block, so that state, metrics and checkpoints are always those of P members alone, to the last bit on a CPU.

    Args:
        own: rows and offset [P] of each member's dataset, see `Tables`.
    """

    def __init__(
        self, phase: Phase, configs: Sequence[Any], seeds: Sequence[int], own: tuple[Any, Any], placement: Placement
    ) -> None:
        if phase.depends_on and not phase.trains:
            raise UsageError(f"phase {phase.name} has `depends_on`; name the fields of the state in its `trains`, too")
        self.models = alike(phase, configs, seeds, own[1].tolist())
        self.first = np.unique(self.models, return_index=True)[1]
        self.count, self.trains = len(self.first), phase.trains
        self.all = self.count == len(seeds)
        self.placement = replace(placement, members=self.count)
        # of those who train, NumPy [G]: configs, seeds, rows and offsets of their datasets
        whole = stack(configs), np.asarray(seeds, np.int32), own
        self.cfg, self.seeds, self.own = jax.tree.map(lambda x: np.asarray(x)[self.first], whole)
        self._pick = jax.jit(partial(self.placement.select, members=self.first))
        self._spread = jax.jit(partial(self._copied, placement), donate_argnums=0)

    def pick(self, tree: Tree) -> Tree:
        """Per-member arrays [P, ..] -> [G, ..] of those who train."""
        return tree if self.all else self._pick(tree)

    def spread(self, whole: State, state: State, sums: Metrics) -> tuple[State, Metrics]:
        """State and sums of P members, from the state `whole` before a block, which is used up, and from those of the
        trainers after it."""
        return (state, sums) if self.all else self._spread(whole, state, sums)

    def _copied(self, placement: Placement, whole: State, state: State, sums: Metrics) -> tuple[State, Metrics]:
        trained, sums = placement.select((state, sums), self.models)
        return whole._replace(**{name: getattr(trained, name) for name in self.trains}), sums


def alike(phase: Phase, configs: Sequence[Any], seeds: Sequence[int], data: Sequence[int]) -> np.ndarray:
    """Number [P] of the model that each member gets, counted from 0 as they first appear.

    Args:
        data: of each member, what tells its dataset from others.
    """
    if phase.depends_on is None:
        return np.arange(len(seeds))
    keys = [*zip(seeds, data, map(phase.depends_on, configs), strict=True)]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys])
