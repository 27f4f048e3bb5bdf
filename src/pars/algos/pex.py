"""PEX (Zhang et al. 2023, arXiv 2302.00935): the offline policy is frozen, and online a new one learns beside it. Both
propose an action, and chance chooses between them by their Q.

Offline it is IQL as the authors have it, with V from before its step; see iql.py. Online V and the critics go on with
new optimizers, and the new policy clones the composite policy's own actions, weighted by exp(advantage). The first
environment steps are the composite policy's and update nothing. In an evaluation, too, a part of all draws is left to
chance: a policy that is asked twice may act in two ways.

Departures from the authors' code (Haichao-Zhang/PEX): actions are cut to the box before Q is asked and before they are
stored, where theirs are cut by the environment alone; densities are those of the uncut actions, as there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.algos import iql
from pars.config import NotNegative, Share, config, setting
from pars.core import Algorithm, Metrics, Params, Sight, Spec, Step, Transition
from pars.nn.nets import ActorInitializer, Initializer, apply
from pars.rl.critics import critic_net
from pars.rl.ensemble import least_q
from pars.rl.net import Net, Normalizer, descend, make_net, without_moments


@config
class Config(iql.Config):
    """IQL's settings as the authors of PEX have them, and those of the choice between two policies."""

    initializer: Initializer = "torch"
    actor_initializer: ActorInitializer = "xavier"
    value_first: bool = False
    expectile: Share = 0.9
    advantage_scale: NotNegative = 10.0
    learning_starts: int = 5000
    choice_scale: NotNegative = setting(10.0, "inverse temperature of the choice by Q", "1 / alpha", phase="online")
    evaluation_chance: Share = setting(0.1, "part of an evaluation's draws that is not greedy", phase="online")


class State(NamedTuple):
    """Online; offline it is that of IQL."""

    actor: Net  # the new policy
    critic: Net  # leaves [E, ..]
    value: Net
    norm: Normalizer
    frozen: Params  # the offline policy


def go_online(cfg: Config, state: iql.State, spec: Spec, key: Array) -> State:
    """The policy is frozen, a fresh one joins it, and optimizers begin anew."""
    fresh = iql.actor_net(cfg, spec.action_dim).init(key, jnp.zeros(spec.obs_dim))["params"]
    value, critic = without_moments(state.value), without_moments(state.critic)
    return State(make_net(fresh), critic, value, state.norm, state.actor.params)


def share_of_new(cfg: Config, q_frozen: Array, q_new: Array) -> Array:
    """The chance of the new policy's action: its part of softmax(Q / alpha) over both. [..] -> [..]"""
    return jax.nn.sigmoid(cfg.choice_scale * (q_new - q_frozen))


def compose(cfg: Config, state: State, obs: Array, key: Array, greedy: Any) -> tuple[Array, Array]:
    """The composite policy's actions, not yet cut to the box, and where they are the new policy's.

    The frozen policy proposes its mean, the new one a sample. obs: normalised [.., O] -> [.., A], [..] bool

    Args:
        greedy: the part of draws that take the likeliest: the new policy's mean, the proposal of the larger Q.
    """
    k_noise, k_mean, k_choice, k_best = jax.random.split(key, 4)
    width = state.frozen["log_std"].shape[-1]
    old = apply(iql.actor_net(cfg, width), state.frozen, obs)[0]
    mean, log_std = apply(iql.actor_net(cfg, width), state.actor.params, obs)
    sample = mean + jnp.exp(log_std) * jax.random.normal(k_noise, mean.shape)
    shape = obs.shape[:-1]
    new = jnp.where(jax.random.bernoulli(k_mean, greedy, shape)[..., None], mean, sample)

    q_old, q_new = (
        least_q(critic_net(cfg), state.critic.params, obs, jnp.clip(action, -1.0, 1.0)) for action in (old, new)
    )
    drawn = jax.random.bernoulli(k_choice, share_of_new(cfg, q_old, q_new), shape)
    chosen = jnp.where(jax.random.bernoulli(k_best, greedy, shape), q_new > q_old, drawn)
    return jnp.where(chosen[..., None], new, old), chosen


def advantage(cfg: Config, state: State, obs: Array, action: Array) -> Array:
    """min Q'(s, a) - V(s). -> [B]"""
    q = least_q(critic_net(cfg), state.critic.target, obs, jnp.clip(action, -1.0, 1.0))
    return q - apply(iql.value_net(cfg), state.value.params, obs)


def update(cfg: Config, state: Any, batch: Transition, key: Array, step: Step) -> tuple[Any, Metrics]:
    """Offline a step of IQL. Online V, critics and targets move on the batch's actions, then the new policy on actions
    that are composed with them."""
    if not step.online:
        return iql.update(cfg, state, batch, key, step)
    batch = state.norm.batch(batch)
    k_infeasible, k_compose, k_dropout = jax.random.split(key, 3)
    state, _, metrics = iql.value_step(cfg, state, batch, k_infeasible)
    action, chosen = compose(cfg, state, batch.obs, k_compose, 0.0)
    weighted = advantage(cfg, state, batch.obs, action)
    grads, improved = jax.grad(iql.actor_loss, argnums=1, has_aux=True)(
        cfg, state.actor.params, batch._replace(action=action), weighted, k_dropout, jnp.inf
    )
    metrics |= {**improved, "new_policy_share": chosen.mean()}
    return state._replace(actor=descend(state.actor, grads, cfg.actor_lr)), metrics


def act(cfg: Config, state: Any, obs: Array, key: Array, explore: Any) -> Array:
    """Online the composite policy's action in the box; in an evaluation all but `evaluation_chance` of the draws are
    greedy. Offline IQL's."""
    if isinstance(state, iql.State):
        return iql.act(cfg, state, obs, key, explore)
    greedy = (1.0 - explore) * (1.0 - cfg.evaluation_chance)
    return jnp.clip(compose(cfg, state, state.norm(obs), key, greedy)[0], -1.0, 1.0)


ALGORITHM = Algorithm(
    "pex",
    "PEX",
    "Zhang et al. 2023, arXiv 2302.00935",
    Config,
    iql.init,
    update,
    act,
    critic_net,
    sees=Sight(chance=True, still=dict(evaluation_chance=0.0)),
    go_online=go_online,
)
