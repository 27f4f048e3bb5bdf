"""SAC-RND (Nikulin et al. 2023, arXiv 2301.13616): SAC that is paid less for actions that a predictor, trained before
on the dataset, does not know: random network distillation as a penalty, in the target and in the actor.

Followed is the authors' final configuration (tinkoff-ai/sac-rnd): a bilinear predictor, a prior with FiLM, both of
standardised inputs; the bonus is the error over the running deviation that it had in training. Order of one step:
actor, temperature, critics towards the new actor at the old temperature, targets.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Phase, Spec, Step, Transition
from pars.nn.nets import Initializer, LayerNorm, action_values, apply
from pars.nn.rnd import Moments, Predictor, Prior, Standard, with_batch
from pars.rl.critics import critic_net, draw_infeasible, scaled_td_target, update_critics
from pars.rl.ensemble import least, least_q
from pars.rl.net import Net, Normalizer, descend, make_net
from pars.rl.soft import SACSettings, make_soft_state, sample, soft_act, temperature_step


@config
class Config(SACSettings):
    """The authors' settings for AntMaze but discount and rewards, with their symbols."""

    hidden: Widths = (256, 256, 256)
    actor_hidden: Widths = (256, 256, 256)
    layer_norm: LayerNorm = "after"
    initializer: Initializer = "edac"
    temperature_loss: Literal["log", "exp"] = "exp"
    rnd_width: Count = setting(256, "units of hidden layers of predictor and prior")
    rnd_embedding: Count = setting(32, "outputs of predictor and prior")
    rnd_lr: NotNegative = setting(3e-4, "learning rate of the predictor")
    rnd_steps: Count = setting(1000, "of the predictor, before the policy's", unit="gradient steps")
    actor_bonus_weight: NotNegative = setting(1.0, "weight of the bonus in the actor's loss", "beta_1")
    critic_bonus_weight: NotNegative = setting(1.0, "weight of the bonus in the target", "beta_2")

    @property
    def reads_actions(self) -> bool:
        return True


class RND(NamedTuple):
    """The model of the data's actions."""

    predictor: Net
    prior: Params  # fixed
    errors: Moments  # of the predictor, in training
    standard: Standard


class State(NamedTuple):
    actor: Net
    critic: Net  # leaves [E, ..]
    log_temperature: Net  # scalar
    rnd: RND
    norm: Normalizer


def rnd_nets(cfg: Config) -> tuple[Predictor, Prior]:
    size = cfg.rnd_width, cfg.rnd_embedding, cfg.precision
    return Predictor(*size), Prior(*size)


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_soft, k_predictor, k_prior = jax.random.split(key, 3)
    soft, inputs = make_soft_state(cfg, spec, k_soft), (jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim))
    predictor, prior = rnd_nets(cfg)
    sizes = (spec.obs_dim,) * 2 + (spec.action_dim,) * 2
    facts = spec.obs_mean, spec.obs_std, spec.action_mean, spec.action_std
    standard = Standard(*(jnp.broadcast_to(jnp.asarray(x, jnp.float32), n) for x, n in zip(facts, sizes, strict=True)))
    rnd = RND(
        make_net(predictor.init(k_predictor, *inputs)["params"]),
        prior.init(k_prior, *inputs)["params"],
        Moments(*(jnp.asarray(x, jnp.float32) for x in Moments())),
        standard,
    )
    return State(soft.actor, soft.critic, soft.log_temperature, rnd, soft.norm)


def error(cfg: Config, rnd: RND, params: Params, obs: Array, action: Array) -> Array:
    """Squared distance of the prediction from the prior's embedding, summed over it. The
    prior has no slope, as in the authors' code. Of raw obs [B, O] -> [B]"""
    predictor, prior = rnd_nets(cfg)
    inputs = rnd.standard(obs, action)
    aim = jax.lax.stop_gradient(apply(prior, rnd.prior, *inputs))
    return jnp.sum((apply(predictor, params, *inputs) - aim) ** 2, axis=-1)


def bonus(cfg: Config, rnd: RND, obs: Array, action: Array) -> Array:
    """The predictor's error over the deviation that it had in training. -> [B]"""
    deviation = jnp.sqrt(jnp.maximum(rnd.errors.variance, 1e-12))  # 0 before training
    return error(cfg, rnd, rnd.predictor.params, obs, action) / deviation


def rnd_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One step of the predictor; its errors join the running moments."""
    rnd = state.rnd

    def loss(params: Params) -> tuple[Array, Array]:
        errors = error(cfg, rnd, params, batch.obs, batch.action)
        return errors.mean(), errors

    grads, errors = jax.grad(loss, has_aux=True)(rnd.predictor.params)
    predictor = descend(rnd.predictor, grads, cfg.rnd_lr)
    rnd = rnd._replace(predictor=predictor, errors=with_batch(rnd.errors, errors))
    return state._replace(rnd=rnd), {"rnd_loss": errors.mean()}


def actor_loss(
    cfg: Config, params: Params, state: State, obs: Array, raw: Array, key: Array
) -> tuple[Array, tuple[Array, Array]]:
    """mean(alpha log pi + beta_1 b(s, a) - min Q), mean log pi and mean b. raw: obs as the data have it."""
    action, log_prob = sample(cfg, params, obs, key)
    q = least(action_values(critic_net(cfg), state.critic.params, obs, action))
    unknown = bonus(cfg, state.rnd, raw, action)
    loss = jnp.mean(jnp.exp(state.log_temperature.params) * log_prob + cfg.actor_bonus_weight * unknown - q)
    return loss, (log_prob.mean(), unknown.mean())


def target(cfg: Config, state: State, batch: Transition, raw: Array, key: Array) -> Array:
    """y = r + discount (1 - terminal) (min Q' - alpha log pi - beta_2 b) at a sampled next action. -> [B]"""
    action, log_prob = sample(cfg, state.actor.params, batch.next_obs, key)
    soft = least_q(critic_net(cfg), state.critic.target, batch.next_obs, action)
    soft -= jnp.exp(state.log_temperature.params) * log_prob
    return scaled_td_target(cfg, batch, soft - cfg.critic_bonus_weight * bonus(cfg, state.rnd, raw, action))


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    raw, raw_next, batch = batch.obs, batch.next_obs, state.norm.batch(batch)
    k_actor, k_target, k_infeasible = jax.random.split(key, 3)
    (loss, (log_prob, unknown)), grads = jax.value_and_grad(actor_loss, argnums=1, has_aux=True)(
        cfg, state.actor.params, state, batch.obs, raw, k_actor
    )
    state = state._replace(actor=descend(state.actor, grads, cfg.actor_lr))
    temperature = temperature_step(cfg, state.log_temperature, -log_prob, batch.action.shape[-1])
    y = target(cfg, state, batch, raw_next, k_target)
    critic, metrics = update_critics(cfg, state.critic, batch, y, draw_infeasible(cfg, k_infeasible, batch))
    metrics |= {"actor_loss": loss, "entropy": -log_prob, "bonus": unknown, "temperature": jnp.exp(temperature.params)}
    return state._replace(critic=critic, log_temperature=temperature), metrics


ALGORITHM = Algorithm(
    "sac_rnd",
    "SAC-RND",
    "Nikulin et al. 2023, arXiv 2301.13616",
    Config,
    init,
    update,
    soft_act,
    critic_net,
    before=(Phase("rnd", lambda cfg: cfg.rnd_steps, rnd_update, depends_on=lambda cfg: cfg.rnd_lr, trains=("rnd",)),),
)
