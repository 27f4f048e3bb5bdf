"""Behaviour cloning with a deterministic policy: the line that any offline method should beat.

Settings of corl-team/CORL's any_percent_bc with all the data: mean squared error over the batch and action dimensions.
"""

from __future__ import annotations

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
)
from pars.layers import Precision
from pars.losses import bc_loss, explored_action
from pars.nets import MLP, Actor, Initializer, action_dim, apply


@config
class Config:
    actor_hidden: tuple[int, ...] = (256, 256)
    initializer: Initializer = "torch"
    precision: Precision = "float32"  # of the products of hidden layers
    normalize_obs: bool = True
    batch_size: int = 256
    actor_lr: float = 3e-4
    # read by the loop; behaviour cloning has no online phase
    updates_per_step: int = 1
    offline_rows: int = 256
    exploration_noise: float = 0.0


class State(NamedTuple):
    actor: Net
    norm: Normalizer


def actor_net(cfg: Config, width: int) -> Actor:
    return Actor(MLP(cfg.actor_hidden, width, initializer=cfg.initializer, precision=cfg.precision))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    params = actor_net(cfg, spec.action_dim).init(key, jnp.zeros(spec.obs_dim))["params"]
    return State(make_net(params), make_normalizer(cfg.normalize_obs, spec))


def actor_loss(cfg: Config, params: Params, batch: Transition) -> Array:
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    return bc_loss(action, batch.action, "mean")


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = batch._replace(obs=state.norm(batch.obs))
    loss, grads = jax.value_and_grad(lambda p: actor_loss(cfg, p, batch))(state.actor.params)
    return state._replace(actor=descend(state.actor, grads, cfg.actor_lr)), {"bc_loss": loss}


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    action = apply(actor_net(cfg, action_dim(state.actor.params)), state.actor.params, state.norm(obs))
    return explored_action(key, action, explore * cfg.exploration_noise)


ALGORITHM = Algorithm("bc", "BC", "behaviour cloning", Config, init, update, act, can_go_online=False)
