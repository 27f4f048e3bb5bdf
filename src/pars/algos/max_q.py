"""Max-Q: a critic of the data's own behaviour, and the policy that climbs it with nothing to hold it back.

Section 3.1 and Table 1 of PARS (Kim et al. 2025, arXiv 2507.08761) ask where such a policy goes: to the corners of the
action box. The critic learns by SARSA, its target is Q'(s', a') at the dataset's next action, so that no action outside
the data ever enters it, and the policy maximises Q(s, pi(s)) alone. The paper trains the policy after the critic. Here
both learn at once: the critic never sees the policy, so all that differs is how far the policy lags behind.
"""

from __future__ import annotations

from jax import Array

from pars.config import Count, NotNegative, Widths, config, setting
from pars.core import Algorithm, Column, Metrics, Params, Step, Transition
from pars.nn.nets import Initializer, action_values, apply
from pars.rl.critics import CriticSettings, critic_net, draw_infeasible, scaled_td_target, update_critics
from pars.rl.deterministic import State, act, actor_net, actor_step, make_state
from pars.rl.ensemble import least, least_q
from pars.rl.losses import normalized_value


@config
class Config(CriticSettings):
    """Not stated for this experiment: PARS's networks and rates, one critic, rewards as they are."""

    critics: Count = setting(1, "size of the ensemble")
    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    initializer: Initializer = "flax"
    exploration_noise: NotNegative = setting(0.0, "none: it never explores", phase="online")


def target(cfg: Config, state: State, batch: Transition) -> Array:
    """y = r + discount (1 - terminal) Q'(s', a') at the dataset's next action. -> [B]"""
    next_q = least_q(critic_net(cfg), state.critic.target, batch.next_obs, batch.extra["next_action"])
    return scaled_td_target(cfg, batch, next_q)


def actor_loss(cfg: Config, params: Params, critics: Params, batch: Transition) -> tuple[Array, Metrics]:
    """-Q(s, pi(s)) / mean |Q|: no other term."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    v = least(action_values(critic_net(cfg), critics, batch.obs, action))
    loss = -normalized_value(v)
    return loss, {"actor_loss": loss, "policy_value": v.mean()}


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    y, infeasible = target(cfg, state, batch), draw_infeasible(cfg, key, batch)
    critic, metrics = update_critics(cfg, state.critic, batch, y, infeasible, follow=False)
    state, improved = actor_step(cfg, state._replace(critic=critic), batch, actor_loss)
    return state, {**metrics, "target_mean": y.mean(), **improved}


ALGORITHM = Algorithm(
    "max_q",
    "Max-Q",
    "Kim et al. 2025, section 3.1",
    Config,
    make_state,
    update,
    act,
    critic_net,
    phases=("offline",),
    columns=(Column("next_action"),),
)
