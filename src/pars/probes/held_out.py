"""Errors that are measured on rows of training and, where episodes are held out of it, on theirs."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Algorithm, State, Transition
from pars.nn.nets import apply_ensemble


def errors(algo: Algorithm, cfg: Any, state: State, batch: Transition) -> dict[str, Array]:
    """`action_error`: root mean square over rows and dimensions of the policy's action less the data's. `td_error`: the
    same of r + discount (1 - terminal) Q(s', pi(s')) - Q(s, a), Q the critics' mean, in units of raw reward; of methods
    with critics."""
    key = jax.random.key(0)
    action = algo.act(cfg, state, batch.obs, key, 0.0)
    found = {"action_error": jnp.sqrt(jnp.mean((action - batch.action) ** 2))}
    if algo.critic is None or not hasattr(cfg, "discount"):
        return found
    critic, norm = algo.critic(cfg), state.norm
    scale = getattr(cfg, "reward_scale", 1.0)

    def q(obs: Array, action: Array) -> Array:
        return jnp.mean(apply_ensemble(critic, state.critic.params, norm(obs), action), axis=0)

    reward = scale * norm.batch(batch).reward + getattr(cfg, "reward_shift", 0.0)
    next_q = q(batch.next_obs, algo.act(cfg, state, batch.next_obs, key, 0.0))
    error = reward + cfg.discount * (1.0 - batch.terminal) * next_q - q(batch.obs, batch.action)
    return found | {"td_error": jnp.sqrt(jnp.mean(error**2)) * norm.reward_scale / scale}
