"""One equation, one pure function. B: batch, E: critics, A: action dimensions.

Shapes that would only be broadcast are refused while the program is traced: a [B, 1] beside a [B] gives a [B, B] that
trains, badly, without an error.
"""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array


def same_shape(where: str, mend: str, **arrays: Any) -> None:
    """Raise ValueError, with what to do, unless all arrays have one shape."""
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{where} takes arrays of one shape, got {got}; {mend}")


def td_target(reward: Array, terminal: Array, next_q: Array, discount: Any) -> Array:
    """Bellman target r + discount (1 - terminal) q', gradient stopped. All inputs [B] -> [B]."""
    mend = "reduce the critic ensemble before the target"
    same_shape("td_target", mend, reward=reward, terminal=terminal, next_q=next_q)
    return jax.lax.stop_gradient(reward + discount * (1.0 - terminal) * next_q)


def td_loss(q: Array, target: Array) -> Array:
    """Mean squared TD error, the first term of PARS eq. (3) for one critic. q [B], target [B] -> scalar."""
    same_shape("td_loss", "map it over the critics, and drop axes of size one", q=q, target=target)
    return jnp.mean((q - target) ** 2)


def penalty_loss(q: Array, q_min: Any) -> Array:
    """PA loss, eq. (2) of PARS and second term of eq. (3): pull Q at infeasible actions to `q_min`, from both sides.

    q [.., B] -> [..]. q_min: one number; with one for each critic or member, map over them.
    """
    if jnp.shape(q_min):
        raise ValueError(f"penalty_loss takes one q_min, got {jnp.shape(q_min)}; map it over them")
    return jnp.mean((q - q_min) ** 2, axis=-1)


def infeasible_actions(key: Array, shape: tuple[int, ...], distance: Any, kind: Literal["all", "any"] = "all") -> Array:
    """Actions beyond the box [-1, 1]^A, PARS eq. (4) and listing 1. shape [.., A].

    "all": every coordinate in +-[distance, 2 distance), sign and size uniform and independent.
    "any": a random non-empty subset of the coordinates so, the others uniform in [-1, 1): the union of eq. (1).
    """
    k_far, k_feasible, k_subset, k_sure = jax.random.split(key, 4)
    u = jax.random.uniform(k_far, shape, minval=-1.0, maxval=1.0)
    far = distance * jnp.where(u < 0, u - 1.0, u + 1.0)
    if kind == "all":
        return far
    subset = jax.random.bernoulli(k_subset, 0.5, shape)
    sure = jax.nn.one_hot(jax.random.randint(k_sure, shape[:-1], 0, shape[-1]), shape[-1], dtype=bool)
    feasible = jax.random.uniform(k_feasible, shape, minval=-1.0, maxval=1.0)
    return jnp.where(subset | sure, far, feasible)


def smoothed_action(key: Array, action: Array, noise: Any, clip: Any) -> Array:
    """Target policy smoothing of TD3 (Fujimoto et al. 2018): the action plus clipped Gaussian noise, inside the box."""
    epsilon = jnp.clip(noise * jax.random.normal(key, action.shape), -clip, clip)
    return jnp.clip(action + epsilon, -1.0, 1.0)


def explored_action(key: Array, action: Array, noise: Any) -> Array:
    """Gaussian exploration, clipped to the box. noise: standard deviation (0: the action itself)."""
    return jnp.clip(action + noise * jax.random.normal(key, action.shape), -1.0, 1.0)


def tanh_sample(key: Array, mean: Array, log_std: Array) -> tuple[Array, Array]:
    """tanh(z), z ~ N(mean, std^2), and its log-density (Haarnoja et al. 2018, appendix C). [.., A] -> [.., A], [..].

    log(1 - tanh(z)^2) = 2 (log 2 - z - softplus(-2 z)): exact also where tanh is 1 to rounding.
    """
    same_shape("tanh_sample", "broadcast log_std to the mean", mean=mean, log_std=log_std)
    noise = jax.random.normal(key, mean.shape)
    z = mean + jnp.exp(log_std) * noise
    log_normal = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)
    log_slope = 2.0 * (jnp.log(2.0) - z - jax.nn.softplus(-2.0 * z))
    return jnp.tanh(z), jnp.sum(log_normal - log_slope, axis=-1)


TANH_EDGE = 0.999  # beyond, the density of a squashed action is that of the whole tail


