"""A network for the ratio of two densities of observations and actions."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from pars.nn.nets import MLP


class DensityRatio(nn.Module):
    """w(s, a) >= 0. obs [.., O], action [.., A] -> [..]"""

    mlp: MLP

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Array:
        return nn.relu(self.mlp(jnp.concatenate([obs, action], axis=-1))[..., 0])


def near_one(net: DensityRatio, key: Array, *inputs: Array) -> Any:
    """Fresh parameters with which w is about 1: an output bias of 1, and an output layer that should start small."""
    params = net.init(key, *inputs)["params"]
    out = params["mlp"]["out"]
    return {"mlp": {**params["mlp"], "out": {**out, "bias": jnp.ones_like(out["bias"])}}}
