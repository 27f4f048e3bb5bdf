"""WGCSL (Yang et al. 2022, arXiv 2202.04478): actions are cloned for goals that lay ahead of them, the less the further
away, and weighted by the advantage over the policy's own action.

As jhejna/dwsl has it on AntMaze: one Q, targets of Q and policy that follow on steps 0, `target_delay`, .., no cut of
the target. Rows are uniform; theirs are those of a uniform episode. `best_only` is the original's third weight
(YangRui2015/AWGCSL): little for what is below a percentile of the latest advantages, which rises as training goes on.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Share, config, setting
from pars.core import Algorithm, Metrics, Params, Sight, Spec, Step, Transition
from pars.nn.nets import apply
from pars.rl.goals import (
    Eye,
    GoalValueSettings,
    act_regressing,
    beside,
    clipped_weight,
    draw_later,
    followed,
    make_eye,
    own_ends,
    reached,
    regressing_actor,
    seen_width,
    value_net,
    view,
    weighted_regression,
)
from pars.rl.losses import td_loss
from pars.rl.net import Net, descend, make_net


@config
class Config(GoalValueSettings):
    """WGCSL as jhejna/dwsl has it on AntMaze."""

    goal_radius: NotNegative = setting(0.5, "within it a goal is reached", unit="of observations")
    discount: Share = setting(0.99, "of future rewards, and of goals by how far ahead they are", "gamma")
    polyak: Share = setting(0.05, "how far targets follow at a time, as a share of the way")
    target_delay: Count = setting(20, "steps from one move of the targets to the next")
    best_only: bool = setting(False, "little weight for all but the best advantages")
    remembered: Count = setting(50_000, "latest advantages that these are compared with", on="best_only")
    least_weight: NotNegative = setting(0.05, "weight of the others", "epsilon_min", on="best_only")
    percentile_rise: NotNegative = setting(0.01, "growth of the percentile in a step", on="best_only")
    percentile_max: Share = setting(0.8, "the highest percentile, as a share", on="best_only")


class State(NamedTuple):
    actor: Net
    critic: Net
    latest: Array | None  # [remembered] advantages, NaN where there is none yet
    norm: Eye


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic = jax.random.split(key)
    inputs = jnp.zeros(spec.obs_dim + seen_width(cfg, spec))
    actor = regressing_actor(cfg, spec.action_dim).init(k_actor, inputs)["params"]
    critic = value_net(cfg).init(k_critic, beside(inputs, jnp.zeros(spec.action_dim)))["params"]
    latest = jnp.full(cfg.remembered, jnp.nan) if cfg.best_only else None
    return State(make_net(actor, target=True), make_net(critic, target=True), latest, make_eye(cfg, spec))


def target(cfg: Config, state: State, batch: Transition, goal: Array) -> Array:
    """y = r + gamma Q'(s', g, pi'(s', g)), of the targets. There is no end: the episodes walk on. [B]"""
    inputs = beside(state.norm.norm(batch.next_obs), goal)
    action = apply(regressing_actor(cfg, batch.action.shape[-1]), state.actor.target, inputs)
    next_q = apply(value_net(cfg), state.critic.target, beside(inputs, action))
    return reached(cfg, batch.next_obs, batch.extra["goal"].next_obs) - 1.0 + cfg.discount * next_q


def critic_loss(cfg: Config, params: Params, inputs: Array, y: Array) -> tuple[Array, Metrics]:
    q = apply(value_net(cfg), params, inputs)
    return (loss := td_loss(q, y)), {"critic_loss": loss, "q_mean": q.mean()}


def best_weight(cfg: Config, latest: Array, advantage: Array, number: Array) -> tuple[Array, Array]:
    """The latest advantages with these [B], and of each the weight 1 or `least_weight`, as it is above the percentile
    of training step `number` or below."""
    place = (number * len(advantage) + jnp.arange(len(advantage))) % len(latest)
    latest = latest.at[place].set(advantage)
    share = jnp.minimum(cfg.percentile_rise * 0.01 * number, cfg.percentile_max)
    return latest, jnp.where(advantage >= jnp.nanquantile(latest, share), 1.0, cfg.least_weight)


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """Both losses from the networks as they are before the step."""
    goal = view(cfg, state.norm, batch.extra["goal"].next_obs)
    inputs, net = beside(state.norm.norm(batch.obs), goal), regressing_actor(cfg, batch.action.shape[-1])
    y = target(cfg, state, batch, goal)
    pair = beside(inputs, batch.action)
    slopes, metrics = jax.grad(critic_loss, argnums=1, has_aux=True)(cfg, state.critic.params, pair, y)

    own = apply(net, state.actor.params, inputs)
    advantage = y - apply(value_net(cfg), state.critic.params, beside(inputs, own))
    weight = cfg.discount ** batch.extra["ahead"] * clipped_weight(cfg, advantage)
    latest = state.latest
    if latest is not None:
        latest, best = best_weight(cfg, latest, advantage, step.number)
        weight = weight * best
    loss, grads = jax.value_and_grad(weighted_regression)(state.actor.params, net, inputs, batch.action, weight)
    actor, critic = descend(state.actor, grads, cfg.actor_lr), descend(state.critic, slopes, cfg.value_lr)
    actor, critic = (followed(one, cfg.polyak, cfg.target_delay, step) for one in (actor, critic))
    return State(actor, critic, latest, state.norm), {
        **metrics,
        "actor_loss": loss,
        "advantage_weight": weight.mean(),
    }


ALGORITHM = Algorithm(
    "wgcsl",
    "WGCSL",
    "Yang et al. 2022, arXiv 2202.04478",
    Config,
    init,
    update,
    act_regressing,
    phases=("offline",),
    draw=draw_later,
    sees=Sight(goal=True),
    prepare=own_ends,
)
