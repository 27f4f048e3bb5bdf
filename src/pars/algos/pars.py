"""PARS (Kim et al. 2025, arXiv 2507.08761): TD3+BC with reward scaling under layer normalisation (RS-LN) and a penalty
on infeasible actions (PA), offline and then online.

The authors' code is not public. Where the paper leaves a choice open, it is a setting, and its default is
1. targets: the minimum over a random subset of `target_critics` = 2 critics, target noise 0.2 clipped at 0.5 as in TD3;
2. actor: Q divided by the batch mean of |Q|, squared BC distance summed over action dimensions, every second step;
3. networks: three hidden layers of 256, layer norm before the activation, flax's default initialiser;
4. `q_min` as printed in Table 8 (`q_min_scaled` multiplies it by `reward_scale`); all coordinates infeasible at once.
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
from pars.errors import UsageError
from pars.layers import Precision
from pars.losses import (
    bc_loss,
    cosine_decay,
    explored_action,
    infeasible_actions,
    normalized_value,
    penalty_loss,
    smoothed_action,
    subset,
    td_loss,
    td_target,
)
from pars.nets import (
    MLP,
    Activation,
    Actor,
    Critic,
    Initializer,
    LayerNorm,
    action_dim,
    action_values,
    apply,
    apply_ensemble,
    choose,
    init_ensemble,
)


@config
class Config:
    """PARS, Table 9. The paper's symbols and the numbers of our list of open choices at the right."""

    critics: int = 10  # N, section 4.3
    hidden: tuple[int, ...] = (256, 256, 256)  # of each critic
    actor_hidden: tuple[int, ...] = (256, 256, 256)
    layer_norm: LayerNorm = "before"  # of the critics
    activation: Activation = "relu"
    initializer: Initializer = "flax"
    precision: Precision = "float32"  # of the products of hidden layers
    normalize_obs: bool = False
    # policy evaluation
    batch_size: int = 256
    discount: float = 0.99
    polyak: float = 0.005  # per actor step
    critic_lr: float = 3e-4
    reward_scale: float = 10.0  # c_reward
    target_critics: int = 2  # k_critic: size of the random subset in the target
    policy_noise: float = 0.2
    noise_clip: float = 0.5
    # penalising infeasible actions
    penalty: bool = True
    penalty_weight: float = 0.001  # alpha, eq. (3)
    penalty_weight_online: float = 0.001
    infeasible_distance: float = 100.0  # L, eq. (4)
    infeasible: Literal["all", "any"] = "all"  # coordinates out of the box at once
    q_min: float = 0.0  # Table 8
    q_min_scaled: bool = False
    # policy improvement
    policy_delay: int = 2  # critic steps per actor and target step
    policy_delay_online: int = 2
    actor_lr: float = 3e-4
    actor_cosine: bool = False  # offline only
    bc_weight: float = 0.01  # beta
    bc_weight_online: float = 0.0
    bc_reduce: Literal["sum", "mean"] = "sum"
    normalize_q: bool = True
    actor_critics: int = 1  # k_actor: online, the actor climbs the mean of a random subset of this size
    # online
    updates_per_step: int = 20
    offline_rows: int = 128  # of each batch
    exploration_noise: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.target_critics <= self.critics or not 1 <= self.actor_critics <= self.critics:
            raise UsageError(
                f"target_critics={self.target_critics} and actor_critics={self.actor_critics} must lie between 1 and "
                f"critics={self.critics}"
            )


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [N, ..]
    norm: Normalizer


def actor_net(cfg: Config, action_dim: int) -> Actor:
    return Actor(MLP(cfg.actor_hidden, action_dim, "none", cfg.activation, cfg.initializer, 1e-3, cfg.precision))


def critic_net(cfg: Config) -> Critic:
    return Critic(MLP(cfg.hidden, 1, cfg.layer_norm, cfg.activation, cfg.initializer, 3e-3, cfg.precision))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic = jax.random.split(key)
    obs, action = jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, obs)["params"]
    critic = init_ensemble(critic_net(cfg), cfg.critics, k_critic, obs, action)
    critics = jax.vmap(partial(make_net, target=True))(critic)
    return State(make_net(actor, target=True), critics, make_normalizer(cfg.normalize_obs, spec))


