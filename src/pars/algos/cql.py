"""CQL (Kumar et al. 2020, arXiv 2006.04779) and Cal-QL (Nakamoto et al. 2023, arXiv 2303.05479): SAC whose critics are
pushed down at the policy's and at random actions and up at the dataset's; Cal-QL stops pushing below the data's return.

Followed are the JAX code of Cal-QL (nakamotoo/Cal-QL) and corl-team/CORL where they agree: actions drawn at s' are
scored at s with their own density, and all losses of a step are taken at its old parameters. Online CQL goes on as SAC
without its regulariser (`online_conservative=true` keeps it); Cal-QL keeps it, and a transition's return is filled in
when its episode ends: until then it is not calibrated, where theirs collects whole episodes first. The authors of CQL
scale the gap of the Lagrange form differently; their warm-up of the actor by cloning is left out, as in both codes.
CORL clips the gap (`clip_gap`), starts its actor otherwise than its critics, and ends calibration with the offline
phase; ours does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import Count, NotNegative, Widths, config, setting
from pars.core import Algorithm, Column, Data, Metrics, Params, Spec, Step, Transition
from pars.errors import UsageError
from pars.nn.nets import Initializer, apply
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, scaled_td_target
from pars.rl.ensemble import least_q
from pars.rl.net import Net, Normalizer, descend, make_net
from pars.rl.returns import mc_return
from pars.rl.soft import SACSettings, actor_then_temperature, make_soft_state, sample, soft_act

UNCALIBRATED = -1e9  # a return that no value falls below


@config
class Config(SACSettings):
    """CQL: what CORL has for MuJoCo."""

    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    initializer: Initializer = "orthogonal_small"
    log_std_min: float = -20.0
    learned_spread: bool = True
    actor_lr: NotNegative = 3e-5
    temperature_lr: NotNegative = 3e-5
    conservative_weight: NotNegative = setting(10.0, "weight of the gap that critics keep below the data", "alpha")
    sampled_actions: Count = setting(10, "actions at which critics are pushed down, of each of three kinds")
    lagrange: bool = setting(False, "tune a factor so that the gap stays at target_gap")
    target_gap: float = setting(0.8, "the gap that is aimed at", "tau", on="lagrange")
    clip_gap: bool = setting(False, "clip the gap of a transition from below")
    gap_min: float = setting(-200.0, "where it is clipped", on="clip_gap")
    max_backup: bool = setting(False, "target from the best of the sampled next actions, else from one")
    calibrate: bool = setting(False, "do not push below the data's return (Cal-QL)")
    failure: bool = setting(False, "episodes of the failure reward alone return it for ever", on="calibrate")
    failure_reward: float = setting(0.0, "that reward, before scaling", on="failure")
    online_conservative: bool = setting(False, "keep pushing down online", phase="online")

    def check(self) -> None:
        super().check()
        if self.calibrate and self.reward_norm != "none":
            raise UsageError("calibrate=true knows returns of scaled and shifted rewards only; add reward_norm=none")


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [E, ..]
    log_temperature: Net  # scalar
    log_multiplier: Net  # scalar, of the Lagrange form
    norm: Normalizer


class Sampled(NamedTuple):
    """Actions at which critics are pushed down [B, K, A] and their log-densities [B, K]: uniform, of the policy at s',
    of the policy at s."""

    action: Array
    log_prob: Array


def init(cfg: Config, spec: Spec, key: Array) -> State:
    soft = make_soft_state(cfg, spec, key)
    return State(soft.actor, soft.critic, soft.log_temperature, make_net(jnp.ones(())), soft.norm)


def target(cfg: Config, state: State, batch: Transition, key: Array) -> Array:
    """y = r + discount (1 - terminal) min Q' at a sampled next action, or the best of ten. No entropy. -> [B]"""
    count = cfg.sampled_actions if cfg.max_backup else 1
    obs = jnp.repeat(batch.next_obs, count, axis=0)
    action = sample(cfg, state.actor.params, obs, key)[0]
    next_q = least_q(critic_net(cfg), state.critic.target, obs, action)
    return scaled_td_target(cfg, batch, next_q.reshape(-1, count).max(axis=1))


def sampled(cfg: Config, actor: Params, batch: Transition, key: Array) -> Sampled:
    k_uniform, k_next, k_here = jax.random.split(key, 3)
    count, (rows, width) = cfg.sampled_actions, batch.action.shape
    uniform = jax.random.uniform(k_uniform, (rows, count, width), minval=-1.0, maxval=1.0)
    spread = lambda obs: jnp.broadcast_to(obs[:, None], (rows, count, obs.shape[-1]))  # noqa: E731
    following, log_following = sample(cfg, actor, spread(batch.next_obs), k_next)
    own, log_own = sample(cfg, actor, spread(batch.obs), k_here)
    density = jnp.full((rows, count), -width * jnp.log(2.0))
    found = Sampled(
        jnp.concatenate([uniform, following, own], axis=1),
        jnp.concatenate([density, log_following, log_own], axis=1),
    )
    return jax.lax.stop_gradient(found)


