"""Goal-conditioned behaviour cloning: the actions of the data, given what a later row of the same episode led to. The
line that any goal-conditioned method should beat.

Goals are uniform over the rest of an episode, as in jhejna/dwsl, whose settings these are; it has the method as GCSL.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import config
from pars.core import Algorithm, Metrics, Sight, Spec, Step, Transition
from pars.rl.goals import (
    Eye,
    GoalSettings,
    act_regressing,
    beside,
    draw_later,
    make_eye,
    own_ends,
    regressing_actor,
    seen_width,
    view,
    weighted_regression,
)
from pars.rl.net import Net, descend, make_net


@config
class Config(GoalSettings):
    """Of jhejna/dwsl on AntMaze."""


class State(NamedTuple):
    actor: Net
    norm: Eye


def init(cfg: Config, spec: Spec, key: Array) -> State:
    inputs = jnp.zeros(spec.obs_dim + seen_width(cfg, spec))
    params = regressing_actor(cfg, spec.action_dim).init(key, inputs)["params"]
    return State(make_net(params), make_eye(cfg, spec))


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    inputs = beside(state.norm.norm(batch.obs), view(cfg, state.norm, batch.extra["goal"].next_obs))
    net, weight = regressing_actor(cfg, batch.action.shape[-1]), jnp.ones(len(inputs))
    loss, grads = jax.value_and_grad(weighted_regression)(state.actor.params, net, inputs, batch.action, weight)
    return state._replace(actor=descend(state.actor, grads, cfg.actor_lr)), {"bc_loss": loss}


ALGORITHM = Algorithm(
    "gc_bc",
    "GC-BC",
    "Ghosh et al. 2019, arXiv 1912.06088",
    Config,
    init,
    update,
    act_regressing,
    phases=("offline",),
    draw=draw_later,
    sees=Sight(goal=True),
    prepare=own_ends,
)
