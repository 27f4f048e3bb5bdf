"""SAC (Haarnoja et al. 2018, arXiv 1812.05905): maximum-entropy actor-critic with a learned temperature.

It has no offline phase: it learns from its own transitions. Here it also drives the collection of datasets.

Order of one step: critics towards the old policy's target, actor against the new critics, temperature, targets.
Departures from the authors' code, all settings with the usual value as default: `critics` (their 2), `layer_norm`,
`reward_scale`. The temperature's loss is -log(alpha) (log pi + H), as in their code.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

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
from pars.losses import tanh_sample, td_loss, td_target
from pars.nets import (
    MLP,
    Critic,
    GaussianActor,
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
    critics: int = 2
    hidden: tuple[int, ...] = (256, 256)
    actor_hidden: tuple[int, ...] = (256, 256)
    layer_norm: LayerNorm = "none"  # of the critics
    initializer: Initializer = "torch"
    precision: Precision = "float32"  # of the products of hidden layers
    batch_size: int = 256
    discount: float = 0.99
    polyak: float = 0.005
    critic_lr: float = 3e-4
    actor_lr: float = 3e-4
    temperature_lr: float = 3e-4
    target_entropy: float = -1.0  # per action dimension
    reward_scale: float = 1.0
    # read by the loop
    updates_per_step: int = 1
    offline_rows: int = 0


class State(NamedTuple):
    actor: Net
    critic: Net  # stacked over the critics
    log_temperature: Net  # scalar
    norm: Normalizer


def actor_net(cfg: Config, width: int) -> GaussianActor:
    return GaussianActor(MLP(cfg.actor_hidden, 2 * width, initializer=cfg.initializer, precision=cfg.precision))


def critic_net(cfg: Config) -> Critic:
    return Critic(MLP(cfg.hidden, 1, cfg.layer_norm, initializer=cfg.initializer, precision=cfg.precision))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic = jax.random.split(key)
    obs, action = jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, obs)["params"]
    critic = init_ensemble(critic_net(cfg), cfg.critics, k_critic, obs, action)
    critics = jax.vmap(partial(make_net, target=True))(critic)
    return State(make_net(actor), critics, make_net(jnp.zeros(())), make_normalizer(False, spec))


def sample(cfg: Config, params: Params, obs: Array, key: Array) -> tuple[Array, Array]:
    """Actions of the policy and their log-densities. obs [.., O] -> [.., A], [..]"""
    return tanh_sample(key, *apply(actor_net(cfg, action_dim(params, 2)), params, obs))


def target(cfg: Config, state: State, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) (min Q' - alpha log pi) at a sampled next action. -> [B]"""
    action, log_prob = sample(cfg, state.actor.params, batch.next_obs, key)
    next_q = jnp.min(apply_ensemble(critic_net(cfg), state.critic.target, batch.next_obs, action), axis=0)
    soft = next_q - jnp.exp(state.log_temperature.params) * log_prob
    return td_target(cfg.reward_scale * batch.reward, batch.terminal, soft, cfg.discount)


def critic_loss(cfg: Config, params: Params, batch: Transition, y: Array) -> tuple[Array, Metrics]:
    """Squared TD error of one critic."""
    q = apply(critic_net(cfg), params, batch.obs, batch.action)
    loss = td_loss(q, y)
    return loss, {"critic_loss": loss, "q_mean": q.mean(), "q_max": q.max()}


def actor_loss(cfg: Config, params: Params, state: State, batch: Transition, key: Array) -> tuple[Array, Array]:
    """mean(alpha log pi - min Q), and mean log pi."""
    action, log_prob = sample(cfg, params, batch.obs, key)
    q = jnp.min(action_values(critic_net(cfg), state.critic.params, batch.obs, action), axis=0)
    return jnp.mean(jnp.exp(state.log_temperature.params) * log_prob - q), log_prob.mean()


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    k_target, k_actor = jax.random.split(key)
    y = target(cfg, state, batch, k_target)

    def one(net: Net) -> tuple[Net, Metrics]:
        grads, metrics = jax.grad(lambda p: critic_loss(cfg, p, batch, y), has_aux=True)(net.params)
        return polyak(descend(net, grads, cfg.critic_lr), cfg.polyak), metrics

    critic, metrics = each(one, state.critic)
    state = state._replace(critic=critic)
    (loss, log_prob), grads = jax.value_and_grad(lambda p: actor_loss(cfg, p, state, batch, k_actor), has_aux=True)(
        state.actor.params
    )
    # the gradient of -log(alpha) (log pi + H), H being the target entropy
    wanted = -(log_prob + cfg.target_entropy * batch.action.shape[-1])
    state = state._replace(
        actor=descend(state.actor, grads, cfg.actor_lr),
        log_temperature=descend(state.log_temperature, wanted, cfg.temperature_lr),
    )
    temperature = jnp.exp(state.log_temperature.params)
    return state, {**metrics, "actor_loss": loss, "entropy": -log_prob, "temperature": temperature}


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    """A sample of the policy, its spread times `explore`; its middle for 0."""
    mean, log_std = apply(actor_net(cfg, action_dim(state.actor.params, 2)), state.actor.params, state.norm(obs))
    return jnp.tanh(mean + explore * jnp.exp(log_std) * jax.random.normal(key, mean.shape))


ALGORITHM = Algorithm("sac", "SAC", "Haarnoja et al. 2018, arXiv 1812.05905", Config, init, update, act, critic_net)
