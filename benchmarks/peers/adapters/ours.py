"""This library, through the same `Learner` that `pars train` drives."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.base import Job
from pars import system

system.setup()

import jax  # noqa: E402  after the devices are set up

from pars.algos import ALGORITHMS  # noqa: E402
from pars.core import Spec, Transition  # noqa: E402
from pars.envs import make_task  # noqa: E402
from pars.packing import pack  # noqa: E402
from pars.training.learner import Learner  # noqa: E402
from pars.training.rollout import Interaction  # noqa: E402


class Adapter:
    """Settings are those of the algorithm's config, and of the online phase `task`, `online_steps` and `handover`: a
    file to which actor and critics are written as they are when it begins."""

    def __init__(self, job: Job):
        data, self.job = job.read(), job
        options = dict(job.settings)
        self.task, self.online_steps = options.pop("task", None), options.pop("online_steps", 0)
        self.handover = options.pop("handover", None)
        self.algo = algo = ALGORITHMS[job.algorithm]
        self.cfg: Any = algo.configure({"batch_size": job.batch, **options})
        spec = Spec(data.obs.shape[1], data.action.shape[1], data.obs.mean(axis=0), data.obs.std(axis=0))
        moments = {"action_mean": data.action.mean(axis=0), "action_std": data.action.std(axis=0)}
        spec = spec._replace(first_obs=data.obs[0], goal_dim=self.cfg.goal_dim, **moments)
        if algo.weights:
            spec = spec._replace(rows=len(data.obs), capacity=self.online_steps)
        extra = {column.name: data.extra[column.name] for column in algo.columns_of(self.cfg)}
        shapes = tuple((name, column.shape[1:]) for name, column in extra.items())
        self.learner = Learner(algo, [self.cfg], [job.seed], spec, shapes)
        last = data.extra.get("last")
        self.learner.load(pack(Transition(*data[:-1])), extra, None if last is None else last > 0)
        for phase, steps in [(one.name, one.steps(self.cfg)) for one in algo.before]:
            self.learner.start_interval(phase)
            self.learner.run(0, steps, steps, phase)
            self.learner.metrics(steps, phase)  # waits
        self.learner.start_interval("offline")
        self.done, self.asked = 0, 0
        self.interaction: Interaction | None = None

    def steps(self, count: int) -> int:
        self.learner.run(self.done, count, self.job.total)
        self.learner.metrics(count)
        self.done += count
        return count

    def interact(self, count: int) -> int:
        """Online as in `pars train`: one environment step, then the gradient steps that are due. 0 only compiles.

        Actions are random in the first `random_steps` of an algorithm that has them.
        """
        if self.interaction is None:
            self._go_online()
        assert self.interaction is not None and self.learner.replay is not None
        before = self._due(self.met)
        for _ in range(count):
            act = (
                self.learner.act(self.interaction.obs, self.met, 1.0)
                if self.met >= self.cfg.random_steps
                else self.learner.uniform_actions(self.met)
            )
            rows, _ = self.interaction.step(act)
            self.learner.replay.push(rows)
            done, self.met = self._due(self.met), self.met + 1
            if self._due(self.met) > done:
                self.learner.run(done, self._due(self.met) - done, self._due(self.online_steps), "online")
        self.learner.metrics(max(1, self._due(self.met) - before), "online")
        return count

    def _due(self, steps: int) -> int:
        """Gradient steps after so many environment steps."""
        return self.algo.due(self.cfg, steps)

    def _go_online(self) -> None:
        self.met = 0
        if self.handover:
            self._hand_over()
        self.interaction = Interaction(make_task(self.task), [self.job.seed])
        self.learner.go_online(self.online_steps)
        self.learner.start_interval("online")
        self.learner.run(0, 0, self._due(self.online_steps), "online")  # compiles
        self.learner.act(self.interaction.obs, 0, explore=1.0)

    def _hand_over(self) -> None:
        """As arrays by name, "critic/mlp/Dense_0/kernel", of the one member."""
        state = self.learner.state
        leaves, _ = jax.tree.flatten_with_path({"actor": state.actor.params, "critic": state.critic.params})
        named = {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)[0] for path, leaf in leaves}
        np.savez(self.handover, **named)

    def act(self, obs: np.ndarray) -> np.ndarray:
        """obs [n, O], of methods that see goals with the goal [n, G] beside it. A policy that draws draws anew."""
        width, self.asked = self.learner.spec.obs_dim, self.asked + 1
        if self.learner.algo.sees.goal:
            return self.learner.act((obs[None, :, :width], obs[None, :, width:]), self.asked, explore=0.0)[0]
        return self.learner.act(obs[None], self.asked, explore=0.0)[0]
