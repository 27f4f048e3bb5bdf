"""Why a policy does not score: what pulls its actions, how far it is from the data, and whether Q orders the data."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Algorithm, State, Transition
from pars.nn.nets import apply, apply_ensemble
from pars.nn.spread import map_ensemble

SATURATED = 0.99  # |action| from here on counts as at the bound
RETURN_RANK = "return_rank"  # column of the probed rows: ranks of their returns-to-go, ties sharing one


def action_balance(algo: Algorithm, cfg: Any, state: State, batch: Transition) -> dict[str, Array]:
    """Means over states and action dimensions; an actor that maximises Q / mean |Q| - beta |pi - a|^2 (TD3+BC, PARS)
    stands where `action_slope` and `bc_pull` are equal.

    `action_slope`: mean |dQ/da| / mean |Q| at the policy's actions, Q the critics' mean; `bc_pull`: mean
    2 beta |pi - a| with the weight beta that `cfg` has, the one in force where it changes. Without a critic, or beta,
    those are left out.
    """
    policy = algo.act(cfg, state, batch.obs, jax.random.key(0), 0.0)
    away = policy - batch.action
    found = {
        "bc_distance": jnp.mean(jnp.sum(away**2, axis=-1)),
        "saturated_share": 100.0 * jnp.mean(jnp.abs(policy) > SATURATED),
    }
    if (beta := getattr(cfg, "bc_weight", None)) is not None:
        found["bc_pull"] = jnp.mean(2.0 * beta * jnp.abs(away))
    if algo.critic is not None:
        q, slope = q_and_slope(algo, cfg, state, batch.obs, policy)
        found["action_slope"] = jnp.mean(jnp.abs(slope)) / jnp.maximum(jnp.mean(jnp.abs(q)), 1e-8)
    return found


def value_order(algo: Algorithm, cfg: Any, state: State, batch: Transition) -> dict[str, Array]:
    """Spearman's rank correlation, over the dataset's rows, of Q at the data's actions and the returns-to-go."""
    if algo.critic is None or RETURN_RANK not in batch.extra:
        return {}
    q = jnp.mean(apply_ensemble(algo.critic(cfg), state.critic.params, state.norm(batch.obs), batch.action), axis=0)
    return {"q_rank": correlation(jnp.argsort(jnp.argsort(q)).astype(q.dtype), batch.extra[RETURN_RANK])}


def correlation(x: Array, y: Array) -> Array:
    """Pearson's, of [B] and [B]; 0 where one of them is constant."""
    x, y = x - jnp.mean(x), y - jnp.mean(y)
    size = jnp.sqrt(jnp.sum(x**2) * jnp.sum(y**2))
    return jnp.where(size > 0, jnp.sum(x * y) / jnp.maximum(size, 1e-12), 0.0)


def q_and_slope(algo: Algorithm, cfg: Any, state: State, obs: Array, action: Array) -> tuple[Array, Array]:
    """The critics' mean Q [B] and its slope dQ/da [B, A]."""
    assert algo.critic is not None
    net, seen = algo.critic(cfg), state.norm(obs)

    def one(params: Any) -> tuple[Array, Array]:
        def total(action: Array) -> tuple[Array, Array]:
            q = apply(net, params, seen, action)
            return jnp.sum(q), q

        slope, q = jax.grad(total, has_aux=True)(action)
        return q, slope

    q, slope = map_ensemble(one, state.critic.params)
    return jnp.mean(q, axis=0), jnp.mean(slope, axis=0)
