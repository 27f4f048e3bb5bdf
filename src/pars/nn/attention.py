"""Attention among tokens: the layer of PyTorch's transformers whose norms come first, and sines for places.

T: tokens, D: their width, H: heads. Written with our products, which know how precise they shall be; flax's own do not.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.nn.layers import Precision, dense, product
from pars.nn.nets import Affine, Initialize, dropped, uniform

EPSILON = 1e-5  # of layer norm, as in PyTorch


class Layer(nn.Module):
    """x + attention(norm x), and to that four times as wide a feed-forward net of its norm. x: [.., T, D] -> the same.

    `dropout`: rate, a number or traced, of the weights of attention, of hidden units and of what is added to x, where
    the caller gives a key of that name.
    """

    heads: int
    precision: Precision = "float32"
    dropout: Any = 0.0

    @nn.compact
    def __call__(self, x: Array, seen: Array) -> Array:
        """seen: [.., T] of tokens that may be looked at, at least one of each T."""
        width = x.shape[-1]
        attended = self._attend(nn.LayerNorm(EPSILON, name="LayerNorm_0")(x), seen)
        x = x + self._drop(attended)
        inner = self._linear("widen", nn.LayerNorm(EPSILON, name="LayerNorm_1")(x), 4 * width)
        inner = self._drop(jax.nn.gelu(inner, approximate=False))
        return x + self._drop(self._linear("narrow", inner, width))

    def _attend(self, x: Array, seen: Array) -> Array:
        width = x.shape[-1]
        joined = self._linear("inputs", x, 3 * width, uniform((1.5 / width) ** 0.5), nn.initializers.zeros)
        heads = joined.reshape(*x.shape[:-1], 3, self.heads, width // self.heads)
        query, key, value = jnp.moveaxis(heads, (-3, -2), (0, -3))  # [.., H, T, D / H]
        scores = self._products(query, key.mT) * (width / self.heads) ** -0.5
        weights = jax.nn.softmax(jnp.where(seen[..., None, None, :], scores, -jnp.inf))
        mixed = self._products(self._drop(weights), value)
        return self._linear("outputs", mixed.swapaxes(-3, -2).reshape(*x.shape), width, bias=nn.initializers.zeros)

    def _products(self, a: Array, b: Array) -> Array:
        """a @ b of stacked matrices."""
        return jnp.vectorize(partial(product, self.precision), signature="(m,k),(k,n)->(m,n)")(a, b)

    def _linear(
        self, name: str, x: Array, width: int, kernel: Initialize | None = None, bias: Initialize | None = None
    ) -> Array:
        """A dense layer; kernel and bias start as PyTorch's unless something else is named."""
        plain = uniform(x.shape[-1] ** -0.5)
        affine = Affine(width, kernel or plain, bias or plain, name=name)(x.shape[-1])
        return dense(self.precision, x.reshape(-1, x.shape[-1]), *affine).reshape(*x.shape[:-1], width)

    def _drop(self, x: Array) -> Array:
        return dropped(self.make_rng("dropout"), x, self.dropout) if self.has_rng("dropout") else x


def places(count: int, width: int) -> np.ndarray:
    """What is added to tokens to tell them apart by their order: sines and cosines [T, D] of falling frequencies."""
    angle = np.arange(count)[:, None] * np.exp(np.arange(0, width, 2) * (-np.log(10_000.0) / width))
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(count, width).astype(np.float32)
