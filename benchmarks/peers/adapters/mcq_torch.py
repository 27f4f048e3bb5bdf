"""The authors' MCQ (dmksjfl/MCQ), PyTorch: its networks and `AlgoTrainer._train`, one call of which is a whole step.

Their loop: rows drawn with replacement from arrays on the host. tianshou stores them there and makes tensors of them;
both are done here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Job, Nothing, bare_package, stand_in

FIXED = {"log_dir": ".", "device": "cpu", "seed": 0, "obs_shape": None, "action_shape": None}
FIXED |= {"use_automatic_entropy_tuning": True, "reward_scale": 1.0}


def load(folder: str, obs: int, action: int) -> Any:
    """The module of the algorithm, without the packages around it."""
    sys.path.append(folder)
    bare_package(folder, "offlinerl", "offlinerl.algo")
    stand_in(*(f"offlinerl.utils.{name}" for name in ("data", "env", "exp", "io")))
    sys.modules["loguru"] = SimpleNamespace(logger=Nothing())  # type: ignore[assignment]
    env: Any = sys.modules["offlinerl.utils.env"]
    env.get_env_shape = lambda task: (obs, action)
    env.get_env_action_range = lambda task: (1.0, -1.0)
    import_module("offlinerl.utils.net.tanhpolicy").TanhNormal.mode = None  # torch's has become a property
    import_module("offlinerl.utils.net.continuous").to_torch_as = lambda action, obs: action
    peer: Any = import_module("offlinerl.algo.modelfree.MCQ")
    peer.to_torch = lambda rows, *args, **kwargs: rows
    return peer


def trainer(peer: Any, settings: dict[str, Any]) -> Any:
    args = FIXED | settings
    return peer.AlgoTrainer(peer.algo_init(args), args)


class Adapter:
    """Settings: those of its config file, of which `task` decides how values are pulled; `reward_scale` and
    `reward_shift` are applied to the data."""

    def __init__(self, job: Job):
        data, options = job.open()
        torch.manual_seed(job.seed)
        np.random.seed(job.seed)
        peer = load(job.folder, data.obs.shape[1], data.action.shape[1])
        self.trainer, self.batch = trainer(peer, options | {"batch_size": job.batch}), job.batch
        obs = torch.from_numpy(data.obs)
        self.trainer.mean, self.trainer.std = 0, 1  # as its `train`, which begins anew whenever it is called
        if options["normalize"]:
            self.trainer.mean, self.trainer.std = obs.mean(0, keepdim=True), obs.std(0, keepdim=True)
        self.columns = {"obs": data.obs, "act": data.action, "obs_next": data.next_obs}
        self.columns |= {"rew": data.reward[:, None], "done": data.terminal[:, None]}

    def steps(self, count: int) -> int:
        for _ in range(count):
            index = np.random.randint(0, len(self.columns["obs"]), self.batch)
            rows = {name: torch.from_numpy(column[index]) for name, column in self.columns.items()}
            self.trainer._train(SimpleNamespace(**rows), Nothing())
        return count

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """The middle of its policy, as `get_policy` is evaluated."""
        seen = (torch.from_numpy(obs) - self.trainer.mean) / (self.trainer.std + 1e-6)
        action: np.ndarray = self.trainer.actor.policy_infer(seen.float()).numpy()
        return action
