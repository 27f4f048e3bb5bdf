"""sac-n-jax (Howuhh/sac-n-jax: sac_n_jax_flax.py).

Their loop: a compiled epoch of their actor, temperature and critic updates, batches drawn in it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.base import Job, Loop, load_module, old_jax, stand_in

stand_in("d4rl", "gym", "pyrallis", "wandb")
old_jax()


class Adapter:
    def __init__(self, job: Job):
        peer, data = load_module(job.folder, "sac_n_jax_flax.py"), job.read()
        cfg = peer.Config(batch_size=job.batch, num_critics=job.critics, **job.settings)
        names = ("obs", "actions", "rewards", "next_obs", "dones")
        buffer = peer.ReplayBuffer(
            data={name: jnp.asarray(column) for name, column in zip(names, data[:-1], strict=True)}
        )
        key, k_actor, k_critic, k_alpha = jax.random.split(jax.random.PRNGKey(job.seed), 4)
        obs, action = data.obs[0], data.action[0]
        actor, critic = peer.Actor(len(action), cfg.hidden_dim), peer.EnsembleCritic(cfg.hidden_dim, cfg.num_critics)
        params, alpha = critic.init(k_critic, obs, action), peer.Alpha()
        carry = {
            "key": key,
            "actor": _state(peer.TrainState, actor, actor.init(k_actor, obs), cfg.actor_learning_rate),
            "critic": _state(peer.CriticTrainState, critic, params, cfg.critic_learning_rate, target_params=params),
            "alpha": _state(peer.TrainState, alpha, alpha.init(k_alpha), cfg.alpha_learning_rate),
        }
        self.policy = peer.eval_actions_jit
        self.steps = Loop(_update(peer, cfg, -float(len(action))), buffer, carry)

    def act(self, obs: np.ndarray) -> np.ndarray:
        return np.asarray(self.policy(self.steps.carry["actor"], obs))


def _state(kind: Any, module: Any, params: Any, rate: float, **more: Any) -> Any:
    return kind.create(apply_fn=module.apply, params=params, tx=optax.adam(rate), **more)


def _update(peer: Any, cfg: Any, target_entropy: float) -> Any:
    def update(buffer: Any, carry: dict[str, Any]) -> dict[str, Any]:
        key, k_update, k_batch = jax.random.split(carry["key"], 3)
        batch = buffer.sample_batch(k_batch, batch_size=cfg.batch_size)
        k_actor, k_critic = jax.random.split(k_update)
        actor, info = peer.update_actor(k_actor, carry["actor"], carry["critic"], carry["alpha"], batch)
        alpha, _ = peer.update_alpha(carry["alpha"], info["batch_entropy"], target_entropy)
        critic, _ = peer.update_critic(k_critic, actor, carry["critic"], alpha, batch, cfg.gamma, cfg.tau)
        return {"key": key, "actor": actor, "critic": critic, "alpha": alpha}

    return update
