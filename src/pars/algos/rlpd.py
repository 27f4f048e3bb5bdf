"""RLPD (Ball et al. 2023, arXiv 2302.02948): SAC online from scratch, half of each batch from the dataset, with ten
layer-normed critics and twenty updates per environment step.

It has no offline phase; the first environment steps take uniform actions and update nothing. Each update draws a
random subset of target critics (REDQ); actor and temperature move once per environment step, after the critics, on the
last batch, the actor climbing the mean of all critics. Departures from the authors' code (ikostrikov/rlpd): batches are
drawn one by one, where theirs are slices of one draw, and dataset actions are not clipped to 1 - 1e-5.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, config, setting
from pars.core import Algorithm, Metrics, Step, Transition
from pars.errors import UsageError
from pars.nn.nets import Initializer, LayerNorm
from pars.rl.critics import critic_net, draw_infeasible, scaled_td_target, update_critics
from pars.rl.soft import SACSettings, SoftState, actor_then_temperature, make_soft_state, soft_act, soft_next_value


@config
class Config(SACSettings):
    critics: Count = setting(10, "size of the ensemble", "E")
    layer_norm: LayerNorm = "before"
    initializer: Initializer = "xavier"
    target_critics: Count = setting(2, "size of the random subset in the target", "Z")
    backup_entropy: bool = setting(True, "entropy in the target")
    target_entropy: float = -0.5
    temperature_loss: Literal["log", "exp"] = "exp"
    log_std_min: float = -20.0
    updates_per_step: Count = setting(20, symbol="G")
    random_steps: int = 5000

    def check(self) -> None:
        super().check()
        if not 1 <= self.target_critics <= self.critics:
            raise UsageError(f"target_critics={self.target_critics} must lie between 1 and critics={self.critics}")


def target(cfg: Config, state: SoftState, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) (min over a random subset of Q' [- alpha log pi]). -> [B]"""
    k_subset, k_action = jax.random.split(key)
    some = k_subset, cfg.target_critics
    return scaled_td_target(cfg, batch, soft_next_value(cfg, state, batch, k_action, some, cfg.backup_entropy))


def update(cfg: Config, state: SoftState, batch: Transition, key: Array, step: Step) -> tuple[SoftState, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_infeasible, k_actor = jax.random.split(key, 3)
    y, infeasible = target(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    critic, metrics = update_critics(cfg, state.critic, batch, y, infeasible)
    state, improved = step.maybe(
        cfg.updates_per_step,
        lambda s: actor_then_temperature(cfg, s, batch, k_actor, partial(jnp.mean, axis=0)),
        state._replace(critic=critic),
    )
    return state, {**metrics, **improved}


ALGORITHM = Algorithm(
    "rlpd",
    "RLPD",
    "Ball et al. 2023, arXiv 2302.02948",
    Config,
    make_soft_state,
    update,
    soft_act,
    critic_net,
    phases=("online",),
)
