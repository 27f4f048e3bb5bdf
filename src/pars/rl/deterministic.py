"""Deterministic policies with a delay: the family of TD3. A: action dimensions, B: batch.

Equations stand here once; a method's file says in which order it uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, config, setting
from pars.core import Metrics, Params, Spec, Step, Transition
from pars.nn.nets import Actor, action_dim, apply
from pars.rl.critics import CriticSettings, critic_net, make_critics, scaled_td_target, update_critics
from pars.rl.ensemble import least_q
from pars.rl.losses import explored_action, smoothed_action
from pars.rl.net import Net, Normalizer, actor_mlp, descend, make_net, make_normalizer, polyak


class State(NamedTuple):
    """Of a method with a deterministic policy."""

    actor: Net
    critic: Net  # leaves [E, ..]
    norm: Normalizer


@config
class TD3Settings(CriticSettings):
    """Methods with a deterministic policy (Fujimoto et al. 2018, arXiv 1802.09477)."""

    policy_noise: NotNegative = setting(0.2, "of the target policy, a standard deviation", "sigma")
    noise_clip: NotNegative = setting(0.5, "where that noise is cut", "c")
    policy_delay: Count = setting(2, "critic steps for each step of actor and targets", "d")
    exploration_noise: NotNegative = setting(0.1, "added to actions, a standard deviation", phase="online")


def actor_net(cfg: Any, width: int) -> Actor:
    return Actor(actor_mlp(cfg, width))


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
    next_q = least_q(critic_net(cfg), state.critic.target, batch.next_obs, action)
    return scaled_td_target(cfg, batch, next_q)


ActorLoss = Callable[[Any, Params, Params, Transition], tuple[Array, Metrics]]  # cfg, params, critics, batch


def td3_step(
    cfg: Any, state: State, batch: Transition, y: Array, infeasible: Array | None, actor_loss: ActorLoss, step: Step
) -> tuple[State, Metrics]:
    """The critics towards y; in every `policy_delay`-th step then the actor, and all targets after it.

    infeasible: infeasible actions of the penalty, see critics.draw_infeasible.
    """
    critic, metrics = update_critics(cfg, state.critic, batch, y, infeasible, follow=False)
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
