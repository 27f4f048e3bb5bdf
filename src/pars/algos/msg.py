"""MSG (Ghasemipour et al. 2022, arXiv 2205.13703): an ensemble of critics that know nothing of each other, and an actor
that climbs their mean less a multiple of their deviation.

Each member has a target of its own, at a next action that it draws itself: targets that members share lose what the
spread of the ensemble is to tell. A regulariser draws Q down at the policy's actions and up at the data's. In the first
`clone_steps` offline the actor clones the data. Followed is the authors' code (google-research, jrl/agents/msg): all
steps are taken at old parameters, TD errors have random weights from 0 to 2, evaluations draw from the policy, and with
`double_q`, as on MuJoCo, a member is a pair of networks and means their least.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Range, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Sight, Spec, Step, Transition
from pars.nn.nets import GaussianActor, Initializer, action_dim, action_values, apply
from pars.nn.spread import map_ensemble
from pars.rl.critics import CriticSettings, critic_net, draw_infeasible, make_critics, scaled_td_target
from pars.rl.ensemble import least
from pars.rl.losses import penalty_loss, tanh_log_prob, tanh_sample
from pars.rl.net import Net, actor_mlp, descend, make_net, make_normalizer, polyak
from pars.rl.soft import SoftState, temperature_step

STD_MIN = 0.01  # of the policy


@config
class Config(CriticSettings):
    """The authors' settings for AntMaze but rewards, with their symbols."""

    critics: Count = setting(64, "members of the ensemble", "N")
    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    initializer: Initializer = "glorot_normal"
    actor_lr: NotNegative = 3e-5
    double_q: bool = setting(False, "each member is a pair of networks, of which the least counts")
    pessimism: NotNegative = setting(8.0, "deviations of the ensemble that the actor takes off its mean", "-beta")
    conservative_weight: NotNegative = setting(0.1, "weight of the regulariser", "alpha")
    clone_steps: Annotated[int, Range(0)] = setting(
        50_000, "in which the actor clones the data first", unit="gradient steps", phase="offline"
    )
    temperature_lr: NotNegative = setting(3e-4, "learning rate of the temperature")
    target_entropy: float = setting(-1.0, "that the temperature aims at", "H", unit="per action dimension")
    temperature_loss: Literal["log", "exp"] = setting("exp", "-log(T) (log pi + H), or with T in its place")
    drawn_evaluation: bool = setting(True, "evaluations draw from the policy, else they take its middle")

    @property
    def pair(self) -> int:
        """Networks of a member."""
        return 2 if self.double_q else 1


def init(cfg: Config, spec: Spec, key: Array) -> SoftState:
    k_actor, k_critic = jax.random.split(key)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, jnp.zeros(spec.obs_dim))["params"]
    critic = make_critics(replace(cfg, critics=cfg.critics * cfg.pair), spec, k_critic)
    norm = make_normalizer(cfg.normalize_obs, spec, cfg.reward_norm)
    return SoftState(make_net(actor), critic, make_net(jnp.zeros(())), norm)


def actor_net(cfg: Config, width: int) -> GaussianActor:
    return GaussianActor(actor_mlp(cfg, 2 * width), -jnp.inf, jnp.inf)


def policy(cfg: Config, params: Params, obs: Array) -> tuple[Array, Array]:
    """Mean and log standard deviation before the tanh; the deviation is softplus of an output, and .01. [.., A] each"""
    mean, spread = apply(actor_net(cfg, action_dim(params, 2)), params, obs)
    return mean, jnp.log(jax.nn.softplus(spread) + STD_MIN)


def by_member(cfg: Config, net: Any) -> Any:
    """Leaves [N pair, ..] -> [N, pair, ..]."""
    return jax.tree.map(lambda x: x.reshape(cfg.critics, cfg.pair, *x.shape[1:]), net)


def member_values(cfg: Config, params: Params, obs: Array, action: Array) -> Array:
    """Q of the networks of one member. -> [pair, B]"""
    return jax.vmap(lambda one: apply(critic_net(cfg), one, obs, action))(params)


def td_weights(cfg: Config, key: Array, batch: Transition) -> Array:
    """Uniform in [0, 2), for each network of a member. -> [pair, B]"""
    return jax.random.uniform(key, (cfg.pair, *batch.reward.shape), minval=0.0, maxval=2.0)


def member_loss(
    cfg: Config, params: Params, batch: Transition, y: Array, own: Array, weight: Array, infeasible: Array | None
) -> tuple[Array, Metrics]:
    """Half the weighted squared TD error, and alpha times mean Q(s, u) - Q(s, a), of one member; with the penalty.

    y [B] its own targets, own [B, A] an action of the policy that it drew, weight [pair, B].
    """
    q = member_values(cfg, params, batch.obs, batch.action)
    td = 0.5 * jnp.mean(weight * (q - y) ** 2)
    gap = jnp.mean(jnp.min(member_values(cfg, params, batch.obs, own), axis=0) - jnp.min(q, axis=0))
    loss, metrics = td + cfg.conservative_weight * gap, {"critic_loss": td, "gap": gap, "q_mean": q.mean()}
    metrics["q_max"] = q.max()
    if infeasible is not None:
        far = member_values(cfg, params, batch.obs, infeasible)
        penalty = penalty_loss(far.ravel(), cfg.q_min)
        loss += cfg.penalty_weight * penalty
        metrics |= {"penalty_loss": penalty, "q_infeasible": far.mean()}
    return loss, metrics


