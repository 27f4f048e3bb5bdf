"""How far the policy's actions go (Table 1 of PARS): the norm of an action as a share of the box's corner."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Algorithm, State, Transition


def action_norms(algo: Algorithm, cfg: Any, state: State, batch: Transition) -> dict[str, Array]:
    """Mean over states of |a| / sqrt(A), for the policy and for the dataset: 0 the centre, 1 a corner of the box."""
    policy = algo.act(cfg, state, batch.obs, jax.random.key(0), 0.0)
    return {"action_norm": norm_share(policy), "data_action_norm": norm_share(batch.action)}


def norm_share(action: Array) -> Array:
    """mean_b |a_b| / sqrt(A). action [B, A] -> scalar."""
    return jnp.mean(jnp.linalg.norm(action, axis=-1)) / jnp.sqrt(action.shape[-1])
