"""TD3+BC (Fujimoto & Gu 2021, arXiv 2106.06860): TD3 whose actor also stays close to the dataset's actions.

Departures from the authors' code (sfujim/TD3_BC), all of them settings with the authors' value as default:
1. `layer_norm`, `reward_scale` and `penalty`, to study what PARS's ingredients do alone;
2. `bc_reduce`, `actor_value` and `bc_weight`, which give the tuned variant that ReBRAC's authors report (2305.09836).
Stacked twin critics are initialised from different keys, as theirs are.
"""

from __future__ import annotations

from typing import Literal

import jax
from jax import Array

from pars.config import NotNegative, config, setting
from pars.core import Algorithm, Metrics, Params, Step, Transition
from pars.nn.nets import action_values, apply
from pars.rl.critics import critic_net, draw_infeasible
from pars.rl.deterministic import State, TD3Settings, act, actor_net, make_state, td3_step, twin_target
from pars.rl.ensemble import least
from pars.rl.losses import bc_loss, normalized_value


@config
class Config(TD3Settings):
    """The authors' settings, with their symbols."""

    normalize_obs: bool = True
    q_weight: NotNegative = setting(2.5, "weight of Q, which is normalised by the batch", "alpha")
    bc_weight: NotNegative = setting(1.0, "weight of the distance to the dataset's actions")
    bc_reduce: Literal["sum", "mean"] = setting("mean", "of that distance over action dimensions")
    actor_value: Literal["first", "min"] = setting("first", "the critic that the actor climbs: the first, or the least")


def actor_loss(cfg: Config, params: Params, critics: Params, batch: Transition) -> tuple[Array, Metrics]:
    """-alpha Q / mean |Q| + |pi(s) - a|^2, equations (3) to (5)."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    if cfg.actor_value == "first":
        first = jax.tree.map(lambda x: x[0], critics)
        v = apply(critic_net(cfg), first, batch.obs, action)
    else:
        v = least(action_values(critic_net(cfg), critics, batch.obs, action))
    distance = bc_loss(action, batch.action, cfg.bc_reduce)
    loss = -cfg.q_weight * normalized_value(v) + cfg.bc_weight * distance
    return loss, {"actor_loss": loss, "bc_loss": distance, "policy_value": v.mean()}


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_infeasible = jax.random.split(key)
    y = twin_target(cfg, state, batch, k_target)
    return td3_step(cfg, state, batch, y, draw_infeasible(cfg, k_infeasible, batch), actor_loss, step)


ALGORITHM = Algorithm(
    "td3_bc", "TD3+BC", "Fujimoto & Gu 2021, arXiv 2106.06860", Config, make_state, update, act, critic_net
)
