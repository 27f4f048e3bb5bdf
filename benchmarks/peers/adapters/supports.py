"""The authors' SPOT (thuml/SPOT) and SVR (MAOYIXIU/SVR), PyTorch: a behaviour model, then TD3 within its support.

Their loop: a batch from the file's own buffer on the host inside one call of the trainer. The behaviour model's
training is a script with no function to call: here are its loop and its optimiser, the model and its loss are theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Job, Nothing, load_module, stand_in

stand_in("d4rl", "gym", "imageio")


class Adapter:
    """Settings: `normalize`, `behaviour_steps`, `behaviour_lr`, of SPOT `behaviour_hidden`, the width of its VAE, and
    `reward_scale`, `reward_shift`; the others go to the trainer's constructor."""

    def __init__(self, job: Job):
        data, self.options = job.open()
        self.job = job
        torch.manual_seed(job.seed)
        np.random.seed(job.seed)
        self.sizes = data.obs.shape[1], data.action.shape[1]
        self.buffer = load_module(job.folder, "utils.py").ReplayBuffer(*self.sizes)
        self.buffer.convert_D4RL(data.d4rl())
        self.mean, self.std = np.zeros(1, np.float32), np.ones(1, np.float32)
        if self.options.pop("normalize"):
            self.mean, self.std = self.buffer.normalize_states()
        self.behaviour_steps, self.rate = self.options.pop("behaviour_steps"), self.options.pop("behaviour_lr")
        self.trainer, self.update = {"spot": self._spot, "svr": self._svr}[job.algorithm]()

    def _clone(self, model: Any, loss: Any) -> None:
        """Their scripts' loops: batches with replacement, Adam."""
        optimizer = torch.optim.Adam(model.parameters(), lr=self.rate)
        for _ in range(self.behaviour_steps):
            index = np.random.choice(len(self.buffer.state), self.job.batch)
            obs, action = (torch.FloatTensor(x[index]) for x in (self.buffer.state, self.buffer.action))
            optimizer.zero_grad()
            loss(obs, action).backward()
            optimizer.step()

    def _spot(self) -> Any:
        peer = load_module(self.job.folder, "SPOT.py")
        obs, action = self.sizes
        vae = peer.VAE(obs, action, 2 * action, 1.0, hidden_dim=self.options.pop("behaviour_hidden"))
        self._clone(vae, lambda s, a: vae.elbo_loss(s, a, self.options["beta"]).mean())
        trainer = peer.SPOT_TD3(vae, *self.sizes, 1.0, **self.options)
        return trainer, lambda: trainer.train(self.buffer, self.job.batch, Nothing())

    def _svr(self) -> Any:
        peer = load_module(self.job.folder, "SVR.py")
        behaviour = peer.Actor(*self.sizes, 1.0)
        self._clone(behaviour, lambda s, a: torch.nn.functional.mse_loss(behaviour(s), a))
        trainer = peer.SVR(*self.sizes, 1.0, self.buffer, behaviour, schedule=False, **self.options)
        return trainer, lambda: trainer.train(self.job.batch, Nothing())

    def steps(self, count: int) -> int:
        for _ in range(count):
            self.update()
        return count

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """Their actor on all rows at once, in evaluation; their `select_action` takes one row a call."""
        self.trainer.actor.eval()
        action = self.trainer.actor(torch.as_tensor((obs - self.mean) / self.std, dtype=torch.float32)).numpy()
        self.trainer.actor.train()
        return action
