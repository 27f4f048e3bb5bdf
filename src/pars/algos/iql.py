"""IQL (Kostrikov et al. 2021, arXiv 2110.06169): an upper expectile of Q over the dataset's actions for a value, and a
policy that clones them weighted by exp(advantage). No action outside the data is ever evaluated.

Online the same losses go on, with a constant learning rate, half of a batch from the dataset and half from new
transitions. The authors draw from both as one buffer, and their recipe for fine-tuning has no cosine offline either
(`actor_cosine=false`).

Other departures from the authors' code (ikostrikov/implicit_q_learning) are settings, the default being the authors':
`value_first` (False: advantages and targets from V as it was before its step, as corl-team/CORL has it),
`deterministic` (the actor regresses on the weighted actions, CORL on two hopper sets), `dropout`, `normalize_obs`. Of
CORL's code one difference is not there: the log standard deviation keeps the authors' floor of -5, theirs is -20. The
penalty on infeasible actions, where it is on, acts on Q; V sees actions of the data only.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import NotNegative, Range, Share, config, setting
from pars.core import Algorithm, Metrics, Params, Spec, Step, Transition
from pars.nn.nets import Initializer, TanhMeanActor, Value, apply
from pars.rl.critics import (
    CriticSettings,
    critic_net,
    draw_infeasible,
    make_critics,
    scaled_td_target,
    update_critics,
)
from pars.rl.ensemble import least_q
from pars.rl.losses import cosine_decay, expectile_loss, gaussian_log_prob
from pars.rl.net import Net, Normalizer, actor_mlp, descend, make_net, make_normalizer, value_mlp


@config
class Config(CriticSettings):
    """IQL: the authors' settings for MuJoCo, with their symbols."""

    initializer: Initializer = "orthogonal"
    polyak: Share = setting(0.005, symbol="alpha")
    expectile: Share = setting(0.7, "expectile of Q that V is fitted to", "tau")
    advantage_scale: NotNegative = setting(3.0, "inverse temperature of the advantages' weights", "beta")
    weight_max: NotNegative = setting(100.0, "the most that a weight may be")
    value_lr: NotNegative = setting(3e-4, "learning rate of V")
    actor_cosine: bool = setting(True, "the actor's rate falls to 0 along a cosine", phase="offline")
    value_first: bool = setting(True, "advantages and targets from V after its step, else before")
    deterministic: bool = setting(False, "regress on the weighted actions in the place of -log pi")
    dropout: bool = setting(False, "dropout in the actor")
    dropout_rate: Annotated[float, Range(0, below=1)] = setting(0.1, "share of units that is dropped", on="dropout")


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [E, ..]
    value: Net
    norm: Normalizer


def actor_net(cfg: Config, width: int) -> TanhMeanActor:
    rate = cfg.dropout_rate if cfg.dropout else None
    return TanhMeanActor(actor_mlp(cfg, width, dropout=rate))


def value_net(cfg: Config) -> Value:
    return Value(value_mlp(cfg))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic, k_value = jax.random.split(key, 3)
    obs = jnp.zeros(spec.obs_dim)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, obs)["params"]
    value = value_net(cfg).init(k_value, obs)["params"]
    norm = make_normalizer(cfg.normalize_obs, spec, cfg.reward_norm)
    return State(make_net(actor), make_critics(cfg, spec, k_critic), make_net(value), norm)


def value_loss(cfg: Config, params: Params, batch: Transition, q: Array) -> tuple[Array, Metrics]:
    """Eq. (5): the expectile loss of q - V(s). q: least of the target critics at the dataset's actions, [B]."""
    v = apply(value_net(cfg), params, batch.obs)
    loss = expectile_loss(q, v, cfg.expectile)
    return loss, {"value_loss": loss, "v_mean": v.mean()}


def actor_loss(
    cfg: Config, params: Params, batch: Transition, advantage: Array, key: Array, bound: Any = 1.0 - 1e-5
) -> tuple[Array, Metrics]:
    """Eq. (7): -mean min(exp(beta A), 100) log pi(a|s), or with |pi(s) - a|^2 in the place of -log pi.

    bound: where actions are cut for their density.
    """
    mean, log_std = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs, dropout=key)
    weight = jnp.minimum(jnp.exp(cfg.advantage_scale * advantage), cfg.weight_max)
    action = jnp.clip(batch.action, -bound, bound)
    log_prob = gaussian_log_prob(action, mean, log_std)
    distance = jnp.sum((mean - batch.action) ** 2, axis=-1)
    loss = jnp.mean(weight * (distance if cfg.deterministic else -log_prob))
    return loss, {"actor_loss": loss, "advantage_weight": weight.mean(), "log_prob": log_prob.mean()}


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_dropout, k_infeasible = jax.random.split(key)
    new, advantage, metrics = value_step(cfg, state, batch, k_infeasible)
    grads, improved = jax.grad(actor_loss, argnums=1, has_aux=True)(
        cfg, state.actor.params, batch, advantage, k_dropout
    )
    rate: Any = cfg.actor_lr
    if cfg.actor_cosine and not step.online:
        rate = rate * cosine_decay(step.number, step.total)
    return new._replace(actor=descend(state.actor, grads, rate)), {**metrics, **improved}


def value_step(cfg: Config, state: Any, batch: Transition, key: Array) -> tuple[Any, Array, Metrics]:
    """One step of V and of the critics, whose targets follow; and the advantages [B] of the batch's actions.

    state: has `value` and `critic`; batch: normalised.
    """
    q = least_q(critic_net(cfg), state.critic.target, batch.obs, batch.action)
    grads, metrics = jax.grad(value_loss, argnums=1, has_aux=True)(cfg, state.value.params, batch, q)
    value = descend(state.value, grads, cfg.value_lr)
    v_params = value.params if cfg.value_first else state.value.params
    advantage = q - apply(value_net(cfg), v_params, batch.obs)

    y = scaled_td_target(cfg, batch, apply(value_net(cfg), v_params, batch.next_obs))
    infeasible = draw_infeasible(cfg, key, batch)
    critic, learned = update_critics(cfg, state.critic, batch, y, infeasible)
    return state._replace(critic=critic, value=value), advantage, {**metrics, **learned}


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    """The mean, clipped to the box; times `explore` a spread: the policy's own, or none for a deterministic actor."""
    width = state.actor.params["log_std"].shape[-1]
    mean, log_std = apply(actor_net(cfg, width), state.actor.params, state.norm(obs))
    noise = 0.0 if cfg.deterministic else explore * jnp.exp(log_std) * jax.random.normal(key, mean.shape)
    return jnp.clip(mean + noise, -1.0, 1.0)


ALGORITHM = Algorithm("iql", "IQL", "Kostrikov et al. 2021, arXiv 2110.06169", Config, init, update, act, critic_net)
