"""DWSL (Hejna et al. 2023, arXiv 2304.14427): a classifier learns how many hops lie between a row and those behind it
in the episode, without bootstrapping; actions are cloned, weighted by how much nearer they bring the goal.

As jhejna/dwsl has it on AntMaze, a hop being `hop` steps, of which the first action is cloned. Its launch files
disagree on the distance: `soft` is what their temperature of 1 meant, `soft=false` the expectation of today's code.

Departures from that code:
1. Rows are uniform, where theirs are those of a uniform episode.
2. A row too near the end of its episode for a hop stands for the last that has one, where theirs is not drawn.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, config, setting
from pars.core import Algorithm, Index, Metrics, Params, Picks, Sight, Spec, Step, Transition, batch_key
from pars.nn.nets import MLP, apply
from pars.rl.draws import relabelled
from pars.rl.goals import (
    Eye,
    GoalValueSettings,
    act_regressing,
    beside,
    clipped_weight,
    make_eye,
    own_ends,
    regressing_actor,
    seen_width,
    values_mlp,
    view,
    weighted_regression,
)
from pars.rl.net import Net, descend, make_net


@config
class Config(GoalValueSettings):
    """DWSL: the authors' settings for AntMaze's medium mazes."""

    advantage_scale: NotNegative = 20.0  # beta = 0.05
    hop: Count = setting(3, "steps of a hop", "N", unit="environment steps")
    bins: Count = setting(150, "classes of hops; all beyond count as the last", "B")
    soft: bool = setting(True, "a distance is the soft minimum of its classes, else their expectation")
    softness: NotNegative = setting(1.0, "temperature of that minimum", "alpha", on="soft")


class State(NamedTuple):
    actor: Net
    value: Net
    norm: Eye


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_value = jax.random.split(key)
    inputs = jnp.zeros(spec.obs_dim + seen_width(cfg, spec))
    actor = regressing_actor(cfg, spec.action_dim).init(k_actor, inputs)["params"]
    return State(make_net(actor), make_net(classifier(cfg).init(k_value, inputs)["params"]), make_eye(cfg, spec))


def classifier(cfg: Config) -> MLP:
    """Logits [.., bins] of the number of hops."""
    return values_mlp(cfg, cfg.bins)


def draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """Rows, the last rows of their hops, and goals, uniform from these to the episode's end; `hops` [B] to a goal."""
    k_row, k_goal = jax.random.split(batch_key(key, number))
    first, last = index.episode(row := jax.random.randint(k_row, (cfg.batch_size,), 0, index.rows))
    row = jnp.maximum(first, jnp.minimum(row, last - (cfg.hop - 1)))
    goal = relabelled(k_goal, row, index, here=0.0, future=1.0, least=cfg.hop - 1)
    return Picks(
        row, {"goal": goal, "landing": jnp.minimum(row + cfg.hop - 1, last)}, {"hops": (goal - row) // cfg.hop + 1}
    )


def class_loss(cfg: Config, params: Params, inputs: Array, hops: Array) -> Array:
    """Cross-entropy of the class min(hops - 1, B - 1). hops [B], at least 1"""
    log_p = jax.nn.log_softmax(apply(classifier(cfg), params, inputs))
    label = jnp.minimum(hops - 1, cfg.bins - 1)
    return -jnp.mean(jnp.sum(log_p * jax.nn.one_hot(label, cfg.bins), axis=-1))


def distance(cfg: Config, params: Params, inputs: Array) -> Array:
    """d(s, g) in [0, 1): of classes valued k / B the expectation, or -alpha log E exp(-k / (B alpha)). [..]"""
    p = jax.nn.softmax(apply(classifier(cfg), params, inputs))
    values = jnp.arange(cfg.bins) / cfg.bins
    if not cfg.soft:
        return jnp.sum(p * values, axis=-1)
    return -cfg.softness * jnp.log(jnp.sum(p * jnp.exp(-values / cfg.softness), axis=-1))


def advantage(cfg: Config, params: Params, here: Array, landed: Array) -> Array:
    """d(s, g) - 1 / B - d(s after a hop, g): 0 where a hop brings the goal one class nearer. [B]"""
    return distance(cfg, params, here) - 1.0 / cfg.bins - distance(cfg, params, landed)


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """Both losses from the networks as they are before the step."""
    eye, goal = state.norm, view(cfg, state.norm, batch.extra["goal"].next_obs)
    here, landed = beside(eye.norm(batch.obs), goal), beside(eye.norm(batch.extra["landing"].next_obs), goal)
    loss, slopes = jax.value_and_grad(class_loss, argnums=1)(cfg, state.value.params, here, batch.extra["hops"])
    weight = clipped_weight(cfg, advantage(cfg, state.value.params, here, landed))
    net = regressing_actor(cfg, batch.action.shape[-1])
    actor_loss, grads = jax.value_and_grad(weighted_regression)(state.actor.params, net, here, batch.action, weight)
    actor, value = descend(state.actor, grads, cfg.actor_lr), descend(state.value, slopes, cfg.value_lr)
    return State(actor, value, eye), {"value_loss": loss, "actor_loss": actor_loss, "advantage_weight": weight.mean()}


ALGORITHM = Algorithm(
    "dwsl",
    "DWSL",
    "Hejna et al. 2023, arXiv 2304.14427",
    Config,
    init,
    update,
    act_regressing,
    phases=("offline",),
    draw=draw,
    sees=Sight(goal=True),
    prepare=own_ends,
)
