"""What a population meets online: its environments, the logs on disk, and the replays on the devices."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from pars.packing import width
from pars.training.late_columns import LateColumns
from pars.training.learner import Learner
from pars.training.plan import rounded
from pars.training.rollout import Interaction
from pars.training.share import Share


class OnlineLoop:
    """Takes up where the transitions in the folders' logs end (none at the switch to the online phase).

    The learner goes online with it. steps: environment steps of each member in all.
    """

    def __init__(self, learner: Learner, shares: Sequence[Share], steps: int):
        algo, self.cfg = learner.algo, learner.configs[0]
        self.learner, self.shares, self.each, self._due = learner, shares, self.cfg.environments, algo.due
        logs = [share.folder.read_transitions(share.count, width(learner.spec)) for share in shares]
        self.interactions = [Interaction(s.task, learner.seeds[s.members], self.each, algo.sees) for s in shares]
        for interaction, log in zip(self.interactions, logs, strict=True):
            interaction.replay(*log)
        rows, last = (np.concatenate(parts, axis=1) for parts in zip(*logs, strict=True))
        self.columns = LateColumns(algo, learner.configs, learner.spec.obs_dim, learner.extra, self.each)
        learner.go_online(rounded(steps, self.each), rows, self.columns.replay(rows, last))

    def step(self, number: int) -> int:
        """From environment step `number` of every member on, one of each of their environments: random at first, else
        by the policies as they explore. -> the environment steps taken by then"""
        if number < self.cfg.random_steps:
            action = self.learner.uniform_actions(number)
        else:
            seen = jax.tree.map(lambda *parts: np.concatenate(parts), *(one.seen for one in self.interactions))
            action = self.learner.act(seen, number, explore=1.0)
        met = [one.step(share.of(action)) for one, share in zip(self.interactions, self.shares, strict=True)]
        rows, last = (np.concatenate(parts, axis=1) for parts in zip(*met, strict=True))
        assert self.learner.replay is not None
        self.learner.replay.push(rows, self.columns.at_once(last))
        for share, (own, ended) in zip(self.shares, met, strict=True):
            for i in range(self.each):
                share.folder.transitions(own[i], ended[i])
        for member, numbers, columns in self.columns(rows, last):
            self.learner.replay.annotate(member, numbers, columns)
        return number + self.each

    def due(self, steps: int) -> int:
        """Gradient steps due after so many environment steps; before the first there is nothing to learn from."""
        return self._due(self.cfg, steps) if steps else 0

    def close(self) -> None:
        for one in self.interactions:
            one.close()
