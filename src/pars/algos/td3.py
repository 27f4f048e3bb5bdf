"""TD3 (Fujimoto et al. 2018, arXiv 1802.09477): twin critics, a smoothed target policy, a delayed actor.

It has no offline phase: it learns from its own transitions, after some steps of uniform actions. With `offline_share` a
part of each batch comes from a dataset. Widths are those of the authors' later code (2 x 256).
"""

from __future__ import annotations

import jax
from jax import Array

from pars.config import Fixed, config
from pars.core import Algorithm, Metrics, Params, Step, Transition
from pars.nn.nets import apply
from pars.rl.critics import critic_net, draw_infeasible
from pars.rl.deterministic import State, TD3Settings, act, actor_net, make_state, td3_step, twin_target


@config
class Config(TD3Settings):
    offline_share: Fixed = Fixed(0.0)
    random_steps: int = 25_000


def actor_loss(cfg: Config, params: Params, critics: Params, batch: Transition) -> tuple[Array, Metrics]:
    """-mean Q_1(s, pi(s))."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    value = apply(critic_net(cfg), jax.tree.map(lambda x: x[0], critics), batch.obs, action).mean()
    return -value, {"actor_loss": -value, "policy_value": value}


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_infeasible = jax.random.split(key)
    y = twin_target(cfg, state, batch, k_target)
    return td3_step(cfg, state, batch, y, draw_infeasible(cfg, k_infeasible, batch), actor_loss, step)


ALGORITHM = Algorithm(
    "td3",
    "TD3",
    "Fujimoto et al. 2018, arXiv 1802.09477",
    Config,
    make_state,
    update,
    act,
    critic_net,
    phases=("online",),
)
