"""Trained networks with their optimizer and slow copy, and the normalisation of what they see."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pars.core import Params, RewardNorm, Spec, Transition
from pars.nn.nets import MLP, LayerNorm


def actor_mlp(cfg: Any, out: int, dropout: Any = None) -> MLP:
    """The layers of a policy with `out` numbers, as settings have them."""
    own: Any = getattr(cfg, "actor_initializer", "same")  # a method without critics has one initializer
    return MLP(
        cfg.actor_hidden,
        out,
        activation=cfg.activation,
        initializer=cfg.initializer if own == "same" else own,
        edge=1e-3,
        precision=cfg.precision,
        dropout=dropout,
    )


def value_mlp(cfg: Any, layer_norm: LayerNorm = "none") -> MLP:
    """The layers of a critic or value with one number, as settings have them."""
    return MLP(
        cfg.hidden,
        1,
        layer_norm=layer_norm,
        activation=cfg.activation,
        initializer=cfg.initializer,
        edge=3e-3,
        precision=cfg.precision,
    )


class Net(NamedTuple):
    """One trained network or a stacked ensemble of them: parameters, their slow copy, Adam's moments."""

    params: Params
    target: Params | None
    opt: optax.OptState


class Normalizer(NamedTuple):
    """Standardises observations, the same way in training and in evaluation, and rewards, offline and online alike."""

    mean: Array  # [O]
    scale: Array  # [O]
    reward_mean: Any = 0.0
    reward_scale: Any = 1.0

    def __call__(self, obs: Array) -> Array:
        return (obs - self.mean) / self.scale

    def batch(self, batch: Transition) -> Transition:
        """The batch as losses see it."""
        reward = (batch.reward - self.reward_mean) / self.reward_scale
        return batch._replace(obs=self(batch.obs), next_obs=self(batch.next_obs), reward=reward)


ADAM = optax.scale_by_adam()  # betas .9 and .999, eps 1e-8; the rate is applied in `descend`, so it may be traced


def make_net(params: Params, target: bool = False) -> Net:
    """A fresh network: Adam's moments at zero and, if asked for, an exact copy of the parameters as target."""
    return Net(params, jax.tree.map(jnp.copy, params) if target else None, ADAM.init(params))


def without_moments(net: Net) -> Net:
    """The network with Adam's moments and count at zero, also of a stacked ensemble."""
    return net._replace(opt=jax.tree.map(jnp.zeros_like, net.opt))


def descend(net: Net, grads: Params, learning_rate: Any, adam: optax.GradientTransformation = ADAM) -> Net:
    """One Adam step of `net` along `grads`. adam: one with another epsilon."""
    updates, opt = adam.update(grads, net.opt)
    params = jax.tree.map(lambda p, u: p - learning_rate * u, net.params, updates)
    return net._replace(params=params, opt=opt)


def clipped(grads: Params, most: Any) -> Params:
    """A gradient whose norm is brought down to `most`, as PyTorch's `clip_grad_norm_` does."""
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
    factor = jnp.minimum(1.0, most / (norm + 1e-6))
    return jax.tree.map(lambda g: factor * g, grads)


def polyak(net: Net, rate: Any) -> Net:
    """Move the target towards the parameters: target + rate (params - target)."""
    return net._replace(target=jax.tree.map(lambda t, p: t + rate * (p - t), net.target, net.params))


def make_normalizer(normalize: bool, spec: Spec, rewards: RewardNorm = "none") -> Normalizer:
    """(obs - mean) / (std + 1e-3) of TD3+BC (Fujimoto & Gu 2021), or the identity. A column that never changed in the
    data is only centred: a thousand times what it may differ by one day would drown the others.

    Args:
        rewards: "range" divides by the range of the dataset's returns over 1000, as IQL does on MuJoCo (Kostrikov et
            al. 2021); "standard" subtracts the mean and divides by the standard deviation, as EDAC does on Adroit.
    """
    mean, scale = (spec.obs_mean, spec.obs_std + 1e-3) if normalize else (0.0, 1.0)
    if normalize:
        scale = jnp.where(spec.obs_std <= 1e-6 * jnp.abs(spec.obs_mean), 1.0, scale)
    shape = (spec.obs_dim,)
    affine = {"none": (0.0, 1.0), "range": (0.0, spec.return_range)}
    affine["standard"] = (spec.reward_mean, spec.reward_std)
    reward = (jnp.asarray(number, jnp.float32) for number in affine[rewards])
    return Normalizer(jnp.full(shape, mean, jnp.float32), jnp.full(shape, scale, jnp.float32), *reward)
