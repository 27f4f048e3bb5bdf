"""Behaviour cloning with a deterministic policy, of all the data or of its best episodes: the lines that any offline
method should beat.

Settings of corl-team/CORL's any_percent_bc: mean squared error over the batch and action dimensions. Departure from it:
episodes end where the data says so, where theirs are cut after 1000 rows, in the middle of shorter ones that end by a
time limit, and the last one of a file counts as whole, where theirs is dropped if unfinished.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import NotNegative, Share, Widths, config, setting
from pars.core import Algorithm, Data, LoopSettings, Metrics, Params, Spec, Step, Transition
from pars.nn.layers import Precision
from pars.nn.nets import Activation, Initializer, apply
from pars.rl.deterministic import act, actor_net
from pars.rl.losses import bc_loss
from pars.rl.net import Net, Normalizer, descend, make_net, make_normalizer
from pars.rl.returns import best_episodes


@config
class Config(LoopSettings):
    best_fraction: Share = setting(1.0, "share of the episodes that is cloned, the best by return")
    actor_hidden: Widths = setting((256, 256), "hidden layers of the actor")
    activation: Activation = setting("relu", "of hidden layers")
    initializer: Initializer = setting("torch", "how layers start, see MLP in nn/nets.py")
    precision: Precision = setting("float32", "of what hidden layers multiply; sums are float32")
    normalize_obs: bool = setting(True, "standardise observations by the dataset's")
    actor_lr: NotNegative = setting(3e-4, "learning rate of the actor")
    exploration_noise: NotNegative = setting(0.0, "none: it never explores", phase="online")


class State(NamedTuple):
    actor: Net
    norm: Normalizer


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


def best(cfg: Config, data: Data) -> Data:
    """The best `best_fraction` of the dataset's finished episodes; statistics for the normalisation are theirs."""
    if cfg.best_fraction >= 1.0:
        return data
    return data.select(best_episodes(data.columns.reward, data.last, cfg.best_fraction))


ALGORITHM = Algorithm(
    "bc",
    "BC",
    "behaviour cloning",
    Config,
    init,
    update,
    act,
    phases=("offline",),
    prepare=best,
    prepared_by=lambda cfg: cfg.best_fraction,
)
BEST_TENTH = replace(ALGORITHM, name="bc_10", title="10% BC", settings={"best_fraction": 0.1})