def target(cfg: Config, state: State, batch: Transition, key: Array) -> Array:
    """y = c r + discount (1 - terminal) min over a random subset of target critics, section 4.3. -> [B]"""
    k_noise, k_subset = jax.random.split(key)
    action = apply(actor_net(cfg, batch.action.shape[-1]), state.actor.target, batch.next_obs)
    action = smoothed_action(k_noise, action, cfg.policy_noise, cfg.noise_clip)
    chosen = choose(state.critic.target, subset(k_subset, cfg.critics, cfg.target_critics))
    next_q = apply_ensemble(critic_net(cfg), chosen, batch.next_obs, action)
    return td_target(cfg.reward_scale * batch.reward, batch.terminal, jnp.min(next_q, axis=0), cfg.discount)


def critic_loss(
    cfg: Config, params: Params, batch: Transition, y: Array, infeasible: Array, weight: Any
) -> tuple[Array, Metrics]:
    """Eq. (3) for one critic: L_TD + alpha L_PA. TD and PA rows go through the network as one batch of 2B."""
    net = critic_net(cfg)
    if not cfg.penalty:
        q = apply(net, params, batch.obs, batch.action)
        loss = td_loss(q, y)
        return loss, {"critic_loss": loss, "q_mean": q.mean(), "q_max": q.max()}
    obs = jnp.concatenate([batch.obs, batch.obs])
    q, q_far = jnp.split(apply(net, params, obs, jnp.concatenate([batch.action, infeasible])), 2)
    q_min = cfg.q_min * cfg.reward_scale if cfg.q_min_scaled else cfg.q_min
    td, pa = td_loss(q, y), penalty_loss(q_far, q_min)
    metrics = {
        "critic_loss": td,
        "penalty_loss": pa,
        "q_mean": q.mean(),
        "q_max": q.max(),
        "q_infeasible": q_far.mean(),
    }
    return td + weight * pa, metrics


def critic_step(cfg: Config, state: State, batch: Transition, key: Array, online: bool) -> tuple[Net, Metrics]:
    k_target, k_far = jax.random.split(key)
    y = target(cfg, state, batch, k_target)
    far = infeasible_actions(k_far, batch.action.shape, cfg.infeasible_distance, cfg.infeasible)
    weight = cfg.penalty_weight_online if online else cfg.penalty_weight

    def one(net: Net) -> tuple[Net, Metrics]:
        grads, metrics = jax.grad(lambda p: critic_loss(cfg, p, batch, y, far, weight), has_aux=True)(net.params)
        return descend(net, grads, cfg.critic_lr), metrics

    net, metrics = each(one, state.critic._replace(target=None))
    return net._replace(target=state.critic.target), {**metrics, "target_mean": y.mean()}


def actor_loss(
    cfg: Config, params: Params, critics: Params, batch: Transition, key: Array, online: bool
) -> tuple[Array, Metrics]:
    """-v / mean |v| + beta |pi(s) - a|^2; v is the minimum of all critics offline, a random subset's mean online."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    if online:
        critics = choose(critics, subset(key, cfg.critics, cfg.actor_critics))
    q = action_values(critic_net(cfg), critics, batch.obs, action)
    v = jnp.mean(q, axis=0) if online else jnp.min(q, axis=0)
    value = normalized_value(v) if cfg.normalize_q else jnp.mean(v)
    distance = bc_loss(action, batch.action, cfg.bc_reduce)
    loss = -value + (cfg.bc_weight_online if online else cfg.bc_weight) * distance
    return loss, {"actor_loss": loss, "bc_loss": distance, "policy_value": v.mean()}


def actor_step(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One actor step, then actor and critic targets move."""
    rate: Any = cfg.actor_lr
    if cfg.actor_cosine and not step.online:
        rate = rate * cosine_decay(step.number, step.total)
    grads, metrics = jax.grad(lambda p: actor_loss(cfg, p, state.critic.params, batch, key, step.online), has_aux=True)(
        state.actor.params
    )
    actor = descend(state.actor, grads, rate)
    return state._replace(actor=polyak(actor, cfg.polyak), critic=polyak(state.critic, cfg.polyak)), metrics


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = batch._replace(obs=state.norm(batch.obs), next_obs=state.norm(batch.next_obs))
    k_critic, k_actor = jax.random.split(key)
    critic, metrics = critic_step(cfg, state, batch, k_critic, step.online)
    delay = cfg.policy_delay_online if step.online else cfg.policy_delay
    state, delayed = step.maybe(
        delay, lambda s: actor_step(cfg, s, batch, k_actor, step), state._replace(critic=critic)
    )
    return state, {**metrics, **delayed}


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    action = apply(actor_net(cfg, action_dim(state.actor.params)), state.actor.params, state.norm(obs))
    return explored_action(key, action, explore * cfg.exploration_noise)


ALGORITHM = Algorithm("pars", "PARS", "Kim et al. 2025, arXiv 2507.08761", Config, init, update, act, critic_net)
