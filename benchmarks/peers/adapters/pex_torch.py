"""The authors' PEX (Haichao-Zhang/PEX), PyTorch: its IQL offline, then its PEX online, with its replay and its batches.

Their loops: main_offline.py and main_online.py. The harness owns the environment; what is between two of its steps is
here, in their order: an action, updates, then the transition into the replay.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Job, Met, stand_in

stand_in("d4rl", "gym")
torch.Tensor.cuda = lambda self: self  # type: ignore[method-assign]  their batches ask for it on any machine


class Adapter:
    """Settings: those of their scripts' command lines, `online_steps`, and `reward_scale`, `reward_shift`."""

    def __init__(self, job: Job):
        data, self.options = job.open()
        self.job, self.scale = job, (job.settings["reward_scale"], job.settings["reward_shift"])
        sys.path.append(job.folder)
        names = ("utils.util", "algorithms.iql", "algorithms.pex", "networks.policy", "networks.value_functions")
        self.util, self.iql, self.pex, self.policy, self.values = (import_module(f"pex.{name}") for name in names)
        self.util.set_seed(job.seed)
        columns = data.d4rl() | {"terminals": data.terminal > 0}
        self.dataset = {name: torch.from_numpy(column) for name, column in columns.items()}
        self.sizes = data.obs.shape[1], data.action.shape[1]
        self.agent: Any = self.iql.IQL(**self._parts(), max_steps=job.total)
        self.memory: Any = None

    def _parts(self) -> dict[str, Any]:
        """Fresh networks and what both algorithms' constructors take."""
        obs, action = self.sizes
        size = {"hidden_dim": self.options["hidden_dim"], "n_hidden": self.options["hidden_num"]}
        rate = self.options["learning_rate"]
        nets = {"critic": self.values.DoubleCriticNetwork(obs, action, **size)}
        nets |= {"vf": self.values.ValueNetwork(obs, **size), "policy": self.policy.GaussianPolicy(obs, action, **size)}
        own = {name: self.options[name] for name in ("tau", "beta", "discount", "target_update_rate")}
        return nets | own | {"optimizer_ctor": lambda params: torch.optim.Adam(params, lr=rate)}

    def steps(self, count: int) -> int:
        """Offline."""
        for _ in range(count):
            self.agent.update(**self.util.sample_batch(self.dataset, self.job.batch))
        return count

    def _go_online(self) -> None:
        """Through a checkpoint, as their two scripts."""
        checkpoint = io.BytesIO()
        torch.save(self.agent.state_dict(), checkpoint)
        checkpoint.seek(0)
        warmth = self.options["inv_temperature"]
        self.agent = self.pex.PEX(**self._parts(), ckpt_path=checkpoint, inv_temperature=warmth)
        self.memory = self.util.ReplayMemory(self.options["online_steps"], self.job.seed)

    @torch.no_grad()
    def explore(self, obs: np.ndarray) -> np.ndarray:
        if self.memory is None:
            self._go_online()
        self.action: np.ndarray = self.agent.select_action(torch.from_numpy(obs)).numpy()
        return self.action

    def learn(self, met: Met) -> int:
        """Updates, then the transition, with the action as it was before the environment cut it."""
        learns = len(self.memory) > self.options["initial_collection_steps"]
        updates = self.options["updates_per_step"] if learns else 0
        for _ in range(updates):
            batch = self.util.get_batch_from_dataset_and_buffer(self.dataset, self.memory, self.job.batch, True)
            self.agent.update(*batch)
        scale, shift = self.scale
        self.memory.push(met.obs, self.action, scale * float(met.reward) + shift, met.next_obs, float(met.terminal))
        return updates

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """Row by row: what is left to chance is drawn once a call."""
        rows = [self.agent.select_action(torch.from_numpy(row), evaluate=True) for row in obs]
        return torch.stack(rows).numpy()