def gap(cfg: Config, params: Params, batch: Transition, q: Array, at: Sampled) -> Array:
    """Eq. (4) of CQL with importance weights: mean of logsumexp_i (Q(s, a_i) - log p(a_i)) - Q(s, a), of one critic.

    With `calibrate` the policy's actions count as at least the return of the data, eq. (3.1) of Cal-QL. q [B] -> scalar
    """
    count = at.action.shape[1]
    obs = jnp.repeat(batch.obs, count, axis=0)
    pushed = apply(critic_net(cfg), params, obs, at.action.reshape(len(obs), -1)).reshape(-1, count)
    if cfg.calibrate:
        own = jnp.arange(count) >= cfg.sampled_actions  # not the uniform ones
        pushed = jnp.where(own, jnp.maximum(pushed, batch.extra["mc_return"][:, None]), pushed)
    difference = jax.nn.logsumexp(pushed - at.log_prob, axis=1) - q
    return jnp.mean(jnp.maximum(difference, cfg.gap_min) if cfg.clip_gap else difference)


def conservative_loss(cfg: Config, gap: Array, log_multiplier: Array) -> Array:
    """w gap, or with a Lagrange multiplier m = exp(l) in [0, 10^6] its term m w (gap - target)."""
    if not cfg.lagrange:
        return cfg.conservative_weight * gap
    return jnp.clip(jnp.exp(log_multiplier), 0.0, 1e6) * cfg.conservative_weight * (gap - cfg.target_gap)


def multiplier_step(cfg: Config, log_multiplier: Net, gaps: Array) -> Net:
    """One step up the mean over critics of what the Lagrange form adds. gaps [E]"""
    slope = jax.grad(lambda log: -jnp.mean(conservative_loss(cfg, gaps, log)))(log_multiplier.params)
    return descend(log_multiplier, slope, cfg.critic_lr)


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_sampled, k_actor, k_infeasible = jax.random.split(key, 4)
    improved, policy_metrics = actor_then_temperature(cfg, state, batch, k_actor)  # critics learn from the old one
    y, infeasible = target(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    at = sampled(cfg, state.actor.params, batch, k_sampled)
    multiplier, conservative = state.log_multiplier, cfg.online_conservative or not step.online

    def loss(params: Params) -> tuple[Array, Metrics]:
        value, metrics = critic_loss(cfg, params, batch, y, infeasible)
        if not conservative:
            return value, metrics
        found = gap(cfg, params, batch, apply(critic_net(cfg), params, batch.obs, batch.action), at)
        return value + conservative_loss(cfg, found, multiplier.params), {**metrics, "gap": found}

    critic, metrics = descend_critics(cfg, state.critic, loss)
    if cfg.lagrange and conservative:
        multiplier = multiplier_step(cfg, multiplier, metrics["gap"])
        metrics |= {"multiplier": jnp.exp(multiplier.params)}
    return improved._replace(critic=critic, log_multiplier=multiplier), {**metrics, **policy_metrics}


def data_returns(cfg: Config, data: Data) -> Any:
    """Of the dataset: the column that calibration reads. -> [N]"""
    return _returns(cfg, data.columns.reward, data.columns.terminal, data.last)


def episode_returns(cfg: Config, episode: Transition) -> Any:
    """Of an episode met online. -> [T]"""
    last = np.arange(len(episode.reward)) == len(episode.reward) - 1
    return _returns(cfg, episode.reward, episode.terminal, last)


def _returns(cfg: Config, reward: Any, terminal: Any, last: Any) -> Any:
    if cfg.failure and cfg.discount >= 1.0:
        raise UsageError("failure=true is worth failing for ever, which has no end; give a discount below 1")
    scale, shift = cfg.reward_scale, cfg.reward_shift
    failure = scale * cfg.failure_reward + shift if cfg.failure else None
    return mc_return(reward, terminal, last, cfg.discount, scale=scale, shift=shift, failure=failure)


def returns_made_of(cfg: Config) -> Any:
    return cfg.discount, cfg.reward_scale, cfg.reward_shift, cfg.failure_reward


RETURNS = Column(
    "mc_return",
    data_returns,
    late=episode_returns,
    unknown=UNCALIBRATED,
    wanted=lambda cfg: cfg.calibrate,
    made_of=returns_made_of,
)
ALGORITHM = Algorithm(
    "cql",
    "CQL",
    "Kumar et al. 2020, arXiv 2006.04779",
    Config,
    init,
    update,
    soft_act,
    critic_net,
    columns=(RETURNS,),
)
CAL_QL = replace(
    ALGORITHM,
    name="cal_ql",
    title="Cal-QL",
    paper="Nakamoto et al. 2023, arXiv 2303.05479",
    settings={"calibrate": True, "online_conservative": True},
)
