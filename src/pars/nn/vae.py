"""A conditional variational autoencoder of actions, as BCQ has it (Fujimoto et al. 2019, arXiv 1812.02900): a model of
what the dataset does. L: latent dimensions, twice those of the action."""

from __future__ import annotations

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from pars.nn.layers import Precision
from pars.nn.nets import MLP, apply

LOG_STD_MIN, LOG_STD_MAX = -4.0, 15.0  # of the latent
LATENT_CLIP = 0.5  # latents of actions that are drawn lie in +- this


class VAE(nn.Module):
    """Encoder (s, a) -> latent Gaussian, decoder (s, z) -> action in (-1, 1). Layers start as PyTorch's do."""

    hidden: tuple[int, ...]
    action_dim: int
    precision: Precision = "float32"

    def setup(self) -> None:
        latent = 2 * self.action_dim
        self.encoder = MLP(self.hidden, 2 * latent, initializer="torch", precision=self.precision)
        self.decoder = MLP(self.hidden, self.action_dim, initializer="torch", precision=self.precision)

    def encode(self, obs: Array, action: Array) -> tuple[Array, Array]:
        """obs [.., O], action [.., A] -> mean and log standard deviation of the latent [.., L]."""
        mean, log_std = jnp.split(self.encoder(jnp.concatenate([obs, action], axis=-1)), 2, axis=-1)
        return mean, jnp.clip(log_std, LOG_STD_MIN, LOG_STD_MAX)

    def decode(self, obs: Array, latent: Array) -> Array:
        """obs [.., O], latent [.., L] -> action [.., A]."""
        return jnp.tanh(self.decoder(jnp.concatenate([obs, latent], axis=-1)))

    def __call__(self, obs: Array, action: Array, noise: Array) -> tuple[Array, Array]:
        """What is left of the action after the way through the latent, and how far the latent is from a standard one.

        noise: standard normal [.., L] -> squared errors [.., A], KL(q(z|s, a) || N(0, 1)) of each latent [.., L].
        """
        mean, log_std = self.encode(obs, action)
        decoded = self.decode(obs, mean + jnp.exp(log_std) * noise)
        kl = 0.5 * (mean**2 + jnp.exp(2.0 * log_std) - 1.0) - log_std
        return (action - decoded) ** 2, kl


def elbo_loss(
    vae: VAE, params: Any, obs: Array, action: Array, key: Array, kl_weight: float, reduce: Literal["sum", "mean"]
) -> Array:
    """Error of the decoded action plus `kl_weight` times KL, each summed or averaged over its dimensions, at one latent
    drawn for each row: up to factor and constant the negative ELBO, an upper bound of -log beta(a|s). -> [..]

    Its slope by `action` goes through the encoder and through the error.
    """
    noise = jax.random.normal(key, (*action.shape[:-1], 2 * action.shape[-1]))
    error, kl = apply(vae, params, obs, action, noise)
    over = jnp.sum if reduce == "sum" else jnp.mean
    bound: Array = over(error, axis=-1) + kl_weight * over(kl, axis=-1)
    return bound


def vae_actions(vae: VAE, params: Any, obs: Array, key: Array) -> Array:
    """Actions of the dataset's kind at obs [.., O] -> [.., A]: decoded from clipped standard normal latents."""
    noise = jax.random.normal(key, (*obs.shape[:-1], 2 * vae.action_dim))
    latent = jnp.clip(noise, -LATENT_CLIP, LATENT_CLIP)
    action: Array = vae.apply({"params": params}, obs, latent, method="decode")  # type: ignore[assignment]
    return action


def init_vae(vae: VAE, obs_dim: int, key: Array) -> Any:
    """Fresh parameters."""
    zeros = jnp.zeros(obs_dim), jnp.zeros(vae.action_dim), jnp.zeros(2 * vae.action_dim)
    return vae.init(key, *zeros)["params"]
