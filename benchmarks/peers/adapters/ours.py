"""This library, through the same `Learner` that `pars train` drives."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.base import Job
from pars import system

system.setup()

from pars.algos import ALGORITHMS  # noqa: E402  after the devices are set up
from pars.core import Spec, Transition  # noqa: E402
from pars.envs import make_task  # noqa: E402
from pars.packing import pack  # noqa: E402
from pars.training.learner import Learner  # noqa: E402
from pars.training.rollout import Interaction  # noqa: E402


class Adapter:
    """Settings are those of the algorithm's config, and of the online phase `task` and `online_steps`."""

    def __init__(self, job: Job):
        data, self.job = job.read(), job
        options = dict(job.settings)
        self.task, self.online_steps = options.pop("task", None), options.pop("online_steps", 0)
        algo = ALGORITHMS[job.algorithm]
        self.cfg: Any = algo.configure({"batch_size": job.batch, **options})
        spec = Spec(data.obs.shape[1], data.action.shape[1], data.obs.mean(axis=0), data.obs.std(axis=0))
        moments = {"action_mean": data.action.mean(axis=0), "action_std": data.action.std(axis=0)}
        spec = spec._replace(first_obs=data.obs[0], goal_dim=self.cfg.goal_dim, **moments)
        extra = {column.name: data.extra[column.name] for column in algo.columns_of(self.cfg)}
        shapes = tuple((name, column.shape[1:]) for name, column in extra.items())
        self.learner = Learner(algo, [self.cfg], [job.seed], spec, shapes)
        self.learner.load(pack(Transition(*data[:-1])), extra, data.extra.get("last"))
        for phase, steps in [(one.name, one.steps(self.cfg)) for one in algo.before]:
            self.learner.start_interval(phase)
            self.learner.run(0, steps, steps, phase)
            self.learner.metrics(steps, phase)  # waits
        self.learner.start_interval("offline")
        self.done, self.asked = 0, 0
        self.first = max(self.cfg.random_steps, self.cfg.learning_starts)  # environment steps before an update
        self.interaction: Interaction | None = None

    def steps(self, count: int) -> int:
        self.learner.run(self.done, count, self.job.total)
        self.learner.metrics(count)
        self.done += count
        return count

    def interact(self, count: int) -> int:
        """Online as in `pars train`: one environment step, then `updates_per_step` gradient steps. 0 only compiles.

        Actions are random in the first `random_steps` of an algorithm that has them, and nothing is updated then, nor
        in its `learning_starts`.
        """
        if self.interaction is None:
            self._go_online()
        assert self.interaction is not None and self.learner.replay is not None
        utd = self.cfg.updates_per_step
        for _ in range(count):
            act = (
                self.learner.act(self.interaction.obs, self.met, 1.0)
                if self.met >= self.cfg.random_steps
                else self.learner.uniform_actions(self.met)
            )
            rows, _ = self.interaction.step(act)
            self.learner.replay.push(rows)
            if self.met >= self.first:
                total = (self.online_steps - self.first) * utd
                self.learner.run((self.met - self.first) * utd, utd, total, "online")
            self.met += 1
        self.learner.metrics(max(1, count * utd), "online")
        return count

    def _go_online(self) -> None:
        self.met = 0
        self.interaction = Interaction(make_task(self.task), [self.job.seed])
        self.learner.go_online(self.online_steps)
        self.learner.start_interval("online")
        self.learner.run(0, 0, self.online_steps * self.cfg.updates_per_step, "online")  # compiles
        self.learner.act(self.interaction.obs, 0, explore=1.0)

    def act(self, obs: np.ndarray) -> np.ndarray:
        """obs [n, O], of methods that see goals with the goal [n, G] beside it. A policy that draws draws anew."""
        width, self.asked = self.learner.spec.obs_dim, self.asked + 1
        if self.learner.algo.sees.goal:
            return self.learner.act((obs[None, :, :width], obs[None, :, width:]), self.asked, explore=0.0)[0]
        return self.learner.act(obs[None], self.asked, explore=0.0)[0]
