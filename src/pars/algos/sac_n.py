"""SAC-N (An et al. 2021, arXiv 2110.01548): SAC whose target and actor take the least of many critics.

Order of one step, as corl-team/CORL has it: temperature, actor with the new temperature, critics towards the new actor
and temperature, targets. Departures from the authors' code (snu-mllab/EDAC), where all three losses are computed first:
this order, and targets that begin as copies of the critics, where theirs are drawn anew.
"""

from __future__ import annotations

import jax
from jax import Array

from pars.config import Count, Widths, config, setting
from pars.core import Algorithm, Metrics, Step, Transition
from pars.nn.nets import Initializer
from pars.rl.critics import critic_net, draw_infeasible, scaled_td_target, update_critics
from pars.rl.soft import SACSettings, SoftState, make_soft_state, soft_act, soft_next_value, temperature_then_actor


@config
class Config(SACSettings):
    critics: Count = setting(10, "size of the ensemble", "N")
    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    initializer: Initializer = "edac"


def target(cfg: Config, state: SoftState, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) (min over all N of Q' - alpha log pi) at a sampled next action. -> [B]"""
    return scaled_td_target(cfg, batch, soft_next_value(cfg, state, batch, key))


def update(cfg: Config, state: SoftState, batch: Transition, key: Array, step: Step) -> tuple[SoftState, Metrics]:
    batch = state.norm.batch(batch)
    k_improve, k_target, k_infeasible = jax.random.split(key, 3)
    state, improved = temperature_then_actor(cfg, state, batch, k_improve)
    y, infeasible = target(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    critic, metrics = update_critics(cfg, state.critic, batch, y, infeasible)
    return state._replace(critic=critic), {**metrics, **improved}


ALGORITHM = Algorithm(
    "sac_n", "SAC-N", "An et al. 2021, arXiv 2110.01548", Config, make_soft_state, update, soft_act, critic_net
)
