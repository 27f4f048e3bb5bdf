"""A probabilistic ensemble that predicts what an action leads to (Chua et al. 2018, arXiv 1805.12114; offline as in Yu
et al. 2020, arXiv 2005.13239): each member gives a Gaussian of the change of the observation and of the reward.

A learned logit beside it says whether the task ends, where such code usually has a rule for each robot. O: observation,
A: action, E: members, B: batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from pars.nn.nets import MLP, apply, apply_ensemble

LOG_VAR = -10.0, 0.5  # soft bounds of the logarithm of variances, where they start
BOUNDS_WEIGHT = 0.01  # what draws them together
DECAY = 2.5e-5, 5e-5, 7.5e-5  # of the squares of kernels: of the first two hidden layers, and of the others
DECAY_OUT = 1e-4
FAR = 100.0  # standard deviations; nothing is known of observations beyond


class Prediction(NamedTuple):
    mean: Array  # [.., O + 1] of next_obs - obs and of the reward
    log_var: Array  # [.., O + 1]
    end: Array  # [..] logit of the task's end


class Dynamics(nn.Module):
    """One member; the MLP gives 2 (O + 1) + 1 numbers. obs [.., O] standardised, action [.., A] -> Prediction."""

    mlp: MLP

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Prediction:
        mean, log_var, end = jnp.split(
            self.mlp(jnp.concatenate([obs, action], -1)), [(w := obs.shape[-1] + 1), 2 * w], -1
        )
        low, high = (
            self.param(name, nn.initializers.constant(start), (w,))
            for name, start in zip(("log_var_min", "log_var_max"), LOG_VAR, strict=True)
        )
        return Prediction(mean, soft_bounded(log_var, low, high), end[..., 0])


def soft_bounded(x: Array, low: Array, high: Array) -> Array:
    """x between the bounds, with a slope everywhere: through a softplus at either."""
    x = high - jax.nn.softplus(high - x)
    return low + jax.nn.softplus(x - low)


def gaussian_nll(prediction: Prediction, target: Array) -> Array:
    """mean of (y - mean)^2 / var + log var over rows and dimensions: twice the negative log-likelihood but for a
    constant. target [B, O + 1]"""
    square = (prediction.mean - target) ** 2
    return jnp.mean(square * jnp.exp(-prediction.log_var) + prediction.log_var)


def end_loss(prediction: Prediction, terminal: Array) -> Array:
    """Mean cross-entropy of the task's end. terminal [B]"""
    return jnp.mean(jax.nn.softplus(prediction.end) - terminal * prediction.end)


def regularisation(params: Any) -> Array:
    """Weight decay, the stronger the later the layer, and what draws the bounds of the variances together."""
    layers = params["mlp"]
    names = sorted((name for name in layers if name != "out"), key=lambda name: int(name.rpartition("_")[2]))
    rates = [(name, DECAY[min(i, len(DECAY) - 1)]) for i, name in enumerate(names)]
    decay = sum(0.5 * rate * jnp.sum(layers[name]["kernel"] ** 2) for name, rate in [*rates, ("out", DECAY_OUT)])
    return decay + BOUNDS_WEIGHT * (jnp.sum(params["log_var_max"]) - jnp.sum(params["log_var_min"]))


def squared_error(prediction: Prediction, target: Array) -> Array:
    """By which members are compared: mean over rows and dimensions, variances aside. target [B, O + 1]"""
    return jnp.mean((prediction.mean - target) ** 2)


class Imagined(NamedTuple):
    next_obs: Array  # [B, O]
    reward: Array  # [B]
    ended: Array  # [B] bool: the task ended, or nothing is known of what follows


def imagine(net: Dynamics, members: Any, standardise: Any, obs: Array, action: Array, key: Array) -> Imagined:
    """A step from each of [B] observations, each drawn from a random one of the members [E, ..].

    Args:
        standardise: obs [.., O] -> as members see it.
    """
    k_member, k_noise = jax.random.split(key)
    found: Any = apply_ensemble(net, members, standardise(obs), action)  # leaves [E, B, ..]
    which = jax.random.randint(k_member, obs.shape[:1], 0, len(found.end))
    mean, log_var, end = (x[which, jnp.arange(len(obs))] for x in found)
    drawn = mean + jnp.exp(0.5 * log_var) * jax.random.normal(k_noise, mean.shape)
    next_obs = obs + drawn[:, :-1]
    inside = jnp.all(jnp.abs(standardise(next_obs)) < FAR, axis=-1)
    return Imagined(jnp.where(inside[:, None], next_obs, obs), drawn[:, -1], (end > 0) | ~inside)


def predict(net: Dynamics, params: Any, obs: Array, action: Array) -> Prediction:
    """Of one member."""
    found: Prediction = apply(net, params, obs, action)
    return found
