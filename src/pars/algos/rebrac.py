"""ReBRAC (Tarasov et al. 2023, arXiv 2305.09836): TD3+BC with separate penalties of actor and critic for leaving the
data, deeper networks and layer norm in the critics.

Online (as corl-team/CORL fine-tunes it) the critic's penalty is dropped at once, the actor's falls to half by the
middle of the phase and stays, and nothing is added to the actions.

Departures from the authors' code (tinkoff-ai/ReBRAC):
1. the actor moves in the second of two steps; theirs in the first;
2. targets follow the updated networks; their actor's target follows the actor as it was before the update;
3. `reward_norm`, `reward_scale` and `penalty` are there to study PARS's ingredients.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import NotNegative, Share, Widths, config, setting
from pars.core import Algorithm, Column, Metrics, Params, Step, Transition
from pars.nn.nets import Initializer, LayerNorm, action_values, apply
from pars.rl.critics import critic_net, draw_infeasible, scaled_td_target
from pars.rl.deterministic import State, TD3Settings, act, actor_net, make_state, next_action, td3_step
from pars.rl.ensemble import least, least_q
from pars.rl.losses import bc_loss, normalized_value


@config
class Config(TD3Settings):
    """The authors' settings, with their symbols."""

    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    layer_norm: LayerNorm = "after"
    initializer: Initializer = "edac"
    bc_weight: NotNegative = setting(0.01, "weight of the actor's distance to the dataset's actions", "beta_1")
    critic_bc_weight: NotNegative = setting(0.01, "weight of that distance in the target", "beta_2", phase="offline")
    exploration_noise: NotNegative = 0.0
    bc_weight_end: Share = setting(0.5, "what bc_weight falls to, as a share of it", phase="online")


def target(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> Array:
    """y = r + discount (1 - terminal) (min Q'(s', a') - beta_2 |a' - a'_data|^2), at the smoothed target action."""
    action = next_action(cfg, state, batch, key)
    next_q = least_q(critic_net(cfg), state.critic.target, batch.next_obs, action)
    if not step.online:
        next_q -= cfg.critic_bc_weight * jnp.sum((action - batch.extra["next_action"]) ** 2, axis=-1)
    return scaled_td_target(cfg, batch, next_q)


def actor_loss(
    cfg: Config, params: Params, critics: Params, batch: Transition, weight: Any = None
) -> tuple[Array, Metrics]:
    """beta_1 |pi(s) - a|^2 - min Q / mean |min Q|. weight: of the first term, by default `cfg.bc_weight`."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    v = least(action_values(critic_net(cfg), critics, batch.obs, action))
    distance = bc_loss(action, batch.action, "sum")
    loss = (cfg.bc_weight if weight is None else weight) * distance - normalized_value(v)
    return loss, {"actor_loss": loss, "bc_loss": distance, "policy_value": v.mean()}


def decayed(cfg: Config, step: Step) -> Any:
    """beta_1 of a step: online times 1 - t / T, until that is `bc_weight_end`, where it stays."""
    share = jnp.maximum(cfg.bc_weight_end, 1.0 - step.number / step.total) if step.online else 1.0
    return cfg.bc_weight * share


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_infeasible = jax.random.split(key)
    y, weight = target(cfg, state, batch, k_target, step), decayed(cfg, step)
    infeasible = draw_infeasible(cfg, k_infeasible, batch)
    return td3_step(cfg, state, batch, y, infeasible, partial(actor_loss, weight=weight), step)


ALGORITHM = Algorithm(
    "rebrac",
    "ReBRAC",
    "Tarasov et al. 2023, arXiv 2305.09836",
    Config,
    make_state,
    update,
    act,
    critic_net,
    columns=(Column("next_action"),),
    in_force=lambda cfg, step: replace(cfg, bc_weight=decayed(cfg, step)),
)
