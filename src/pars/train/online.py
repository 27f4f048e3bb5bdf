"""What a population meets online: one environment per member, the log on disk, and the replays on the devices."""

from __future__ import annotations

from pars.envs.base import Task
from pars.packing import width
from pars.train.folder import RunFolder
from pars.train.late_columns import Hindsight
from pars.train.learner import Learner
from pars.train.plan import Group
from pars.train.rollout import Interaction


class Experience:
    """Takes up where the transitions in the folder's log end (none at the switch to the online phase).

    The learner goes online with it. capacity: environment steps of each member in all.
    """

    def __init__(self, group: Group, learner: Learner, folder: RunFolder, task: Task, capacity: int):
        self.learner, self.folder = learner, folder
        self.utd = group.configs[0].updates_per_step
        self.random_steps = group.configs[0].random_steps
        rows, last = folder.read_transitions(len(group.seeds), width(learner.spec))
        self.interaction = Interaction(task, [*group.seeds])
        self.interaction.replay(rows, last)
        self.hindsight: Hindsight | None = None
        extra = None
        if group.algo.hindsight is not None:
            self.hindsight = Hindsight(group.algo, [*group.configs], learner.spec.obs_dim, learner.extra)
            extra = self.hindsight.replay(rows, last, learner.extra_width)
        learner.go_online()
        learner.set_replay(rows, capacity, extra)

    def step(self, number: int) -> None:
        """Environment step `number` of every member: random at first, else by the policies as they explore."""
        if number < self.random_steps:
            action = self.learner.uniform_actions(number)
        else:
            action = self.learner.act(self.interaction.obs, number, explore=1.0)
        rows, last = self.interaction.step(action)
        self.folder.transitions(rows, last)
        self.learner.push(rows)
        if self.hindsight is not None:
            for member, first, columns in self.hindsight(rows, last):
                self.learner.annotate(member, first, columns)

    def updates(self, first: int, end: int) -> int:
        """Gradient steps of the environment steps [first, end): none while actions are random."""
        return self.utd * (max(end, self.random_steps) - max(first, self.random_steps))

    def close(self) -> None:
        self.interaction.close()
