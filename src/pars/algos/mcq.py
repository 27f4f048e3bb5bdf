"""MCQ (Lyu et al. 2022, arXiv 2206.04745): SAC whose critics are pulled, at actions of the policy, towards the best
value among actions that the dataset might have; a conditional VAE that is trained along says which those are.

Followed is the authors' code (dmksjfl/MCQ): pseudo-targets from the critics as they are, not their slow copies, and not
below `pseudo_floor`; the pull acts at s and at s', also of terminal rows. Its branch for some hopper and halfcheetah
sets is `pull=above pull_margin=5 pull_distance=0.1` (preset). Order of one step: VAE, temperature, critics, actor,
targets. Departures: both critics see the same drawn actions, where theirs draw anew for each; layers have no weights of
their own for mean and spread of the policy.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Share, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Spec, Step, Transition
from pars.nn.nets import apply, apply_ensemble
from pars.nn.vae import VAE, elbo_loss, init_vae, vae_actions
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, refuse_high, scaled_td_target
from pars.rl.net import Net, Normalizer, descend, make_net
from pars.rl.soft import (
    SACSettings,
    make_soft_state,
    sample,
    soft_act,
    soft_actor_step,
    soft_next_value,
    temperature_step,
)


@config
class Config(SACSettings):
    hidden: Widths = (400, 400, 400)
    actor_hidden: Widths = (400, 400, 400)
    behaviour_hidden: Widths = setting((750, 750), "hidden layers of the VAE's encoder and of its decoder")
    behaviour_lr: NotNegative = setting(1e-3, "learning rate of the VAE")
    td_weight: Share = setting(0.9, "weight of the TD error; the pull has the rest", "lambda")
    sampled_actions: Count = setting(10, "actions of the policy, and of the VAE, at each observation", "N")
    pull: Literal["both", "above"] = setting("both", "pull Q at the policy's actions from both sides, or down only")
    pull_margin: NotNegative = setting(0.0, "the pull's aim lies so far below the best value", "delta")
    pull_distance: NotNegative = setting(0.0, "squared distance from the VAE's action from which on Q is pulled")
    floor_pseudo: bool = setting(True, "pseudo-targets are not below pseudo_floor")
    pseudo_floor: float = setting(0.0, "the least pseudo-target", on="floor_pseudo")

    def check(self) -> None:
        super().check()
        if self.floor_pseudo:
            refuse_high(self, "pseudo_floor", "floor_pseudo=true", "keep pseudo-targets from falling below")


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [E, ..]
    log_temperature: Net  # scalar
    behaviour: Net
    norm: Normalizer


class Pull(NamedTuple):
    """Where critics are pulled, and to what; K = 2 M B rows."""

    obs: Array  # [K, O]
    action: Array  # [K, A] of the policy
    target: Array  # [K]
    weight: Array  # [K] 0 or 1


def vae_net(cfg: Config, width: int) -> VAE:
    return VAE(cfg.behaviour_hidden, width, cfg.precision)


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_soft, k_behaviour = jax.random.split(key)
    soft = make_soft_state(cfg, spec, k_soft)
    behaviour = init_vae(vae_net(cfg, spec.action_dim), spec.obs_dim, k_behaviour)
    return State(soft.actor, soft.critic, soft.log_temperature, make_net(behaviour), soft.norm)


def behaviour_step(cfg: Config, behaviour: Net, batch: Transition, key: Array) -> tuple[Net, Metrics]:
    """One step of the VAE along its loss, summed over dimensions, weights 1 and 1."""
    vae = vae_net(cfg, batch.action.shape[-1])

    def loss(params: Params) -> Array:
        return elbo_loss(vae, params, batch.obs, batch.action, key, 1.0, "sum").mean()

    value, grads = jax.value_and_grad(loss)(behaviour.params)
    return descend(behaviour, grads, cfg.behaviour_lr), {"behaviour_loss": value}


def pseudo_target(cfg: Config, q: Array) -> Array:
    """Eq. (8): the best over the VAE's actions, of each critic; the least over critics. q [E, M, K] -> [K]"""
    best = jnp.max(q, axis=1)
    return jnp.min(jnp.maximum(best, cfg.pseudo_floor) if cfg.floor_pseudo else best, axis=0)


def draw_pull(cfg: Config, state: State, batch: Transition, key: Array) -> Pull:
    """At the batch's observations and those that follow: `sampled_actions` of the policy and of the VAE, in pairs."""
    k_policy, k_behaviour = jax.random.split(key)
    obs = jnp.concatenate([batch.obs, batch.next_obs])
    many = jnp.broadcast_to(obs, (cfg.sampled_actions, *obs.shape))  # [M, 2 B, O]
    own = sample(cfg, state.actor.params, many, k_policy)[0]
    seen = vae_actions(vae_net(cfg, batch.action.shape[-1]), state.behaviour.params, many, k_behaviour)
    q = apply_ensemble(critic_net(cfg), state.critic.params, flat(many), flat(seen))  # [E, 2 M B]
    target = pseudo_target(cfg, q.reshape(len(q), cfg.sampled_actions, -1)) - cfg.pull_margin
    apart = jnp.sum((own - seen) ** 2, axis=-1) >= cfg.pull_distance
    everywhere = jnp.broadcast_to(target, apart.shape)
    pull = Pull(flat(many), flat(own), everywhere.reshape(-1), apart.reshape(-1).astype(jnp.float32))
    return jax.lax.stop_gradient(pull)


def flat(x: Array) -> Array:
    """[M, 2 B, ..] -> [2 M B, ..]"""
    return x.reshape(-1, x.shape[-1])


def pull_loss(cfg: Config, params: Params, pull: Pull) -> Array:
    """Mean squared distance of one critic from the pseudo-targets, eq. (9)."""
    away = apply(critic_net(cfg), params, pull.obs, pull.action) - pull.target
    return jnp.mean(pull.weight * (jnp.maximum(away, 0.0) if cfg.pull == "above" else away) ** 2)


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_behaviour, k_own, k_target, k_pull, k_infeasible = jax.random.split(key, 5)
    behaviour, metrics = behaviour_step(cfg, state.behaviour, batch, k_behaviour)
    entropy = -sample(cfg, state.actor.params, batch.obs, k_own)[1].mean()
    temperature = temperature_step(cfg, state.log_temperature, entropy, batch.action.shape[-1])
    state = state._replace(behaviour=behaviour, log_temperature=temperature)

    y = scaled_td_target(cfg, batch, soft_next_value(cfg, state, batch, k_target))  # type: ignore[arg-type]
    pull, infeasible = draw_pull(cfg, state, batch, k_pull), draw_infeasible(cfg, k_infeasible, batch)

    def loss(params: Params) -> tuple[Array, Metrics]:
        value, learned = critic_loss(cfg, params, batch, y, infeasible)
        pulled = pull_loss(cfg, params, pull)
        return cfg.td_weight * value + (1.0 - cfg.td_weight) * pulled, {**learned, "pull_loss": pulled}

    critic, learned = descend_critics(cfg, state.critic, loss)
    state = state._replace(critic=critic)
    actor, improved = soft_actor_step(cfg, state, batch, k_own)
    metrics |= {**learned, **improved, "temperature": jnp.exp(temperature.params), "pull_target": pull.target.mean()}
    return state._replace(actor=actor), metrics


ALGORITHM = Algorithm("mcq", "MCQ", "Lyu et al. 2022, arXiv 2206.04745", Config, init, update, soft_act, critic_net)
