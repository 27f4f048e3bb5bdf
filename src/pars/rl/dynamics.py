"""How the ensemble of nn/dynamics.py is trained: each member on rows of its own, compared on rows that none is trained
on; a member's best parameters are kept, and the best members, the elites, are asked.

Departures from the code that is usual (OfflineRL-Kit, MOBILE, Uni-O4): a fixed number of steps in the place of stopping
when nothing improves; members differ by their start and their minibatches, not by a resampled dataset; each has its own
bounds of variances; actions are not standardised; layers start as flax's do. E: members, B: batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Widths, config, setting
from pars.core import Index, LoopSettings, Metrics, Params, Picks, Spec, Step, Transition, batch_key
from pars.errors import UsageError
from pars.nn.dynamics import (
    Dynamics,
    Imagined,
    end_loss,
    gaussian_nll,
    imagine,
    predict,
    regularisation,
    squared_error,
)
from pars.nn.nets import MLP, init_ensemble
from pars.nn.spread import choose_members, map_ensemble
from pars.rl.net import Net, Normalizer, descend, make_net, make_normalizer

GAIN = 0.01  # by so much of its error a member must be better to be kept


@config
class DynamicsSettings(LoopSettings):
    """Methods with a model of what actions lead to, trained before the policy."""

    model_steps: Count = setting(100_000, "of the model, before the policy's", unit="gradient steps")
    model_hidden: Widths = setting((200, 200, 200, 200), "hidden layers of each of its members")
    model_lr: NotNegative = setting(1e-3, "learning rate of the model")
    model_batch: Count = setting(256, "transitions of a minibatch of each member")
    models: Count = setting(7, "members of the model")
    elites: Count = setting(5, "members that are asked, the best on rows that none is trained on")
    holdout: Count = setting(1000, "those rows")
    holdout_every: Count = setting(1000, "gradient steps between two looks at them")

    def check(self) -> None:
        super().check()
        if self.elites > self.models:
            raise UsageError(f"elites={self.elites} must lie between 1 and models={self.models}")


class Model(NamedTuple):
    net: Net  # leaves [E, ..]
    best: Params  # those that are kept
    error: Array  # [E] of the best on the held-out rows
    norm: Normalizer


def dynamics_net(cfg: Any, obs_dim: int) -> Dynamics:
    return Dynamics(MLP(cfg.model_hidden, 2 * obs_dim + 3, activation="silu", precision=cfg.precision))


def make_model(cfg: Any, spec: Spec, key: Array) -> Model:
    inputs = jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim)
    params = init_ensemble(dynamics_net(cfg, spec.obs_dim), cfg.models, key, *inputs)
    best, error = jax.tree.map(jnp.copy, params), jnp.full(cfg.models, 1e10)
    return Model(jax.vmap(make_net)(params), best, error, make_normalizer(True, spec))


def stride(cfg: Any, rows: Any) -> Any:
    """Each so manieth row is held out: a fifth of them at most, `holdout` of many."""
    return jnp.maximum(rows // cfg.holdout, 5)


def draw(cfg: Any, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """`model_batch` rows for each member, one member's after another's; beside them those held out."""
    apart = stride(cfg, index.rows)
    row = jax.random.randint(batch_key(key, number), (cfg.models * cfg.model_batch,), 1, jnp.maximum(index.rows, 2))
    row = jnp.where(row % apart == 0, row - 1, row)
    held = jnp.arange(cfg.holdout) % ((index.rows + apart - 1) // apart) * apart
    return Picks(row, {"holdout": held})


def member_loss(cfg: Any, params: Params, batch: Transition) -> tuple[Array, Metrics]:
    """Of one member. batch: of standardised observations, with `extra["change"]` [B, O + 1]."""
    found = predict(dynamics_net(cfg, batch.obs.shape[-1]), params, batch.obs, batch.action)
    nll, ends = gaussian_nll(found, batch.extra["change"]), end_loss(found, batch.terminal)
    return nll + ends + regularisation(params), {"model_nll": nll, "model_end_loss": ends}


def update(cfg: Any, model: Model, batch: Transition, step: Step) -> tuple[Model, Metrics]:
    """One step of every member; every `holdout_every` steps those that are better on the held-out rows are kept."""
    rows = seen(model.norm, batch)
    split = jax.tree.map(lambda x: x.reshape(cfg.models, cfg.model_batch, *x.shape[1:]), rows)

    def one(net: Net, part: Transition) -> tuple[Net, Metrics]:
        grads, metrics = jax.grad(lambda p: member_loss(cfg, p, part), has_aux=True)(net.params)
        return descend(net, grads, cfg.model_lr), metrics

    net, metrics = map_ensemble(one, model.net, split)
    look = lambda now: keep_better(cfg, now, batch.extra["holdout"])  # noqa: E731
    model, looked = step.maybe(cfg.holdout_every, look, model._replace(net=net))
    return model, {**{name: x.mean() for name, x in metrics.items()}, **looked}


def keep_better(cfg: Any, model: Model, holdout: Transition) -> tuple[Model, Metrics]:
    rows = seen(model.norm, holdout)
    net = dynamics_net(cfg, rows.obs.shape[-1])

    def error_of(params: Params) -> Array:
        return squared_error(predict(net, params, rows.obs, rows.action), rows.extra["change"])

    error = map_ensemble(error_of, model.net.params)
    better = error < (1.0 - GAIN) * model.error
    best, kept = choose_members(better, (model.net.params, error), (model.best, model.error))
    return model._replace(best=best, error=kept), {"model_error": jnp.sort(kept)[: cfg.elites].mean()}


def seen(norm: Normalizer, batch: Transition) -> Transition:
    """Rows as members see them, with what they predict as the column "change" [.., O + 1]."""
    change = jnp.concatenate([batch.next_obs - batch.obs, batch.reward[..., None]], axis=-1)
    return batch._replace(obs=norm(batch.obs), next_obs=norm(batch.next_obs), extra={"change": change})


def elites(cfg: Any, model: Model) -> Params:
    """The best parameters of the best members, leaves [elites, ..]."""
    order = jnp.argsort(model.error)[: cfg.elites]
    return jax.tree.map(lambda x: x[order], model.best)


def imagine_step(cfg: Any, model: Model, members: Params, obs: Array, action: Array, key: Array) -> Imagined:
    """What actions [B, A] lead to at raw observations [B, O]. members: of `elites`."""
    return imagine(dynamics_net(cfg, obs.shape[-1]), members, model.norm, obs, action, key)
