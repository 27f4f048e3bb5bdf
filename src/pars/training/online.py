"""What a population meets online: its environments, the log on disk, and the replays on the devices."""

from __future__ import annotations

from pars.envs.base import Task
from pars.packing import width
from pars.training.folder import RunFolder
from pars.training.late_columns import LateColumns
from pars.training.learner import Learner
from pars.training.rollout import Interaction


class OnlineLoop:
    """Takes up where the transitions in the folder's log end (none at the switch to the online phase).

    The learner goes online with it. steps: environment steps of each member in all.
    """

    def __init__(self, learner: Learner, folder: RunFolder, task: Task, steps: int):
        algo, self.cfg = learner.algo, learner.configs[0]
        self.learner, self.folder, self.each, self._due = learner, folder, self.cfg.environments, algo.due
        rows, last = folder.read_transitions(len(learner.seeds), width(learner.spec))
        self.interaction = Interaction(task, learner.seeds, self.each, algo.sees)
        self.interaction.replay(rows, last)
        self.columns = LateColumns(algo, learner.configs, learner.spec.obs_dim, learner.extra, self.each)
        learner.go_online(rounded(steps, self.each), rows, self.columns.replay(rows, last))

    def step(self, number: int) -> int:
        """From environment step `number` of every member on, one of each of their environments: random at first, else
        by the policies as they explore. -> the environment steps taken by then"""
        if number < self.cfg.random_steps:
            action = self.learner.uniform_actions(number)
        else:
            action = self.learner.act(self.interaction.seen, number, explore=1.0)
        rows, last = self.interaction.step(action)
        assert self.learner.replay is not None
        self.learner.replay.push(rows, self.columns.at_once(last))
        for i in range(self.each):
            self.folder.transitions(rows[i], last[i])
        for member, numbers, columns in self.columns(rows, last):
            self.learner.replay.annotate(member, numbers, columns)
        return number + self.each

    def due(self, steps: int) -> int:
        """Gradient steps due after so many environment steps; before the first there is nothing to learn from."""
        return self._due(self.cfg, steps) if steps else 0

    def close(self) -> None:
        self.interaction.close()


def rounded(steps: int, each: int) -> int:
    """Environment steps of a member in whole turns of all its environments."""
    return -(-steps // each) * each