def tanh_log_prob(action: Array, mean: Array, log_std: Array) -> Array:
    """Log-density of tanh(N(mean, std^2)) at given actions, summed over A. All [.., A] -> [..]

    Where |action| >= TANH_EDGE, which data often have, it is the mass of that tail over its width, as in acme.
    """
    same_shape("tanh_log_prob", "repeat the policy for each action", action=action, mean=mean, log_std=log_std)
    inside = jnp.clip(action, -TANH_EDGE, TANH_EDGE)
    z, spread = jnp.arctanh(inside), jnp.exp(-log_std)
    standard = (z - mean) * spread
    density = -0.5 * standard**2 - log_std - 0.5 * jnp.log(2 * jnp.pi) - jnp.log1p(-(inside**2))
    tail = jax.scipy.special.log_ndtr(-jnp.sign(action) * standard) - jnp.log1p(-TANH_EDGE)
    return jnp.sum(jnp.where(jnp.abs(action) < TANH_EDGE, density, tail), axis=-1)


def gaussian_log_prob(action: Array, mean: Array, log_std: Array) -> Array:
    """Log-density of N(mean, std^2), summed over A. action, mean [.., A], log_std [A] or [.., A] -> [..]"""
    same_shape("gaussian_log_prob", "repeat the mean for each action, or map over them", action=action, mean=mean)
    if jnp.shape(log_std) != mean.shape[-1:]:
        same_shape("gaussian_log_prob", "give log_std [A] or like the mean", mean=mean, log_std=log_std)
    standard = (action - mean) * jnp.exp(-log_std)
    return jnp.sum(-0.5 * standard**2 - log_std - 0.5 * jnp.log(2 * jnp.pi), axis=-1)


def expectile_loss(q: Array, v: Array, expectile: Any) -> Array:
    """mean |tau - 1[u <= 0]| u^2 with u = q - v (Kostrikov et al. 2021, eq. 5): v at its minimum is the expectile of q.

    q, v [B] -> scalar
    """
    same_shape("expectile_loss", "reduce the critic ensemble before it", q=q, v=v)
    difference = q - v
    return jnp.mean(jnp.where(difference > 0, expectile, 1.0 - expectile) * difference**2)


def bc_loss(policy_action: Array, action: Array, reduce: Literal["sum", "mean"]) -> Array:
    """Squared distance to the dataset action, summed or averaged over A, averaged over B. [B, A] -> scalar."""
    same_shape("bc_loss", "give one action of the policy for each of the data", policy=policy_action, data=action)
    squares = (policy_action - action) ** 2
    return jnp.mean(jnp.sum(squares, -1) if reduce == "sum" else jnp.mean(squares, -1))


def normalized_value(v: Array) -> Array:
    """mean v / stop_gradient(mean |v|): the value term of TD3+BC's actor, free of the reward scale. v [B] -> scalar."""
    if jnp.ndim(v) != 1:
        raise ValueError(f"normalized_value takes one value per transition, got {v.shape}; reduce the ensemble before")
    return jnp.mean(v) / (jax.lax.stop_gradient(jnp.mean(jnp.abs(v))) + 1e-8)


def density_ratio_loss(under: Array, over: Array) -> Array:
    """Minus a lower bound of the Jensen-Shannon divergence of two distributions (Lee et al. 2021, arXiv 2107.00591):
    at its minimum w is the density of the second over that of the first.

    under, over: w at samples of the first and of the second, both >= 0. [B], [B'] -> scalar
    """
    tiny = 1e-10
    return -jnp.mean(jnp.log(2.0 / (under + 1.0) + tiny)) - jnp.mean(jnp.log(2.0 * over / (over + 1.0) + tiny))


def moment_matched(means: Any, log_stds: Any) -> tuple[Array, Array]:
    """Mean and log standard deviation of the even mixture of M Gaussians, each coordinate by itself. M of [..] -> [..]

    The variance is the mean of variances plus the variance of means, which no rounding makes negative.
    """
    for mean, log_std in zip(means, log_stds, strict=True):
        same_shape("moment_matched", "broadcast log_std to the mean", mean=mean, log_std=log_std)
    middle = sum(means) / len(means)
    apart = [mean - middle for mean in means]
    variance = sum(jnp.exp(2.0 * log_std) + off * off for log_std, off in zip(log_stds, apart, strict=True)) / len(
        means
    )
    return middle, 0.5 * jnp.log(variance)


def cosine_decay(index: Array, total: Any) -> Array:
    """Learning-rate factor from 1 at step 0 to 0 at step `total`."""
    return 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(index / total, 0.0, 1.0)))


def ranks(key: Array, count: int) -> Array:
    """The places 0, 1, .. [count] of so many random numbers in their order, found without sorting: a sort is several
    kernels on a GPU."""
    bits, number = jax.random.bits(jax.random.split(key)[1], (count,)), jnp.arange(count)
    before = (bits < bits[:, None]) | ((bits == bits[:, None]) & (number < number[:, None]))
    return before.sum(axis=1)


def subset(key: Array, count: int, size: int) -> Array:
    """`size` different indices below `count`, each equally likely: the first of `jax.random.permutation` (of up to
    1,625, which it shuffles once)."""
    return (jnp.arange(count) * (ranks(key, count) == jnp.arange(size)[:, None])).sum(axis=1)
