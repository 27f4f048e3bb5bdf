"""JAX-CORL's TD3+BC (nissymori/JAX-CORL: algos/td3bc.py).

Their loop: one call per `n_jitted_updates` = 8 steps, unrolled, batches drawn in it. Their own `get_dataset` reads the
data: it makes `dones` from jumps between observations.
"""

from __future__ import annotations

import sys
from typing import Any

import jax
import numpy as np

from benchmarks.peers.base import Job, load_module, stand_in

stand_in("d4rl", "gym", "wandb", "omegaconf", "pydantic", "distrax")


class BaseModel:
    """pydantic's, as far as it is used: class attributes as defaults, keyword arguments over them."""

    def __init__(self, **settings: Any):
        for name, value in settings.items():
            if not hasattr(type(self), name):
                raise TypeError(f"unknown setting {name!r}")
            setattr(self, name, value)


class OmegaConf:
    """omegaconf's, on an empty command line."""

    from_cli = staticmethod(dict)


sys.modules["pydantic"].BaseModel = BaseModel  # type: ignore[attr-defined]
sys.modules["omegaconf"].OmegaConf = OmegaConf  # type: ignore[attr-defined]


class Adapter:
    """Settings are those of their config: `discount`, `alpha` (weight of Q)."""

    def __init__(self, job: Job):
        data = job.read()
        sys.modules["d4rl"].qlearning_dataset = lambda env: data.d4rl()  # type: ignore[attr-defined]
        peer = load_module(job.folder, "algos/td3bc.py")
        self.cfg = peer.TD3BCConfig(batch_size=job.batch, seed=job.seed, **job.settings)
        self.data, self.mean, self.std = peer.get_dataset(None, self.cfg)
        self.key, key = jax.random.split(jax.random.PRNGKey(job.seed))
        self.state = peer.create_td3bc_train_state(key, self.data.observations[0], self.data.actions[0], self.cfg)
        algo = peer.TD3BC()
        self.update = jax.jit(algo.update_n_times, static_argnums=(3,))
        self.policy = jax.jit(algo.get_action)

    def steps(self, count: int) -> int:
        calls = -(-count // self.cfg.n_jitted_updates)
        for _ in range(calls):
            self.key, key = jax.random.split(self.key)
            self.state, _ = self.update(self.state, self.data, key, self.cfg)
        jax.block_until_ready(self.state)
        return calls * self.cfg.n_jitted_updates

    def act(self, obs: np.ndarray) -> np.ndarray:
        return np.asarray(self.policy(self.state, (obs - self.mean) / self.std))
