"""SPOT (Wu et al. 2022, arXiv 2202.06239): TD3 whose actor is kept where a conditional VAE, trained before, says that
the dataset has actions.

The density is penalised by the negative ELBO, averaged over dimensions, with one latent drawn; its slope reaches the
action through the encoder and through what is reconstructed. Online the penalty may cool, and data and replay are one
buffer. Followed is the authors' code (thuml/SPOT): dropout, where it is on, acts in the target policy too, and cooling
counts a million updates whatever the online phase's length. corl-team/CORL's cools over that length, has new optimizers
online (`--fresh-optimizers`) and a discount of .995 online in all mazes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Range, Share, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Phase, Spec, Step, Transition
from pars.nn.nets import Actor, apply
from pars.nn.vae import VAE, elbo_loss, init_vae
from pars.rl.critics import critic_net, draw_infeasible, scaled_td_target
from pars.rl.deterministic import TD3Settings, act, make_state, td3_step
from pars.rl.draws import merged
from pars.rl.ensemble import least_q
from pars.rl.losses import normalized_value, smoothed_action
from pars.rl.net import Net, Normalizer, actor_mlp, descend, make_net


@config
class Config(TD3Settings):
    """The authors' settings for MuJoCo, with their symbols."""

    normalize_obs: bool = True
    behaviour_hidden: Widths = setting((750, 750), "hidden layers of the VAE's encoder and of its decoder")
    behaviour_lr: NotNegative = setting(1e-3, "learning rate of the VAE")
    behaviour_steps: Count = setting(100_000, "of the VAE, before the policy's", unit="gradient steps")
    kl_weight: NotNegative = setting(0.5, "weight of KL in the VAE's loss and in the penalty", "beta")
    support_weight: NotNegative = setting(0.1, "weight of the penalty on actions that the data hardly have", "lambda")
    support_least: Share = setting(1.0, "share of that weight which is left at the end of cooling", phase="online")
    cooling_steps: Annotated[float, Range(1)] = setting(
        1e6, "over which the weight would fall to 0", unit="gradient steps", phase="online"
    )
    discount_online: Share = setting(0.0, "discount online; 0: that of the offline phase", phase="online")
    dropout: bool = setting(False, "dropout in the actor")
    dropout_rate: Annotated[float, Range(0, below=1)] = setting(0.1, "share of units that is dropped", on="dropout")


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [E, ..]
    behaviour: Net
    norm: Normalizer


def vae_net(cfg: Config, width: int) -> VAE:
    return VAE(cfg.behaviour_hidden, width, cfg.precision)


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_policy, k_behaviour = jax.random.split(key)
    policy = make_state(cfg, spec, k_policy)
    behaviour = init_vae(vae_net(cfg, spec.action_dim), spec.obs_dim, k_behaviour)
    return State(policy.actor, policy.critic, make_net(behaviour), policy.norm)


def support_loss(cfg: Config, behaviour: Params, obs: Array, action: Array, key: Array) -> Array:
    """Squared error plus beta KL, averaged over dimensions: the VAE's loss, and the penalty. [.., A] -> [..]"""
    return elbo_loss(vae_net(cfg, action.shape[-1]), behaviour, obs, action, key, cfg.kl_weight, "mean")


def behaviour_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One step of the VAE."""
    batch = state.norm.batch(batch)
    loss, grads = jax.value_and_grad(lambda p: support_loss(cfg, p, batch.obs, batch.action, key).mean())(
        state.behaviour.params
    )
    return state._replace(behaviour=descend(state.behaviour, grads, cfg.behaviour_lr)), {"behaviour_loss": loss}


def policy(cfg: Config, params: Params, obs: Array, key: Array) -> Array:
    """Actions in training: with dropout, where it is on. [B, O] -> [B, A]"""
    rate = cfg.dropout_rate if cfg.dropout else None
    net = Actor(actor_mlp(cfg, params["mlp"]["out"]["bias"].shape[-1], dropout=rate))
    return apply(net, params, obs, dropout=key)


def target(cfg: Config, state: State, batch: Transition, key: Array, online: bool = False) -> Array:
    """TD3's: y = r + discount (1 - terminal) min Q' at the smoothed action of the target policy. -> [B]"""
    k_dropout, k_noise = jax.random.split(key)
    action = policy(cfg, state.actor.target, batch.next_obs, k_dropout)
    action = smoothed_action(k_noise, action, cfg.policy_noise, cfg.noise_clip)
    next_q = least_q(critic_net(cfg), state.critic.target, batch.next_obs, action)
    return scaled_td_target(replace(cfg, discount=discount_of(cfg, online)), batch, next_q)


def discount_of(cfg: Config, online: bool) -> Any:
    own = cfg.discount_online
    return jnp.where(jnp.asarray(own) > 0.0, own, cfg.discount) if online else cfg.discount


def support_weight(cfg: Config, step: Step) -> Any:
    """lambda; online lambda max(least share, 1 - t / cooling steps)."""
    if not step.online:
        return cfg.support_weight
    return cfg.support_weight * jnp.maximum(cfg.support_least, 1.0 - (step.number + 1) / cfg.cooling_steps)


def actor_loss(
    cfg: Config,
    params: Params,
    critics: Params,
    batch: Transition,
    behaviour: Params,
    weight: Any,
    key: Array,
) -> tuple[Array, Metrics]:
    """-Q_1 / mean |Q_1| + lambda times the penalty at pi(s), eq. (11)."""
    k_dropout, k_latent = jax.random.split(key)
    action = policy(cfg, params, batch.obs, k_dropout)
    v = apply(critic_net(cfg), jax.tree.map(lambda x: x[0], critics), batch.obs, action)
    support = support_loss(cfg, behaviour, batch.obs, action, k_latent).mean()
    loss = -normalized_value(v) + weight * support
    return loss, {"actor_loss": loss, "support_loss": support, "policy_value": v.mean()}


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_infeasible, k_actor = jax.random.split(key, 3)
    y, infeasible = target(cfg, state, batch, k_target, step.online), draw_infeasible(cfg, k_infeasible, batch)
    loss = partial(actor_loss, behaviour=state.behaviour.params, weight=support_weight(cfg, step), key=k_actor)
    return td3_step(cfg, state, batch, y, infeasible, loss, step)  # type: ignore[arg-type, return-value]


ALGORITHM = Algorithm(
    "spot",
    "SPOT",
    "Wu et al. 2022, arXiv 2202.06239",
    Config,
    init,
    update,
    act,
    critic_net,
    before=(
        Phase(
            "behaviour",
            lambda cfg: cfg.behaviour_steps,
            behaviour_update,
            depends_on=lambda cfg: (cfg.behaviour_lr, cfg.kl_weight),
            trains=("behaviour",),
        ),
    ),
    draw=merged,
)
