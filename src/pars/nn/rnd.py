"""Random network distillation of state and action, as SAC-RND has it (Nikulin et al. 2023, arXiv 2301.13616).

A predictor learns what a fixed random network, the prior, gives on the dataset; where it fails to, an action is unlike
the dataset's. The prior mixes the state in late, by FiLM, the predictor early, by a bilinear layer: with both inputs
joined the error would hardly tell actions apart. Inputs are standardised. Layers start as PyTorch's do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from pars.nn.layers import Precision, dense
from pars.nn.nets import MLP, Affine, uniform


class Predictor(nn.Module):
    """h_k = a^T K_k s + b_k, two hidden layers, an embedding [.., M]. obs [.., O], action [.., A]."""

    width: int
    embedding: int
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Array:
        # a bilinear layer is a dense one of all products of a coordinate of either
        products = (action[..., :, None] * obs[..., None, :]).reshape(-1, action.shape[-1] * obs.shape[-1])
        start = uniform(action.shape[-1] ** -0.5)
        kernel, bias = Affine(self.width, start, start, name="bilinear")(products.shape[-1])
        x = nn.relu(dense("float32", products, kernel, bias)).reshape(*obs.shape[:-1], self.width)
        mlp = MLP((self.width, self.width), self.embedding, initializer="torch", precision=self.precision, name="mlp")
        return mlp(x)


class Prior(nn.Module):
    """Three hidden layers of the action, the last of them scaled and shifted by the state, an embedding [.., M]."""

    width: int
    embedding: int
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Array:
        def layer(x: Array, width: int, name: str, precision: Precision = self.precision) -> Array:
            start = uniform(x.shape[-1] ** -0.5)
            kernel, bias = Affine(width, start, start, name=name)(x.shape[-1])
            return dense(precision, x.reshape(-1, x.shape[-1]), kernel, bias).reshape(*x.shape[:-1], width)

        x = nn.relu(layer(action, self.width, "first", "float32"))
        x = nn.relu(layer(x, self.width, "second"))
        scale, shift = jnp.split(layer(obs, 2 * self.width, "film", "float32"), 2, axis=-1)
        x = nn.relu(scale * layer(x, self.width, "third") + shift)
        return layer(x, self.embedding, "out", "float32")


class Moments(NamedTuple):
    """Running mean and variance of numbers that come in batches. All scalars."""

    mean: Any = 0.0
    variance: Any = 0.0
    count: Any = 1e-4


def with_batch(moments: Moments, batch: Array) -> Moments:
    """The moments with a batch [B] joined to them (Chan et al. 1979)."""
    added = batch.shape[0]
    count, difference = moments.count + added, batch.mean() - moments.mean
    squares = moments.variance * moments.count + batch.var() * added
    squares += difference**2 * moments.count * added / count
    return Moments(moments.mean + difference * added / count, squares / count, count)


class Standard(NamedTuple):
    """Means and standard deviations by which inputs are standardised. A column that never changed in the data is only
    centred: what it may differ by one day, over next to nothing, would drown the others."""

    obs_mean: Array  # [O]
    obs_std: Array
    action_mean: Array  # [A]
    action_std: Array

    def __call__(self, obs: Array, action: Array) -> tuple[Array, Array]:
        return _standard(obs, self.obs_mean, self.obs_std), _standard(action, self.action_mean, self.action_std)


def _standard(x: Array, mean: Array, std: Array) -> Array:
    return (x - mean) / jnp.where(std <= 1e-6 * jnp.maximum(jnp.abs(mean), 1.0), 1.0, std + 1e-8)
