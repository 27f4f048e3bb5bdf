"""SVR (Mao et al. 2023, arXiv 2310.11740): a deterministic actor that climbs four critics, whose values are drawn down
to the least one at actions out of the dataset's support and, by importance weights, left alone within it.

Behaviour and policy count as Gaussians of the standard deviation `spread` around a cloned action and the policy's own.
Followed is the authors' code (MAOYIXIU/SVR): exponents average over action dimensions, weights have a floor and no
ceiling, the regulariser of a transition has a floor; TD errors add up over critics, the regulariser is their mean.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Range, config, setting
from pars.core import Algorithm, Metrics, Params, Phase, Spec, Step, Transition
from pars.nn.nets import action_values, apply
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, refuse_high
from pars.rl.deterministic import TD3Settings, act, actor_net, actor_step, make_state, twin_target
from pars.rl.ensemble import least
from pars.rl.losses import bc_loss, cosine_decay, explored_action, normalized_value
from pars.rl.net import Net, Normalizer, descend, make_net

MOST = 30.0  # of a weight's logarithm; `regulariser_min` holds a transition's part long before


@config
class Config(TD3Settings):
    """The authors' settings for MuJoCo, with their symbols."""

    normalize_obs: bool = True
    critics: Count = setting(4, "size of the ensemble")
    policy_noise: NotNegative = 0.0
    behaviour_lr: NotNegative = setting(1e-3, "learning rate of the cloned policy")
    behaviour_steps: Count = setting(100_000, "of the cloned policy, before the policy's", unit="gradient steps")
    support_weight: NotNegative = setting(0.001, "weight of the regulariser", "alpha")
    least_value: float = setting(0.0, "value that critics are drawn to out of the support", "Q_min")
    spread: Annotated[float, Range(1e-3)] = setting(0.2, "standard deviation of behaviour and policy", "sigma")
    weight_min: NotNegative = setting(0.1, "floor of importance weights")
    normalize_weights: bool = setting(False, "divide the weights by their mean over the batch")
    regulariser_min: float = setting(-1e4, "floor of a transition's regulariser")
    actor_cosine: bool = setting(True, "the actor's rate falls to 0 along a cosine", phase="offline")

    def check(self) -> None:
        super().check()
        refuse_high(self, "least_value", "SVR", "draw Q out of the support up to")


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [E, ..]
    behaviour: Net
    norm: Normalizer


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_policy, k_behaviour = jax.random.split(key)
    policy = make_state(cfg, spec, k_policy)
    behaviour = actor_net(cfg, spec.action_dim).init(k_behaviour, jnp.zeros(spec.obs_dim))["params"]
    return State(policy.actor, policy.critic, make_net(behaviour), policy.norm)


def behaviour_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One step of behaviour cloning."""
    batch = state.norm.batch(batch)
    net = actor_net(cfg, batch.action.shape[-1])
    loss, grads = jax.value_and_grad(lambda p: bc_loss(apply(net, p, batch.obs), batch.action, "mean"))(
        state.behaviour.params
    )
    return state._replace(behaviour=descend(state.behaviour, grads, cfg.behaviour_lr)), {"behaviour_loss": loss}


def log_density(cfg: Config, middle: Array, action: Array) -> Array:
    """Of N(middle, spread^2) at an action, without its constant, averaged over dimensions. [B, A] -> [B]"""
    return -jnp.mean((middle - action) ** 2, axis=-1) / (2.0 * cfg.spread**2)


def importance(cfg: Config, own: Array, cloned: Array, action: Array) -> Array:
    """max(pi(a|s) / beta(a|s), floor) at the dataset's actions, from both middles [B, A] -> [B]; at most e^MOST, which
    a narrow `spread` would leave float32 with."""
    apart = log_density(cfg, own, action) - log_density(cfg, cloned, action)
    weight = jnp.maximum(jnp.exp(jnp.minimum(apart, MOST)), cfg.weight_min)
    return jax.lax.stop_gradient(weight / weight.mean() if cfg.normalize_weights else weight)


def regulariser(cfg: Config, drawn: Array, q: Array, weight: Array) -> Array:
    """Eq. (12): mean of (Q(s, u) - Q_min)^2 - w (Q(s, a) - Q_min)^2, of one critic; u is drawn from the policy.

    drawn, q, weight [B] -> scalar
    """
    difference = (drawn - cfg.least_value) ** 2 - weight * (q - cfg.least_value) ** 2
    return jnp.mean(jnp.maximum(difference, cfg.regulariser_min))


def actor_loss(cfg: Config, params: Params, critics: Params, batch: Transition) -> tuple[Array, Metrics]:
    """-min Q / mean |min Q|: nothing else keeps it near the data. The authors have 2.5 times it, the same to Adam."""
    action = apply(actor_net(cfg, batch.action.shape[-1]), params, batch.obs)
    v = least(action_values(critic_net(cfg), critics, batch.obs, action))
    loss = -normalized_value(v)
    return loss, {"actor_loss": loss, "policy_value": v.mean()}


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    batch = state.norm.batch(batch)
    k_target, k_drawn, k_infeasible = jax.random.split(key, 3)
    y = twin_target(cfg, state, batch, k_target)  # type: ignore[arg-type]
    infeasible = draw_infeasible(cfg, k_infeasible, batch)
    own = apply(actor_net(cfg, batch.action.shape[-1]), state.actor.params, batch.obs)
    cloned = apply(actor_net(cfg, batch.action.shape[-1]), state.behaviour.params, batch.obs)
    weight = importance(cfg, own, cloned, batch.action)
    drawn = jax.lax.stop_gradient(explored_action(k_drawn, own, cfg.spread))

    def loss(params: Params) -> tuple[Array, Metrics]:
        value, metrics = critic_loss(cfg, params, batch, y, infeasible)
        net = critic_net(cfg)
        q, at_drawn = apply(net, params, batch.obs, batch.action), apply(net, params, batch.obs, drawn)
        pressed = regulariser(cfg, at_drawn, q, weight)
        return value + cfg.support_weight / cfg.critics * pressed, {**metrics, "regulariser": pressed}

    critic, metrics = descend_critics(cfg, state.critic, loss, follow=False)
    rate: Any = cfg.actor_lr
    if cfg.actor_cosine and not step.online:
        rate = rate * cosine_decay(step.number, step.total)
    improve = partial(actor_step, cfg, batch=batch, actor_loss=actor_loss, rate=rate)
    state, delayed = step.maybe(cfg.policy_delay, improve, state._replace(critic=critic))
    return state, {**metrics, "target_mean": y.mean(), "importance": weight.mean(), **delayed}


ALGORITHM = Algorithm(
    "svr",
    "SVR",
    "Mao et al. 2023, arXiv 2310.11740",
    Config,
    init,
    update,
    act,
    critic_net,
    before=(
        Phase(
            "behaviour",
            lambda cfg: cfg.behaviour_steps,
            behaviour_update,
            depends_on=lambda cfg: cfg.behaviour_lr,
            trains=("behaviour",),
        ),
    ),
)
