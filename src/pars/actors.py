"""The two families of policies: deterministic ones with a delay (TD3), and tanh-Gaussian ones with a temperature (SAC).

Equations stand here once; a method's file says in which order it uses them. A: action dimensions, B: batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import config
from pars.core import (
    Metrics,
    Net,
    Normalizer,
    Params,
    Spec,
    Step,
    Transition,
    descend,
    make_net,
    make_normalizer,
    polyak,
)
from pars.critics import CriticSettings, bellman, critic_loss, critic_net, descend_each, make_critics
from pars.losses import explored_action, smoothed_action, tanh_sample
from pars.nets import MLP, Activation, Actor, GaussianActor, action_dim, action_values, apply, apply_ensemble


class State(NamedTuple):
    """Of a method with a deterministic policy."""

    actor: Net
    critic: Net  # leaves [E, ..]
    norm: Normalizer


class SoftState(NamedTuple):
    """Of a method with a tanh-Gaussian policy and a learned temperature."""

    actor: Net
    critic: Net  # leaves [E, ..]
    log_temperature: Net  # scalar
    norm: Normalizer


@config
class TD3Settings(CriticSettings):
    """Of methods with a deterministic policy (Fujimoto et al. 2018, arXiv 1802.09477)."""

    policy_noise: float = 0.2  # of the target policy
    noise_clip: float = 0.5
    policy_delay: int = 2  # critic steps per actor and target step
    exploration_noise: float = 0.1


@config
class SACSettings(CriticSettings):
    """Of methods with a tanh-Gaussian policy (Haarnoja et al. 2018, arXiv 1812.05905)."""

    temperature_lr: float = 3e-4
    target_entropy: float = -1.0  # per action dimension
    temperature_loss: Literal["log", "exp"] = "log"  # -log(alpha) (log pi + H), or with alpha in its place
    log_std_min: float = -5.0
    learned_spread: bool = False  # see nets.GaussianActor


def actor_net(cfg: Any, width: int) -> Actor:
    activation: Activation = getattr(cfg, "activation", "relu")
    return Actor(MLP(cfg.actor_hidden, width, "none", activation, cfg.initializer, 1e-3, cfg.precision))


def make_state(cfg: Any, spec: Spec, key: Array) -> State:
    """A deterministic actor and critics, all with targets."""
    k_actor, k_critic = jax.random.split(key)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, jnp.zeros(spec.obs_dim))["params"]
    critic = make_critics(cfg, spec, k_critic)
    return State(make_net(actor, target=True), critic, make_normalizer(cfg.normalize_obs, spec, cfg.reward_norm))


def next_action(cfg: Any, state: State, batch: Transition, key: Array) -> Array:
    """The target policy's action at the next observation, smoothed. -> [B, A]"""
    action = apply(actor_net(cfg, batch.action.shape[-1]), state.actor.target, batch.next_obs)
    return smoothed_action(key, action, cfg.policy_noise, cfg.noise_clip)


def twin_target(cfg: Any, state: State, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) min of the target critics at the smoothed target action. -> [B]"""
    action = next_action(cfg, state, batch, key)
    next_q = apply_ensemble(critic_net(cfg), state.critic.target, batch.next_obs, action)
    return bellman(cfg, batch, jnp.min(next_q, axis=0))


ActorLoss = Callable[[Any, Params, Params, Transition], tuple[Array, Metrics]]  # cfg, params, critics, batch


def td3_step(
    cfg: Any, state: State, batch: Transition, y: Array, far: Array | None, actor_loss: ActorLoss, step: Step
) -> tuple[State, Metrics]:
    """The critics towards y; in every `policy_delay`-th step then the actor, and all targets after it.

    far: infeasible actions of the penalty, see critics.far_actions.
    """
    critic, metrics = descend_each(
        cfg, state.critic, lambda params: critic_loss(cfg, params, batch, y, far), follow=False
    )
    improve = partial(actor_step, cfg, batch=batch, actor_loss=actor_loss)
    state, delayed = step.maybe(cfg.policy_delay, improve, state._replace(critic=critic))
    return state, {**metrics, "target_mean": y.mean(), **delayed}


def actor_step(
    cfg: Any, state: State, batch: Transition, actor_loss: ActorLoss, rate: Any = None
) -> tuple[State, Metrics]:
    """One actor step (of `rate`, by default `cfg.actor_lr`), then actor and critic targets move."""
    grads, metrics = jax.grad(actor_loss, argnums=1, has_aux=True)(cfg, state.actor.params, state.critic.params, batch)
    actor = descend(state.actor, grads, cfg.actor_lr if rate is None else rate)
    return state._replace(actor=polyak(actor, cfg.polyak), critic=polyak(state.critic, cfg.polyak)), metrics


def act(cfg: Any, state: Any, obs: Array, key: Array, explore: Any) -> Array:
    """The deterministic action and, times `explore`, Gaussian noise."""
    action = apply(actor_net(cfg, action_dim(state.actor.params)), state.actor.params, state.norm(obs))
    return explored_action(key, action, explore * cfg.exploration_noise)


def soft_actor_net(cfg: Any, width: int) -> GaussianActor:
    mlp = MLP(cfg.actor_hidden, 2 * width, "none", cfg.activation, cfg.initializer, 1e-3, cfg.precision)
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
    cfg: Any, state: SoftState, critics: Params, batch: Transition, key: Array, entropy: bool = True
) -> Array:
    """min Q'(s', a') - alpha log pi(a'|s') over the given target critics, at a sampled action. -> [B]

    entropy: False leaves the second term out.
    """
    action, log_prob = sample(cfg, state.actor.params, batch.next_obs, key)
    next_q = jnp.min(apply_ensemble(critic_net(cfg), critics, batch.next_obs, action), axis=0)
    return next_q - jnp.exp(state.log_temperature.params) * log_prob if entropy else next_q


def soft_actor_loss(
    cfg: Any, params: Params, state: Any, batch: Transition, key: Array, reduce: Callable[..., Array] = jnp.min
) -> tuple[Array, Array]:
    """mean(alpha log pi - min Q), and mean log pi. reduce: over the critics, jnp.mean for RLPD."""
    action, log_prob = sample(cfg, params, batch.obs, key)
    q = reduce(action_values(critic_net(cfg), state.critic.params, batch.obs, action), axis=0)
    return jnp.mean(jnp.exp(state.log_temperature.params) * log_prob - q), log_prob.mean()


def soft_actor_step(
    cfg: Any, state: Any, batch: Transition, key: Array, reduce: Callable[..., Array] = jnp.min
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
    cfg: Any, state: Any, batch: Transition, key: Array, reduce: Callable[..., Array] = jnp.min
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
