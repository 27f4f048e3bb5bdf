"""CORL's PyTorch files (tinkoff-ai/CORL: algorithms/offline): TD3+BC, SAC-N, EDAC, IQL.

Their loop: a batch from the file's own buffer on the host, then one call of the trainer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Job, load_module, stand_in

stand_in("d4rl", "gym", "pyrallis", "wandb")


class Adapter:
    """Settings: `discount`, `alpha` (weight of Q) and `normalize` of TD3+BC."""

    def __init__(self, job: Job):
        data = job.read()
        self.job, self.peer = job, load_module(job.folder, f"algorithms/offline/{job.algorithm}.py")
        self.peer.set_seed(job.seed)
        columns = data.d4rl()
        self.mean, self.std = np.zeros(1, np.float32), np.ones(1, np.float32)
        if job.settings.get("normalize", job.algorithm in ("td3_bc", "iql")):
            self.mean, self.std = self.peer.compute_mean_std(data.obs, eps=1e-3)
            for name in ("observations", "next_observations"):
                columns[name] = self.peer.normalize_states(columns[name], self.mean, self.std)
        sizes = data.obs.shape[1], data.action.shape[1]
        self.buffer = self.peer.ReplayBuffer(*sizes, len(data.obs))
        self.buffer.load_d4rl_dataset(columns)
        make = {"td3_bc": self._td3_bc, "iql": self._iql, "sac_n": self._sac_n, "edac": self._sac_n}
        self.update = make[job.algorithm](*sizes)

    def _adam(self, module: Any) -> Any:
        return torch.optim.Adam(module.parameters(), lr=3e-4)

    def _td3_bc(self, obs: int, action: int) -> Any:
        self.actor = self.peer.Actor(obs, action, 1.0)
        critics = [self.peer.Critic(obs, action) for _ in range(2)]
        options = {name: self.job.settings[name] for name in ("discount", "alpha") if name in self.job.settings}
        trainer = self.peer.TD3_BC(
            max_action=1.0,
            actor=self.actor,
            actor_optimizer=self._adam(self.actor),
            critic_1=critics[0],
            critic_1_optimizer=self._adam(critics[0]),
            critic_2=critics[1],
            critic_2_optimizer=self._adam(critics[1]),
            **options,
        )
        return trainer.train

    def _iql(self, obs: int, action: int) -> Any:
        q, v = self.peer.TwinQ(obs, action), self.peer.ValueFunction(obs)
        self.actor = self.peer.GaussianPolicy(obs, action, 1.0)
        trainer = self.peer.ImplicitQLearning(
            max_action=1.0,
            actor=self.actor,
            actor_optimizer=self._adam(self.actor),
            q_network=q,
            q_optimizer=self._adam(q),
            v_network=v,
            v_optimizer=self._adam(v),
            max_steps=self.job.total,
        )
        return trainer.train

    def _sac_n(self, obs: int, action: int) -> Any:
        self.actor = self.peer.Actor(obs, action, 256)
        critic = self.peer.VectorizedCritic(obs, action, 256, self.job.critics)
        kind = self.peer.SACN if self.job.algorithm == "sac_n" else self.peer.EDAC
        trainer = kind(
            actor=self.actor,
            actor_optimizer=self._adam(self.actor),
            critic=critic,
            critic_optimizer=self._adam(critic),
            alpha_learning_rate=3e-4,
        )
        return trainer.update

    def steps(self, count: int) -> int:
        for _ in range(count):
            self.update(self.buffer.sample(self.job.batch))
        return count

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """TD3+BC's actor on all rows at once; theirs takes one row a call."""
        return self.actor(torch.as_tensor((obs - self.mean) / self.std, dtype=torch.float32)).numpy()
