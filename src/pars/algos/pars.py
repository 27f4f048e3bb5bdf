"""PARS (Kim et al. 2025, arXiv 2507.08761): TD3+BC with reward scaling under layer normalisation (RS-LN) and a penalty
on infeasible actions (PA), offline and then online.

The authors' code (the paper names LGAI-Research/pars) was not at hand. Where the paper leaves a choice open, it is a
setting, and its default is
1. targets: the minimum over a random subset of `target_critics` = 2 critics, target noise 0.2 clipped at 0.5 as in TD3;
2. actor: Q divided by the batch mean of |Q|, squared BC distance summed over action dimensions, every second step;
3. networks: three hidden layers of 256, layer norm before the activation, flax's default initialiser; the preset
   "authors" has the pair that they most probably took, an actor of two layers and critics that start as sac-n-jax's;
4. `q_min` as printed in Table 8 (`q_min_scaled` multiplies it by `reward_scale`); all coordinates infeasible at once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Positive, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Spec, Step, Transition
from pars.errors import UsageError
from pars.nn.nets import Initializer, LayerNorm, action_values, apply
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, scaled_td_target
from pars.rl.deterministic import State, TD3Settings, act, actor_net, actor_step, make_state, next_action
from pars.rl.ensemble import least, least_q, some_of
from pars.rl.losses import bc_loss, cosine_decay, normalized_value
from pars.rl.net import without_moments


@config
class Config(TD3Settings):
    """PARS, Table 9, with the paper's symbols; what is the same for all methods is in critics and deterministic."""

    critics: Count = setting(10, "size of the ensemble", "N, section 4.3")
    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    layer_norm: LayerNorm = "before"
    initializer: Initializer = "flax"
    # policy evaluation
    reward_scale: Positive = 10.0
    target_critics: Count = setting(2, "size of the random subset in the target", "k_critic")
    # penalising infeasible actions
    penalty: bool = True
    penalty_weight_online: NotNegative = setting(0.001, "penalty_weight online", on="penalty", phase="online")
    q_min_scaled: bool = setting(False, "q_min is of raw rewards: multiply it by reward_scale", "Table 8", on="penalty")
    # policy improvement
    policy_delay_online: Count = setting(2, "policy_delay online", phase="online")
    actor_cosine: bool = setting(False, "the actor's rate falls to 0 along a cosine", phase="offline")
    bc_weight: NotNegative = setting(0.01, "weight of the distance to the dataset's actions", "beta")
    bc_weight_online: NotNegative = setting(0.0, "bc_weight online", phase="online")
    bc_fade: NotNegative = setting(
        0.0, "bc_weight falls to bc_weight_online over so many, 0: at once", unit="environment steps", phase="online"
    )
    bc_reduce: Literal["sum", "mean"] = setting("sum", "of that distance over action dimensions")
    normalize_q: bool = setting(True, "the actor climbs Q over the batch mean of |Q|")
    actor_critics: Count = setting(
        1, "the actor climbs the mean of so many critics, at random", "k_actor", phase="online"
    )
    # online
    updates_per_step: Count = 20
    fresh_optimizers: bool = setting(False, "Adam's moments start anew when online training begins", phase="online")

    def check(self) -> None:
        super().check()
        if not 1 <= self.target_critics <= self.critics or not 1 <= self.actor_critics <= self.critics:
            raise UsageError(
                f"target_critics={self.target_critics} and actor_critics={self.actor_critics} must lie between 1 and "
                f"critics={self.critics}"
            )


def target(cfg: Config, state: State, batch: Transition, key: Array) -> Array:
    """y = c r + discount (1 - terminal) min over a random subset of target critics, section 4.3. -> [B]"""
    k_noise, k_subset = jax.random.split(key)
    action = next_action(cfg, state, batch, k_noise)
    some = k_subset, cfg.target_critics
    next_q = least_q(critic_net(cfg), state.critic.target, batch.next_obs, action, some)
    return scaled_td_target(cfg, batch, next_q)


def lowest(cfg: Config) -> Any:
    """Q_min of eq. (3), in units of the scaled reward if `q_min_scaled`."""
    return cfg.q_min * cfg.reward_scale if cfg.q_min_scaled else cfg.q_min


def critic_step(cfg: Config, state: State, batch: Transition, key: Array, online: bool) -> tuple[State, Metrics]:
    """Eq. (3): every critic towards the target on the batch and, eq. (2), towards `q_min` at infeasible actions."""
    k_target, k_infeasible = jax.random.split(key)
    y, infeasible = target(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    weight = cfg.penalty_weight_online if online else cfg.penalty_weight
    loss = lambda params: critic_loss(cfg, params, batch, y, infeasible, weight, lowest(cfg))  # noqa: E731
    critic, metrics = descend_critics(cfg, state.critic, loss, follow=False)
    return state._replace(critic=critic), {**metrics, "target_mean": y.mean()}


def imitation(cfg: Config, step: Step) -> Any:
    """beta of this step: offline `bc_weight`, online on a straight line from it to `bc_weight_online`."""
    if not step.online:
        return cfg.bc_weight
    span = cfg.updates_per_step * cfg.bc_fade
    left = jnp.where(span > 0, 1.0 - jnp.minimum(step.number / jnp.maximum(span, 1e-6), 1.0), 0.0)
    return cfg.bc_weight_online + left * (cfg.bc_weight - cfg.bc_weight_online)


def actor_loss(
    cfg: Config, params: Params, critics: Params, batch: Transition, key: Array, online: bool, beta: Any
) -> tuple[Array, Metrics]:
    """Eq. (6), TD3+BC's: -v / mean |v| + beta |pi(s) - a|^2.

    v is the minimum of all critics offline and a random subset's mean online, section 4.3.
    """
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    if online:
        critics = some_of(critics, (key, cfg.actor_critics))
    q = action_values(critic_net(cfg), critics, batch.obs, action)
    v = jnp.mean(q, axis=0) if online else least(q)
    value = normalized_value(v) if cfg.normalize_q else jnp.mean(v)
    distance = bc_loss(action, batch.action, cfg.bc_reduce)
    loss = -value + beta * distance
    return loss, {"actor_loss": loss, "bc_loss": distance, "policy_value": v.mean()}


def improve(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One actor step, then actor and critic targets move."""
    rate: Any = cfg.actor_lr
    if cfg.actor_cosine and not step.online:
        rate = rate * cosine_decay(step.number, step.total)
    loss = partial(actor_loss, key=key, online=step.online, beta=imitation(cfg, step))
    return actor_step(cfg, state, batch, loss, rate)


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_critic, k_actor = jax.random.split(key)
    state, metrics = critic_step(cfg, state, batch, k_critic, step.online)
    delay = cfg.policy_delay_online if step.online else cfg.policy_delay
    state, delayed = step.maybe(delay, lambda s: improve(cfg, s, batch, k_actor, step), state)
    return state, {**metrics, **delayed}


def go_online(cfg: Config, state: State, spec: Spec, key: Array) -> State:
    """The state as it is, or with moments as at the start."""
    if not cfg.fresh_optimizers:
        return state
    return state._replace(actor=without_moments(state.actor), critic=without_moments(state.critic))


ALGORITHM = Algorithm(
    "pars",
    "PARS",
    "Kim et al. 2025, arXiv 2507.08761",
    Config,
    make_state,
    update,
    act,
    critic_net,
    go_online=go_online,
    in_force=lambda cfg, step: replace(cfg, bc_weight=imitation(cfg, step)),
)
