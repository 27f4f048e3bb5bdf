"""CORL's PyTorch files (tinkoff-ai/CORL: algorithms/offline): TD3+BC, SAC-N, EDAC, IQL, CQL.

Their loop: a batch from the file's own buffer on the host, then one call of the trainer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Job, load_module, stand_in

stand_in("d4rl", "gym", "pyrallis", "wandb")

NORMALIZED = ("td3_bc", "iql", "cql")  # by their configs for locomotion


class Adapter:
    """Settings: `normalize`, `reward_scale`, `reward_shift`, `actor_lr`, `critic_lr`, of CQL `q_layers`; the others go
    to their trainer's constructor."""

    def __init__(self, job: Job):
        data, self.options = job.open()
        self.job, self.peer = job, load_module(job.folder, f"algorithms/offline/{job.algorithm}.py")
        self.peer.set_seed(job.seed)
        columns = data.d4rl()
        self.mean, self.std = np.zeros(1, np.float32), np.ones(1, np.float32)
        if self.options.pop("normalize", job.algorithm in NORMALIZED):
            self.mean, self.std = self.peer.compute_mean_std(data.obs, eps=1e-3)
            for name in ("observations", "next_observations"):
                columns[name] = self.peer.normalize_states(columns[name], self.mean, self.std)
        sizes = data.obs.shape[1], data.action.shape[1]
        self.buffer = self.peer.ReplayBuffer(*sizes, len(data.obs))
        self.buffer.load_d4rl_dataset(columns)
        self.rates = {name: self.options.pop(f"{name}_lr", 3e-4) for name in ("actor", "critic")}
        make = {"td3_bc": self._td3_bc, "iql": self._iql, "sac_n": self._sac_n, "edac": self._sac_n, "cql": self._cql}
        self.update = make[job.algorithm](*sizes)

    def _parts(self, **modules: Any) -> dict[str, Any]:
        """Modules and, by their names, an Adam for each."""
        found = dict(modules)
        for name, module in modules.items():
            rate = self.rates["actor" if name == "actor" else "critic"]
            found[f"{name.removesuffix('_network')}_optimizer"] = torch.optim.Adam(module.parameters(), lr=rate)
        return found

    def _td3_bc(self, obs: int, action: int) -> Any:
        self.actor = self.peer.Actor(obs, action, 1.0)
        first, second = (self.peer.Critic(obs, action) for _ in range(2))
        parts = self._parts(actor=self.actor, critic_1=first, critic_2=second)
        self.mode = self.actor
        return self.peer.TD3_BC(max_action=1.0, **parts, **self.options).train

    def _iql(self, obs: int, action: int) -> Any:
        q, v = self.peer.TwinQ(obs, action), self.peer.ValueFunction(obs)
        self.actor = self.peer.GaussianPolicy(obs, action, 1.0)
        parts = self._parts(actor=self.actor, q_network=q, v_network=v)
        trainer = self.peer.ImplicitQLearning(max_action=1.0, max_steps=self.job.total, **parts, **self.options)
        self.mode = lambda x: self.actor(x).mean.clamp(-1.0, 1.0)
        return trainer.train

    def _sac_n(self, obs: int, action: int) -> Any:
        self.actor = self.peer.Actor(obs, action, 256)
        critic = self.peer.VectorizedCritic(obs, action, 256, self.job.critics)
        kind = self.peer.SACN if self.job.algorithm == "sac_n" else self.peer.EDAC
        options = {"alpha_learning_rate": 3e-4} | self.options
        self.mode = lambda x: self.actor(x, deterministic=True)[0]
        return kind(**self._parts(actor=self.actor, critic=critic), **options).update

    def _cql(self, obs: int, action: int) -> Any:
        """As their `train` builds it from its config, but both critics have the layers that the config names."""
        cfg, layers = self.peer.TrainConfig(), self.options.pop("q_layers", None)
        depth = layers or cfg.q_n_hidden_layers
        first, second = (self.peer.FullyConnectedQFunction(obs, action, True, depth) for _ in range(2))
        self.actor = self.peer.TanhGaussianPolicy(obs, action, 1.0, orthogonal_init=True)
        names = ("policy_lr", "qf_lr", "bc_steps", "cql_alpha", "cql_n_actions")
        options = {name: getattr(cfg, name) for name in names} | self.options
        self.rates = {"actor": options["policy_lr"], "critic": options["qf_lr"]}
        parts = self._parts(actor=self.actor, critic_1=first, critic_2=second)
        trainer = self.peer.ContinuousCQL(target_entropy=float(-action), **parts, **options)
        self.mode = lambda x: self.actor(x, deterministic=True)[0]
        return trainer.train

    def steps(self, count: int) -> int:
        for _ in range(count):
            self.update(self.buffer.sample(self.job.batch))
        return count

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """Their actors on all rows at once, without noise; their `act` takes one row a call."""
        return self.mode(torch.as_tensor((obs - self.mean) / self.std, dtype=torch.float32)).numpy()
