"""How far the policy's actions go (Table 1 of PARS): the norm of an action as a share of the box's corner; and how
much they differ from state to state."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Algorithm, State, Transition


def action_norms(algo: Algorithm, cfg: Any, state: State, batch: Transition) -> dict[str, Array]:
    """Mean over states of |a| / sqrt(A), for the policy and for the dataset: 0 the centre, 1 a corner of the box.
    `action_spread`: standard deviation over states, 0 of a policy with one action."""
    policy = algo.act(cfg, state, batch.obs, jax.random.key(0), 0.0)
    norms = {"action_norm": norm_share(policy), "data_action_norm": norm_share(batch.action)}
    return norms | {"action_spread": spread(policy), "data_action_spread": spread(batch.action)}


def spread(action: Array) -> Array:
    """Standard deviation over the batch, the quadratic mean over dimensions. action [B, A] -> scalar."""
    return jnp.sqrt(jnp.mean(jnp.var(action, axis=0)))


def norm_share(action: Array) -> Array:
    """mean_b |a_b| / sqrt(A). action [B, A] -> scalar."""
    return jnp.mean(jnp.linalg.norm(action, axis=-1)) / jnp.sqrt(action.shape[-1])
