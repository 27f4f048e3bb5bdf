"""TD3+BC (Fujimoto & Gu 2021, arXiv 2106.06860): TD3 whose actor also stays close to the dataset's actions.

Departures from the authors' code (sfujim/TD3_BC), all of them settings with the authors' value as default:
1. `layer_norm` of the critics and `reward_scale`, to study what RS-LN alone does;
2. `bc_reduce`, `actor_value` and `bc_weight`, which give the tuned variant that ReBRAC's authors report (2305.09836).
Stacked twin critics are initialised from different keys, as theirs are.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import config
from pars.core import (
    Algorithm,
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
from pars.device import each
from pars.layers import Precision
from pars.losses import bc_loss, explored_action, normalized_value, smoothed_action, td_loss, td_target
from pars.nets import (
    MLP,
    Actor,
    Critic,
    Initializer,
    LayerNorm,
    action_dim,
    action_values,
    apply,
    apply_ensemble,
    init_ensemble,
)


@config
class Config:
    """The authors' settings; their symbols at the right."""

    hidden: tuple[int, ...] = (256, 256)
    actor_hidden: tuple[int, ...] = (256, 256)
    layer_norm: LayerNorm = "none"  # of the critics
    initializer: Initializer = "torch"
    precision: Precision = "float32"  # of the products of hidden layers
    normalize_obs: bool = True
    batch_size: int = 256
    discount: float = 0.99
    polyak: float = 0.005  # per actor step
    critic_lr: float = 3e-4
    actor_lr: float = 3e-4
    reward_scale: float = 1.0
    reward_shift: float = 0.0  # added after scaling; CORL uses -1 on AntMaze
    policy_noise: float = 0.2
    noise_clip: float = 0.5
    policy_delay: int = 2  # critic steps per actor and target step
    q_weight: float = 2.5  # alpha
    bc_weight: float = 1.0
    bc_reduce: Literal["sum", "mean"] = "mean"
    actor_value: Literal["first", "min"] = "first"  # which critic the actor climbs
    # online
    updates_per_step: int = 1
    offline_rows: int = 128  # of each batch
    exploration_noise: float = 0.1


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [2, ..]
    norm: Normalizer


def actor_net(cfg: Config, width: int) -> Actor:
    return Actor(MLP(cfg.actor_hidden, width, initializer=cfg.initializer, precision=cfg.precision, edge=1e-3))


def critic_net(cfg: Config) -> Critic:
    return Critic(MLP(cfg.hidden, 1, cfg.layer_norm, initializer=cfg.initializer, precision=cfg.precision))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic = jax.random.split(key)
    obs, action = jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, obs)["params"]
    critic = init_ensemble(critic_net(cfg), 2, k_critic, obs, action)
    critics = jax.vmap(partial(make_net, target=True))(critic)
    return State(make_net(actor, target=True), critics, make_normalizer(cfg.normalize_obs, spec))


def target(cfg: Config, state: State, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) min of the twin target critics at the smoothed target action. -> [B]"""
    action = apply(actor_net(cfg, batch.action.shape[-1]), state.actor.target, batch.next_obs)
    action = smoothed_action(key, action, cfg.policy_noise, cfg.noise_clip)
    next_q = apply_ensemble(critic_net(cfg), state.critic.target, batch.next_obs, action)
    reward = cfg.reward_scale * batch.reward + cfg.reward_shift
    return td_target(reward, batch.terminal, jnp.min(next_q, axis=0), cfg.discount)


def critic_loss(cfg: Config, params: Params, batch: Transition, y: Array) -> tuple[Array, Metrics]:
    """Squared TD error of one critic; the sum over the twins separates into one Adam each."""
    q = apply(critic_net(cfg), params, batch.obs, batch.action)
    loss = td_loss(q, y)
    return loss, {"critic_loss": loss, "q_mean": q.mean(), "q_max": q.max()}


def actor_loss(cfg: Config, params: Params, critics: Params, batch: Transition) -> tuple[Array, Metrics]:
    """-alpha Q / mean |Q| + |pi(s) - a|^2, equations (3) to (5)."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    if cfg.actor_value == "first":
        first = jax.tree.map(lambda x: x[0], critics)
        v = apply(critic_net(cfg), first, batch.obs, action)
    else:
        v = jnp.min(action_values(critic_net(cfg), critics, batch.obs, action), axis=0)
    distance = bc_loss(action, batch.action, cfg.bc_reduce)
    loss = -cfg.q_weight * normalized_value(v) + cfg.bc_weight * distance
    return loss, {"actor_loss": loss, "bc_loss": distance, "policy_value": v.mean()}


def actor_step(cfg: Config, state: State, batch: Transition) -> tuple[State, Metrics]:
    """One actor step, then all targets move."""
    grads, metrics = jax.grad(lambda p: actor_loss(cfg, p, state.critic.params, batch), has_aux=True)(
        state.actor.params
    )
    actor = descend(state.actor, grads, cfg.actor_lr)
    return state._replace(actor=polyak(actor, cfg.polyak), critic=polyak(state.critic, cfg.polyak)), metrics


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = batch._replace(obs=state.norm(batch.obs), next_obs=state.norm(batch.next_obs))
    y = target(cfg, state, batch, key)

    def one(net: Net) -> tuple[Net, Metrics]:
        grads, metrics = jax.grad(lambda p: critic_loss(cfg, p, batch, y), has_aux=True)(net.params)
        return descend(net, grads, cfg.critic_lr), metrics

    net, metrics = each(one, state.critic._replace(target=None))
    state = state._replace(critic=net._replace(target=state.critic.target))
    state, delayed = step.maybe(cfg.policy_delay, lambda s: actor_step(cfg, s, batch), state)
    return state, {**metrics, "target_mean": y.mean(), **delayed}


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    action = apply(actor_net(cfg, action_dim(state.actor.params)), state.actor.params, state.norm(obs))
    return explored_action(key, action, explore * cfg.exploration_noise)


ALGORITHM = Algorithm("td3_bc", "TD3+BC", "Fujimoto & Gu 2021, arXiv 2106.06860", Config, init, update, act, critic_net)
