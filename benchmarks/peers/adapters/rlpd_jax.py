"""ikostrikov/rlpd, online: its SACLearner, its buffers, and the batches that its train_finetuning.py puts together.

Their loop: an action, its transition into the replay, then `updates_per_step` updates on one batch, half of it from the
dataset. The harness owns the environment; everything between two of its steps is here.
"""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.base import Job, Met, gymnasium_as_gym, load_module, old_jax, stand_in

old_jax()
gymnasium_as_gym()
stand_in("d4rl", "d4rl.gym_mujoco", "d4rl.locomotion", "dmcgym", "wandb", "rlpd.wrappers", "rlpd.wrappers.wandb_video")
stand_in("rlpd.data.binary_datasets")

import tensorflow_probability.substrates.jax  # noqa: E402, F401  read off the package
from gymnasium.spaces import Box  # noqa: E402

CLIP = 1 - 1e-5  # of the dataset's actions, as their D4RLDataset has it


def _typed(x: Any) -> Any:
    """An array of the type that an update gives back: with Python's numbers and weak types it would compile thrice."""
    return jnp.asarray(np.asarray(x))


class Adapter:
    """Settings: `updates_per_step`, `offline_rows`, `random_steps`, `online_steps`, `reward_scale`, `reward_shift`; the
    others go to SACLearner.create."""

    def __init__(self, job: Job):
        data, self.job, options = job.read(), job, dict(job.settings)
        sys.path.append(job.folder)
        self.peer = load_module(job.folder, "train_finetuning.py")
        from rlpd.data.dataset import Dataset

        names = {"updates_per_step": 1, "offline_rows": 128, "random_steps": 0, "online_steps": 10**6}
        self.utd, self.offline_rows, self.random, capacity = (options.pop(name, names[name]) for name in names)
        self.scale, self.shift = options.pop("reward_scale", 1.0), options.pop("reward_shift", 0.0)
        o, a = data.obs.shape[1], data.action.shape[1]
        spaces = Box(-np.inf, np.inf, (o,), np.float32), Box(-1.0, 1.0, (a,), np.float32, seed=job.seed)
        options = {"num_qs": job.critics, "critic_layer_norm": True} | options
        agent = self.peer.SACLearner.create(job.seed, *spaces, **options)
        self.agent = jax.tree.map(_typed, agent)
        self.buffer, self.met, self.actions = self.peer.ReplayBuffer(*spaces, capacity), 0, spaces[1]
        columns = dict(
            observations=data.obs,
            next_observations=data.next_obs,
            actions=np.clip(data.action, -CLIP, CLIP),
            rewards=data.reward,
            masks=1.0 - data.terminal,
            dones=data.terminal > 0,
        )
        self.dataset = Dataset(columns, seed=job.seed)
        self.buffer.seed(job.seed)
        batch = self._scaled(self.dataset.sample(job.batch * self.utd))
        self.agent.update(batch, self.utd)  # compiles; its result is lost

    def _scaled(self, batch: Any) -> dict[str, Any]:
        return {**batch, "rewards": self.scale * batch["rewards"] + self.shift}

    def explore(self, obs: np.ndarray) -> np.ndarray:
        if self.met < self.random:
            return self.actions.sample()
        action, self.agent = self.agent.sample_actions(obs)
        return action

    def learn(self, met: Met) -> int:
        """Store one transition and, after the random steps, update."""
        row = dict(observations=met.obs, actions=met.action, rewards=met.reward, next_observations=met.next_obs)
        self.buffer.insert({**row, "masks": 1.0 - met.terminal, "dones": bool(met.terminal)})
        self.met += 1
        if self.met <= self.random:
            return 0
        online = self.buffer.sample((self.job.batch - self.offline_rows) * self.utd)
        batch = self.peer.combine(self.dataset.sample(self.offline_rows * self.utd), online)
        self.agent, _ = self.agent.update(self._scaled(batch), self.utd)
        jax.block_until_ready(self.agent.actor.params)
        return self.utd

    def steps(self, count: int) -> int:
        if count:
            raise NotImplementedError("RLPD has no offline phase")
        return 0

    def act(self, obs: np.ndarray) -> np.ndarray:
        return self.agent.eval_actions(obs)
