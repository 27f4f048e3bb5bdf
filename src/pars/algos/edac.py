"""EDAC (An et al. 2021, arXiv 2110.01548): SAC-N whose critics are kept diverse, so that fewer of them are needed.

The diversity term makes the critics' slopes dQ/da at the dataset's actions point apart: with g_j that of critic j, of
length 1, ES = mean_b sum_{i != j} g_i g_j / (N - 1) is added to the summed critic loss with a weight eta.

Order of one step and departures are those of SAC-N. `max_backup` is what the authors use on pen-cloned: the target is
the least over critics of the best of ten next actions, of the online critics, without entropy.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Step, Transition
from pars.errors import UsageError
from pars.nn.nets import Initializer, apply
from pars.nn.spread import map_ensemble, replicate
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, scaled_td_target
from pars.rl.soft import (
    SACSettings,
    SoftState,
    make_soft_state,
    sample,
    soft_act,
    soft_next_value,
    temperature_then_actor,
)


@config
class Config(SACSettings):
    critics: Count = setting(10, "size of the ensemble, at least 2", "N")
    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    initializer: Initializer = "edac"
    diversity_weight: NotNegative = setting(1.0, "weight of the likeness of the critics' slopes", "eta")
    max_backup: bool = setting(False, "target from the best of several next actions, without entropy")
    backup_actions: Count = setting(10, "how many", on="max_backup")

    def check(self) -> None:
        super().check()
        if self.critics < 2:
            raise UsageError(f"critics={self.critics}: one critic cannot be diverse; give at least 2")


def target(cfg: Config, state: SoftState, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) (min over all N of Q' - alpha log pi), or with `max_backup`. -> [B]"""
    if not cfg.max_backup:
        return scaled_td_target(cfg, batch, soft_next_value(cfg, state, batch, key))
    obs = jnp.repeat(batch.next_obs, cfg.backup_actions, axis=0)
    action = sample(cfg, state.actor.params, obs, key)[0]

    def best(params: Params) -> Array:
        return apply(critic_net(cfg), params, obs, action).reshape(-1, cfg.backup_actions).max(axis=1)

    return scaled_td_target(cfg, batch, jnp.min(map_ensemble(best, state.critic.params), axis=0))


def slopes(cfg: Config, params: Params, batch: Transition) -> Array:
    """dQ/da of one critic at the dataset's actions, of length 1, or 0 where Q is flat. -> [B, A]"""
    slope = jax.grad(lambda action: apply(critic_net(cfg), params, batch.obs, action).sum())(batch.action)
    squares = jnp.sum(slope**2, axis=-1, keepdims=True)
    length = jnp.sqrt(jnp.where(squares > 0.0, squares, 1.0))  # whose own slope at 0 would be NaN
    return jnp.where(squares > 0.0, slope / (length + 1e-10), 0.0)


def diversity(cfg: Config, params: Params, batch: Transition, own: Array, total: Array) -> Array:
    """A critic's part of ES: mean_b g_i sum_{j != i} g_j / (N - 1), of which twice the gradient is that of ES.

    ES is a symmetric product, so the others may stay as they were. own, total: `slopes` of this critic and their sum.
    """
    others = jax.lax.stop_gradient(total - own)
    return jnp.mean(jnp.sum(slopes(cfg, params, batch) * others, axis=-1)) / (cfg.critics - 1)


def critic_step(
    cfg: Config, state: SoftState, batch: Transition, y: Array, infeasible: Array | None
) -> tuple[SoftState, Metrics]:
    """One step of every critic along sum_j L_j + eta ES; targets follow."""
    own = replicate(map_ensemble(lambda params: slopes(cfg, params, batch), state.critic.params))
    total = own.sum(axis=0)

    def loss(params: Params, own: Array) -> tuple[Array, Metrics]:
        value, metrics = critic_loss(cfg, params, batch, y, infeasible)
        part = diversity(cfg, params, batch, own, total)
        # the metric is the mean over critics; ES is their sum
        return value + 2.0 * cfg.diversity_weight * part, {**metrics, "similarity": cfg.critics * part}

    critic, metrics = descend_critics(cfg, state.critic, loss, own)
    return state._replace(critic=critic), metrics


def update(cfg: Config, state: SoftState, batch: Transition, key: Array, step: Step) -> tuple[SoftState, Metrics]:
    batch = state.norm.batch(batch)
    k_improve, k_target, k_infeasible = jax.random.split(key, 3)
    state, improved = temperature_then_actor(cfg, state, batch, k_improve)
    y, infeasible = target(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    state, metrics = critic_step(cfg, state, batch, y, infeasible)
    return state, {**metrics, **improved}


ALGORITHM = Algorithm(
    "edac", "EDAC", "An et al. 2021, arXiv 2110.01548", Config, make_soft_state, update, soft_act, critic_net
)