def critic_step(cfg: Config, state: SoftState, batch: Transition, key: Array) -> tuple[Net, Metrics]:
    """One step of every member, and of its target, from actions that it draws of the policy as it was."""
    k_members, k_infeasible = jax.random.split(key)
    here, following = (policy(cfg, state.actor.params, obs) for obs in (batch.obs, batch.next_obs))
    infeasible = draw_infeasible(cfg, k_infeasible, batch)

    def one(net: Net, key: Array) -> tuple[Net, Metrics]:
        k_next, k_own, k_weight = jax.random.split(key, 3)
        next_q = member_values(cfg, net.target, batch.next_obs, tanh_sample(k_next, *following)[0])
        y = scaled_td_target(cfg, batch, jnp.min(next_q, axis=0))
        own, weight = tanh_sample(k_own, *here)[0], td_weights(cfg, k_weight, batch)
        grads, metrics = jax.grad(member_loss, argnums=1, has_aux=True)(
            cfg, net.params, batch, y, own, weight, infeasible
        )
        stepped = jax.vmap(descend, (0, 0, None))(net, grads, cfg.critic_lr)
        return polyak(stepped, cfg.polyak), {**metrics, "target_mean": y.mean()}

    members, metrics = map_ensemble(one, by_member(cfg, state.critic), jax.random.split(k_members, cfg.critics))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), members), metrics


def lower_bound(cfg: Config, q: Array) -> Array:
    """mean - pessimism std over members, of which each means the least of its pair. q [N pair, B] -> [B]"""
    values = jax.vmap(least)(q.reshape(cfg.critics, cfg.pair, -1))
    # the slope of a root is infinite at 0, where all members agree
    deviation = jnp.sqrt(jnp.maximum(jnp.var(values, axis=0), 1e-12))
    return values.mean(axis=0) - cfg.pessimism * deviation


def actor_loss(
    cfg: Config, params: Params, state: SoftState, batch: Transition, clone: Any, key: Array
) -> tuple[Array, Metrics]:
    """mean(T log pi - lower bound) at one action for all members; -mean log pi(a|s) of the data where `clone` is 1."""
    mean, log_std = policy(cfg, params, batch.obs)
    action = tanh_sample(key, mean, log_std)[0]
    log_prob = tanh_log_prob(action, mean, log_std)  # with the tails' mass at the edge, as of the data's actions
    bound = lower_bound(cfg, action_values(critic_net(cfg), state.critic.params, batch.obs, action))
    climb = jnp.mean(jnp.exp(state.log_temperature.params) * log_prob - bound)
    cloned = -tanh_log_prob(batch.action, mean, log_std).mean()
    loss = jnp.where(clone, cloned, climb)
    return loss, {"actor_loss": loss, "entropy": -log_prob.mean(), "lower_bound": bound.mean()}


def update(cfg: Config, state: SoftState, batch: Transition, key: Array, step: Step) -> tuple[SoftState, Metrics]:
    batch = state.norm.batch(batch)
    k_critic, k_actor = jax.random.split(key)
    clone = jnp.asarray(not step.online) & (step.number < cfg.clone_steps)
    grads, improved = jax.grad(actor_loss, argnums=1, has_aux=True)(
        cfg, state.actor.params, state, batch, clone, k_actor
    )
    temperature = temperature_step(cfg, state.log_temperature, improved["entropy"], batch.action.shape[-1])
    # while it clones the temperature stays at 1, and its moments at 0
    temperature = jax.tree.map(lambda old, new: jnp.where(clone, old, new), state.log_temperature, temperature)
    critic, metrics = critic_step(cfg, state, batch, k_critic)
    actor = descend(state.actor, grads, cfg.actor_lr)
    metrics |= {**improved, "temperature": jnp.exp(temperature.params)}
    return state._replace(actor=actor, critic=critic, log_temperature=temperature), metrics


def act(cfg: Config, state: SoftState, obs: Array, key: Array, explore: Any) -> Array:
    """A draw of the policy, also in evaluation; else its spread times `explore`."""
    mean, log_std = policy(cfg, state.actor.params, state.norm(obs))
    scale = 1.0 if cfg.drawn_evaluation else explore
    return jnp.tanh(mean + scale * jnp.exp(log_std) * jax.random.normal(key, mean.shape))


ALGORITHM = Algorithm(
    "msg",
    "MSG",
    "Ghasemipour et al. 2022, arXiv 2205.13703",
    Config,
    init,
    update,
    act,
    critic_net,
    sees=Sight(chance=True, still=dict(drawn_evaluation=False)),
)
