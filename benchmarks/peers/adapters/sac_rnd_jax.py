"""The authors' SAC-RND (tinkoff-ai/sac-rnd, JAX): its networks, its buffer and both updates, in compiled loops as its
`main` has them. What `main` builds and its loops' bodies are local to it: both are written again here."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState

from benchmarks.peers.base import Data, Job, Loop, old_jax, stand_in

stand_in("d4rl", "gym", "pyrallis", "wandb")
old_jax()

KINDS = {"mlp_type": "torch_bilinear_first", "target_mlp_type": "film_last", "switch_features": True}  # of its configs
RND = ("rnd_loss", "rnd_rms", "rnd_data", "rnd_random")
SAC = ("critic_loss", "q_min", "actor_loss", "batch_entropy", "rnd_policy", "rnd_random", "action_mse")
SAC += ("alpha_loss", "alpha")


class Adapter:
    """Settings: those of its `Config`, `rnd_steps` of the predictor before the policy's, `target_entropy`, and
    `reward_scale`, `reward_shift`."""

    def __init__(self, job: Job):
        data, options = job.open()
        sys.path.append(job.folder)
        peer: Any = import_module("offline_sac.algorithms.sac_rnd_betas")
        rnd_steps, entropy = options.pop("rnd_steps"), options.pop("target_entropy")
        cfg = peer.Config(num_critics=job.critics, batch_size=job.batch, **options)
        columns = {"states": data.obs, "actions": data.action, "rewards": data.reward}
        columns |= {"next_states": data.next_obs, "dones": data.terminal, "next_actions": data.next_action}
        buffer = peer.ReplayBuffer(data={name: jnp.asarray(column) for name, column in columns.items()})
        own = {"gamma": cfg.gamma, "tau": cfg.tau, "actor_beta": cfg.actor_beta, "critic_beta": cfg.critic_beta}
        update_sac = partial(peer.update_sac, target_entropy=entropy, **own)

        def rnd_step(buffer: Any, carry: Any) -> Any:
            key, k_batch = jax.random.split(carry["key"])
            batch = buffer.sample_batch(k_batch, batch_size=job.batch)
            key, rnd, metrics = peer.update_rnd(key, carry["rnd"], batch, carry["metrics"])
            return carry | {"key": key, "rnd": rnd, "metrics": metrics}

        def sac_step(buffer: Any, carry: Any) -> Any:
            key, k_batch = jax.random.split(carry["key"])
            batch = buffer.sample_batch(k_batch, batch_size=job.batch)
            nets = {name: carry[name] for name in ("rnd", "actor", "critic", "alpha", "metrics")}
            found = update_sac(key=key, batch=batch, **nets)
            return carry | dict(zip(("key", "actor", "critic", "alpha", "metrics"), found, strict=True))

        carry = _states(peer, cfg, buffer, data, job.seed)
        before = Loop(rnd_step, buffer, carry | {"metrics": peer.Metrics.create(RND)})
        before(rnd_steps)
        self.steps = Loop(sac_step, buffer, before.carry | {"metrics": peer.Metrics.create(SAC)})
        actor = carry["actor"].apply_fn
        self.policy = jax.jit(lambda params, obs: actor(params, obs).mean())

    def act(self, obs: np.ndarray) -> np.ndarray:
        return np.asarray(self.policy(self.steps.carry["actor"].params, obs))


def _states(peer: Any, cfg: Any, buffer: Any, data: Data, seed: int) -> dict[str, Any]:
    """What its `main` begins with."""
    key, k_rnd, k_actor, k_critic, k_alpha = jax.random.split(jax.random.PRNGKey(seed), 5)
    obs, action = data.obs[:1], data.action[:1]
    moments = (*buffer.get_moments("states"), *buffer.get_moments("actions"))
    rnd = peer.RND(cfg.rnd_hidden_dim, cfg.rnd_embedding_dim, *moments, **KINDS)
    actor, alpha = peer.Actor(action.shape[-1], cfg.hidden_dim), peer.Alpha()
    critic = peer.EnsembleCritic(cfg.hidden_dim, cfg.num_critics, cfg.critic_layernorm)
    critics = critic.init(k_critic, obs, action)

    def state(kind: Any, module: Any, params: Any, rate: float, **more: Any) -> Any:
        return kind.create(apply_fn=module.apply, params=params, tx=optax.adam(rate), **more)

    running = peer.RunningMeanStd.create()
    return {
        "key": key,
        "rnd": state(peer.RNDTrainState, rnd, rnd.init(k_rnd, obs, action), cfg.rnd_learning_rate, rms=running),
        "actor": state(TrainState, actor, actor.init(k_actor, obs), cfg.actor_learning_rate),
        "alpha": state(TrainState, alpha, alpha.init(k_alpha), cfg.alpha_learning_rate),
        "critic": state(peer.CriticTrainState, critic, critics, cfg.critic_learning_rate, target_params=critics),
    }
