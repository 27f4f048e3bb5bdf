"""How much of a critic is silent (Figure 7 and Table 12 of PARS), by two definitions."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.core import Algorithm, State, Transition
from pars.nn.nets import hidden_activations
from pars.nn.spread import map_ensemble


def dormant_neurons(algo: Algorithm, cfg: Any, state: State, batch: Transition) -> dict[str, Array]:
    """Averages over critics and hidden layers, in percent; nothing for an algorithm without critics."""
    if algo.critic is None:
        return {}
    net, obs = algo.critic(cfg), state.norm(batch.obs)

    def one(params: Any) -> tuple[Array, Array, Array]:
        layers = hidden_activations(net, params, obs, batch.action)
        shares = [(zero_share(h), dormant_share(h, 0.0), dormant_share(h, 0.025)) for h in layers]
        shares = shares or [(jnp.zeros(()),) * 3]  # without hidden layers no unit is dormant
        return jax.tree.map(lambda *x: jnp.mean(jnp.stack(x)), *shares)

    zero, dormant, nearly = (100.0 * jnp.mean(x) for x in map_ensemble(one, state.critic.params))
    return {"zero_share": zero, "dormant_share": dormant, "dormant_share_0.025": nearly}


def zero_share(hidden: Array) -> Array:
    """Share of (sample, unit) pairs whose activation is exactly zero. hidden [B, H] -> scalar."""
    return jnp.mean(hidden == 0.0)


def dormant_share(hidden: Array, threshold: float) -> Array:
    """Share of units with E|h_i| / mean_k E|h_k| <= threshold (Sokar et al. 2023, arXiv 2302.12902)."""
    size = jnp.mean(jnp.abs(hidden), axis=0)
    return jnp.mean(size <= threshold * jnp.mean(size))
