"""SAC (Haarnoja et al. 2018, arXiv 1812.05905): maximum-entropy actor-critic with a learned temperature.

It has no offline phase: it learns from its own transitions, after some steps of uniform actions. Here it also drives
the collection of datasets. With `offline_share` a part of each batch comes from a dataset.

Order of one step: critics towards the old policy's target, actor against the new critics, temperature, targets.
Departures from the authors' code: layers start as PyTorch's do; the log standard deviation has a floor of -5, theirs is
-20 (`log_std_min`); 5,000 steps are random, theirs 1,000 or 10,000 (`random_steps`). The temperature's
loss is -log(alpha) (log pi + H) as in their code, `temperature_loss=exp` is their paper's.
"""

from __future__ import annotations

import jax
from jax import Array

from pars.config import Count, Fixed, config, setting
from pars.core import Algorithm, Metrics, Step, Transition
from pars.rl.critics import critic_net, draw_infeasible, scaled_td_target, update_critics
from pars.rl.soft import SACSettings, SoftState, actor_then_temperature, make_soft_state, soft_act, soft_next_value


@config
class Config(SACSettings):
    critics: Count = setting(2, "size of the ensemble")
    offline_share: Fixed = Fixed(0.0)
    random_steps: int = 5000


def target(cfg: Config, state: SoftState, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) (min Q' - alpha log pi) at a sampled next action. -> [B]"""
    return scaled_td_target(cfg, batch, soft_next_value(cfg, state, batch, key))


def update(cfg: Config, state: SoftState, batch: Transition, key: Array, step: Step) -> tuple[SoftState, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_infeasible, k_actor = jax.random.split(key, 3)
    y, infeasible = target(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    critic, metrics = update_critics(cfg, state.critic, batch, y, infeasible)
    state, improved = actor_then_temperature(cfg, state._replace(critic=critic), batch, k_actor)
    return state, {**metrics, **improved}


ALGORITHM = Algorithm(
    "sac",
    "SAC",
    "Haarnoja et al. 2018, arXiv 1812.05905",
    Config,
    make_soft_state,
    update,
    soft_act,
    critic_net,
    phases=("online",),
)
