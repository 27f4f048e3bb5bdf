"""Tanh-Gaussian policies with a learned temperature: the family of SAC. A: action dimensions, B: batch.

Equations stand here once; a method's file says in which order it uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import NotNegative, config, setting
from pars.core import Metrics, Params, Spec, Transition
from pars.nn.nets import GaussianActor, action_dim, action_values, apply
from pars.rl.critics import CriticSettings, critic_net, make_critics
from pars.rl.ensemble import Some, least, least_q
from pars.rl.losses import tanh_sample
from pars.rl.net import Net, Normalizer, actor_mlp, descend, make_net, make_normalizer


class SoftState(NamedTuple):
    """Of a method with a tanh-Gaussian policy and a learned temperature."""

    actor: Net
    critic: Net  # leaves [E, ..]
    log_temperature: Net  # scalar
    norm: Normalizer


@config
class SACSettings(CriticSettings):
    """Methods with a tanh-Gaussian policy (Haarnoja et al. 2018, arXiv 1812.05905)."""

    temperature_lr: NotNegative = setting(3e-4, "learning rate of the temperature alpha")
    target_entropy: float = setting(-1.0, "that the temperature aims at", "H", unit="per action dimension")
    temperature_loss: Literal["log", "exp"] = setting("log", "-log(alpha) (log pi + H), or with alpha in its place")
    log_std_min: float = setting(-5.0, "floor of the policy's log standard deviation")
    learned_spread: bool = setting(False, "two learned numbers scale and shift the policy's log standard deviation")


def soft_actor_net(cfg: Any, width: int) -> GaussianActor:
    mlp = actor_mlp(cfg, 2 * width)
    return GaussianActor(mlp, cfg.log_std_min, learned_spread=cfg.learned_spread)


def make_soft_state(cfg: Any, spec: Spec, key: Array) -> SoftState:
    """A tanh-Gaussian actor, critics with targets, and a temperature of 1."""
    k_actor, k_critic = jax.random.split(key)
    actor = soft_actor_net(cfg, spec.action_dim).init(k_actor, jnp.zeros(spec.obs_dim))["params"]
    critic, norm = make_critics(cfg, spec, k_critic), make_normalizer(cfg.normalize_obs, spec, cfg.reward_norm)
    return SoftState(make_net(actor), critic, make_net(jnp.zeros(())), norm)


def sample(cfg: Any, params: Params, obs: Array, key: Array) -> tuple[Array, Array]:
    """Actions of the policy and their log-densities. obs [.., O] -> [.., A], [..]"""
    return tanh_sample(key, *apply(soft_actor_net(cfg, action_dim(params, 2)), params, obs))


def soft_next_value(
    cfg: Any, state: SoftState, batch: Transition, key: Array, some: Some | None = None, entropy: bool = True
) -> Array:
    """min Q'(s', a') - alpha log pi(a'|s') over the target critics or `some` of them, at a sampled action. -> [B]

    entropy: False leaves the second term out.
    """
    action, log_prob = sample(cfg, state.actor.params, batch.next_obs, key)
    next_q = least_q(critic_net(cfg), state.critic.target, batch.next_obs, action, some)
    return next_q - jnp.exp(state.log_temperature.params) * log_prob if entropy else next_q


def soft_actor_loss(
    cfg: Any, params: Params, state: Any, batch: Transition, key: Array, reduce: Callable[[Array], Array] = least
) -> tuple[Array, Array]:
    """mean(alpha log pi - min Q), and mean log pi. reduce: over the critics, [E, B] -> [B]; RLPD takes the mean."""
    action, log_prob = sample(cfg, params, batch.obs, key)
    q = reduce(action_values(critic_net(cfg), state.critic.params, batch.obs, action))
    return jnp.mean(jnp.exp(state.log_temperature.params) * log_prob - q), log_prob.mean()


def soft_actor_step(
    cfg: Any, state: Any, batch: Transition, key: Array, reduce: Callable[[Array], Array] = least
) -> tuple[Net, Metrics]:
    """One step of the actor; the `entropy` among its metrics is what `temperature_step` wants."""
    (loss, log_prob), grads = jax.value_and_grad(soft_actor_loss, argnums=1, has_aux=True)(
        cfg, state.actor.params, state, batch, key, reduce
    )
    return descend(state.actor, grads, cfg.actor_lr), {"actor_loss": loss, "entropy": -log_prob}


def temperature_step(cfg: Any, log_temperature: Net, entropy: Array, width: int) -> Net:
    """One step of -log(alpha) (log pi + H), or with alpha in the place of log(alpha), towards an entropy H of
    `target_entropy` for each of `width` dimensions."""
    slope = entropy - cfg.target_entropy * width
    if cfg.temperature_loss == "exp":
        slope = slope * jnp.exp(log_temperature.params)
    return descend(log_temperature, slope, cfg.temperature_lr)


def actor_then_temperature(
    cfg: Any, state: Any, batch: Transition, key: Array, reduce: Callable[[Array], Array] = least
) -> tuple[Any, Metrics]:
    """One step of the actor, and one of the temperature from the entropy that the actor's batch had."""
    actor, metrics = soft_actor_step(cfg, state, batch, key, reduce)
    temperature = temperature_step(cfg, state.log_temperature, metrics["entropy"], batch.action.shape[-1])
    metrics |= {"temperature": jnp.exp(temperature.params)}
    return state._replace(actor=actor, log_temperature=temperature), metrics


def temperature_then_actor(cfg: Any, state: Any, batch: Transition, key: Array) -> tuple[Any, Metrics]:
    """One step of the temperature, and one of the actor with the new temperature, on samples of its own."""
    k_temperature, k_actor = jax.random.split(key)
    entropy = -sample(cfg, state.actor.params, batch.obs, k_temperature)[1].mean()
    temperature = temperature_step(cfg, state.log_temperature, entropy, batch.action.shape[-1])
    state = state._replace(log_temperature=temperature)
    actor, metrics = soft_actor_step(cfg, state, batch, k_actor)
    return state._replace(actor=actor), {**metrics, "temperature": jnp.exp(temperature.params)}


def soft_act(cfg: Any, state: Any, obs: Array, key: Array, explore: Any) -> Array:
    """A sample of the policy, its spread times `explore`; its middle for 0."""
    net = soft_actor_net(cfg, action_dim(state.actor.params, 2))
    mean, log_std = apply(net, state.actor.params, state.norm(obs))
    return jnp.tanh(mean + explore * jnp.exp(log_std) * jax.random.normal(key, mean.shape))
