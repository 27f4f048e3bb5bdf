"""Q over a slice of the action space that reaches beyond the data: the idea of PARS in one picture."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from pars.core import Algorithm, State
from pars.nn.nets import apply_ensemble


def landscape(algo: Algorithm, cfg: Any, state: State, obs: Array, action: Array, grid: Array, line: Array) -> Any:
    """Mean over critics of Q at `obs` [O], in units of raw reward.

    Args:
        action: [A] where the other coordinates stay.
        grid: [K] values that the first two coordinates take -> q [K, K]; the first coordinate is the last axis.
            With one action dimension -> q [1, K].
        line: [L] values of the first coordinate -> q_line [L].
    """
    second = grid if len(action) > 1 else jnp.zeros(1)
    rows, columns = jnp.meshgrid(second, grid, indexing="ij")
    actions = jnp.broadcast_to(action, (rows.size, len(action))).at[:, 0].set(columns.ravel())
    if len(action) > 1:
        actions = actions.at[:, 1].set(rows.ravel())
    along = jnp.broadcast_to(action, (len(line), len(action))).at[:, 0].set(line)
    q = _q(algo, cfg, state, obs, jnp.concatenate([actions, along]))
    return q[: rows.size].reshape(rows.shape), q[rows.size :]


def _q(algo: Algorithm, cfg: Any, state: State, obs: Array, action: Array) -> Array:
    if algo.critic is None:
        raise ValueError(f"{algo.name} has no critic")
    obs = state.norm(jnp.broadcast_to(obs, (len(action), len(obs))))
    q = apply_ensemble(algo.critic(cfg), state.critic.params, obs, action)
    return jnp.mean(q, axis=0) / cfg.reward_scale
