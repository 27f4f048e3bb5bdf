"""CORL's ReBRAC (tinkoff-ai/CORL: algorithms/offline/rebrac.py), which is in JAX.

Their loop: a compiled epoch; batches are drawn in it; the actor is updated in every second step by `lax.cond`.
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

METRICS = ("critic_loss", "q_min", "actor_loss", "bc_mse_policy", "bc_mse_random", "action_mse")


class Adapter:
    """Settings: `reward_scale`, `reward_shift`, the others are those of their `Config`."""

    def __init__(self, job: Job):
        peer, (data, options) = load_module(job.folder, "algorithms/offline/rebrac.py"), job.open()
        cfg = peer.Config(batch_size=job.batch, **options)
        columns = {
            "states": data.obs,
            "actions": data.action,
            "rewards": data.reward,
            "next_states": data.next_obs,
            "next_actions": data.next_action,
            "dones": data.terminal,
        }
        buffer = peer.ReplayBuffer(data=jax.tree.map(jnp.asarray, columns))
        key, k_actor, k_critic = jax.random.split(jax.random.PRNGKey(job.seed), 3)
        obs, action = columns["states"][:1], columns["actions"][:1]
        module = peer.DetActor(action.shape[-1], cfg.hidden_dim, cfg.actor_ln, cfg.actor_n_hiddens)
        actor = _state(peer.ActorTrainState, module, k_actor, cfg.actor_learning_rate, obs)
        module = peer.EnsembleCritic(cfg.hidden_dim, 2, cfg.critic_ln, cfg.critic_n_hiddens)
        critic = _state(peer.CriticTrainState, module, k_critic, cfg.critic_learning_rate, obs, action)
        update = _update(peer, cfg)
        metrics = peer.Metrics.create(METRICS)
        carry = {"key": key, "actor": actor, "critic": critic, "metrics": metrics, "step": jnp.zeros((), jnp.int32)}
        self.steps, self.mode = Loop(update, buffer, carry), jax.jit(actor.apply_fn)

    def act(self, obs: np.ndarray) -> np.ndarray:
        actor = self.steps.carry["actor"]
        return np.asarray(self.mode(actor.params, obs))


def _state(kind: Any, module: Any, key: Any, rate: float, *inputs: Any) -> Any:
    params = module.init(key, *inputs)
    return kind.create(apply_fn=module.apply, params=params, target_params=params, tx=optax.adam(rate))


def _update(peer: Any, cfg: Any) -> Any:
    """One step: their update of critic and actor, or of the critic alone."""
    shared = dict(
        gamma=cfg.gamma,
        actor_bc_coef=cfg.actor_bc_coef,
        critic_bc_coef=cfg.critic_bc_coef,
        tau=cfg.tau,
        policy_noise=cfg.policy_noise,
        noise_clip=cfg.noise_clip,
    )

    def update(buffer: Any, carry: dict[str, Any]) -> dict[str, Any]:
        key, k_batch = jax.random.split(carry["key"])
        batch = buffer.sample_batch(k_batch, batch_size=cfg.batch_size)
        state = dict(key=key, actor=carry["actor"], critic=carry["critic"], batch=batch, metrics=carry["metrics"])
        key, actor, critic, metrics = jax.lax.cond(
            carry["step"] % cfg.policy_freq == 0,
            lambda: peer.update_td3(**state, **shared, normalize_q=cfg.normalize_q),
            lambda: peer.update_td3_no_targets(**state, **shared),
        )
        return {"key": key, "actor": actor, "critic": critic, "metrics": metrics, "step": carry["step"] + 1}

    return update
