"""Off2On (Lee et al. 2021, arXiv 2107.00591): five CQL agents are trained apart and fine-tuned as one ensemble by SAC,
on batches that are drawn by priority from data and replay alike; the priorities stand in rl/balanced.py.

Offline each agent is CQL as cql.py has it, with a seed and batches of its own. Online one policy stands for all, the
Gaussian with mean and variance of their mixture before the tanh. Each pair of critics follows a target of its own, at
one next action; the policy climbs the mean over pairs of the lesser Q. All losses of a step are taken at its old
parameters. Training goes in epochs: environment steps, then as many updates, in the first epoch several times as many.

Departures from the authors' code (shlee94/Off2OnRL): their members' CQL is not published, ours is CORL's with their
widths; rows are drawn independently, theirs one of each stratum of the priorities; a new row that no update has met has
the largest priority known by now, theirs that known when it came; an epoch that is not finished teaches nothing.

What sharing of devices this gives up: those of a single run share the critics, and the agents if they divide their
number. Two devices do not divide five agents: offline each works out all five policies.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.algos import cql
from pars.config import Count, NotNegative, Range, Widths, config, setting
from pars.core import Algorithm, Index, Metrics, Params, Picks, Spec, Step, Transition, batch_key
from pars.errors import UsageError
from pars.nn.nets import action_dim, action_values, apply, apply_ensemble
from pars.nn.spread import is_max, map_ensemble
from pars.rl.balanced import Balance, balance_step, balanced, make_balance, priorities
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, scaled_td_target
from pars.rl.ensemble import least
from pars.rl.losses import moment_matched, tanh_sample
from pars.rl.net import Net, Normalizer, descend, make_net, without_moments
from pars.rl.soft import soft_actor_net, temperature_step


@config
class Config(cql.Config):
    """CQL's settings for each agent, and those of fine-tuning."""

    hidden: Widths = (256, 256)
    actor_hidden: Widths = (256, 256)
    agents: Count = setting(5, "that are trained apart, each with an actor and two critics", "N")
    online_lr: NotNegative = setting(3e-4, "learning rate of actors, critics and temperature online", phase="online")
    ratio_hidden: Widths = setting((256, 256), "hidden layers of the density ratio", phase="online")
    ratio_lr: NotNegative = setting(3e-4, "learning rate of the density ratio", phase="online")
    ratio_temperature: Annotated[float, Range(1e-3)] = setting(
        5.0, "priorities are the ratio to the power of 1 / T", "T", phase="online"
    )
    new_share: Annotated[float, Range(0, below=1)] = setting(
        0.5, "part of the first epoch's batches that is new, in the mean", "rho", phase="online"
    )
    epoch_steps: Count = setting(1000, "before each burst of updates", unit="environment steps", phase="online")
    first_epoch_factor: Count = setting(10, "times as many updates in the first epoch", phase="online")

    def check(self) -> None:
        super().check()
        if self.online_conservative:
            raise UsageError("online_conservative=true is for cql; off2on fine-tunes by SAC alone, leave it out")


class State(NamedTuple):
    """Online. Offline it is that of CQL: the same axes, and temperature and multiplier of each agent [M].

    M: agents. Critics stand one half behind the other: the first of each pair, then the second.
    """

    actor: Net  # leaves [M, ..]
    critic: Net  # leaves [2 M, ..]
    log_temperature: Net  # scalar, of the mixture
    norm: Normalizer
    balance: Balance


def init(cfg: Config, spec: Spec, key: Array) -> cql.State:
    """CQL's states of all agents, each from a key of its own."""
    agents = jax.vmap(lambda k: cql.init(cfg, spec, k))(jax.random.split(key, cfg.agents))
    one = jax.tree.map(lambda x: x[0], agents.norm)
    return agents._replace(critic=joined(agents.critic), norm=one)


def joined(critic: Net) -> Net:
    """Leaves [M, 2, ..] -> [2 M, ..]."""
    return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:]), critic)


def pairs(critic: Net) -> Net:
    """Leaves [2 M, ..] -> [M, 2, ..]."""
    return jax.tree.map(lambda x: jnp.swapaxes(x.reshape(2, -1, *x.shape[1:]), 0, 1), critic)


def lesser(q: Array) -> Array:
    """The lesser Q of each pair. q [2 M, B] -> [M, B]"""
    return least(q.reshape(2, -1)).reshape(-1, q.shape[-1])


def mixture(cfg: Config, actors: Params, obs: Array) -> tuple[Array, Array]:
    """Mean and log standard deviation, before the tanh, of the one policy that stands for all. [.., O] -> [.., A]"""
    net = soft_actor_net(cfg, action_dim(actors, 2))
    agents = [jax.tree.map(lambda x, i=i: x[i], actors) for i in range(cfg.agents)]
    mean, log_std = moment_matched(*zip(*(apply(net, params, obs) for params in agents), strict=True))
    return mean, jnp.clip(log_std, net.log_std_min, net.log_std_max)


def agents_update(
    cfg: Config, state: cql.State, batch: Transition, key: Array, step: Step
) -> tuple[cql.State, Metrics]:
    """A step of CQL for each agent: the first learns from the batch, the others from those beside it."""
    beside = batch.extra["others"]
    own = batch._replace(extra={name: batch.extra[name] for name in beside.extra})
    batches = jax.tree.map(lambda x, rest: jnp.concatenate([x[None], rest]), own, beside)

    def one(agent: Any, batch: Transition, key: Array) -> tuple[Any, Metrics]:
        new, metrics = cql.update(cfg, cql.State._make((*agent, state.norm)), batch, key, step)
        return new[:-1], metrics

    apart = state.actor, pairs(state.critic), state.log_temperature, state.log_multiplier
    agents, metrics = map_ensemble(one, apart, batches, jax.random.split(key, cfg.agents))
    new = cql.State._make((*agents, state.norm))
    metrics = {name: x.max() if is_max(name) else x.mean() for name, x in metrics.items()}
    return new._replace(critic=joined(new.critic)), metrics


def go_online(cfg: Config, state: cql.State, spec: Spec, key: Array) -> State:
    """The agents become one ensemble, with targets, optimizers and a temperature that begin anew."""
    actor, critic = without_moments(state.actor), without_moments(state.critic)
    critic = critic._replace(target=jax.tree.map(jnp.copy, critic.params))
    return State(actor, critic, make_net(jnp.zeros(())), state.norm, make_balance(cfg, spec, key))


def weights(cfg: Config, state: Any, index: Index, filled: Any) -> Array:
    """Priorities [N + C]. Offline nothing is drawn by weight."""
    return jnp.ones(1) if isinstance(state, cql.State) else priorities(state.balance, index, filled)


def draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """Offline a batch for each agent, online one by priority."""
    if filled is not None:
        return balanced(cfg, key, number, index, filled)
    rows = jax.random.randint(batch_key(key, number), (cfg.agents, cfg.batch_size), 0, index.rows)
    return Picks(rows[0], {"others": rows[1:]})


def due(cfg: Config, steps: int) -> int:
    """Gradient steps after so many environment steps: at the end of each epoch, in the first one more."""
    epochs = max(0, steps - max(cfg.random_steps, cfg.learning_starts)) // cfg.epoch_steps
    return int(cfg.updates_per_step * cfg.epoch_steps * (epochs + (cfg.first_epoch_factor - 1) * (epochs > 0)))


def targets(cfg: Config, state: State, batch: Transition, key: Array) -> Array:
    """y_i = r + discount (1 - terminal) (min Q'_i - alpha log pi) of each pair, at one next action. -> [M, B]"""
    action, log_prob = tanh_sample(key, *mixture(cfg, state.actor.params, batch.next_obs))
    q = lesser(apply_ensemble(critic_net(cfg), state.critic.target, batch.next_obs, action))
    value = q - jnp.exp(state.log_temperature.params) * log_prob
    return jax.vmap(lambda v: scaled_td_target(cfg, batch, v))(value)


def actor_loss(cfg: Config, params: Params, state: State, batch: Transition, key: Array) -> tuple[Array, Array]:
    """mean(alpha log pi - mean_i min Q_i) of the mixture, and mean log pi."""
    action, log_prob = tanh_sample(key, *mixture(cfg, params, batch.obs))
    q = lesser(action_values(critic_net(cfg), state.critic.params, batch.obs, action))
    return jnp.mean(jnp.exp(state.log_temperature.params) * log_prob - q.mean(axis=0)), log_prob.mean()


def update(cfg: Config, state: Any, batch: Transition, key: Array, step: Step) -> tuple[Any, Metrics]:
    """Offline the agents apart. Online actors, temperature, critics, and balance, each by itself."""
    if not step.online:
        return agents_update(cfg, state, batch, key, step)
    cfg = replace(cfg, actor_lr=cfg.online_lr, critic_lr=cfg.online_lr, temperature_lr=cfg.online_lr)
    batch = state.norm.batch(batch)
    k_target, k_actor, k_infeasible = jax.random.split(key, 3)
    (loss, log_prob), slopes = jax.value_and_grad(actor_loss, argnums=1, has_aux=True)(
        cfg, state.actor.params, state, batch, k_actor
    )
    actor = map_ensemble(lambda net, slope: descend(net, slope, cfg.actor_lr), state.actor, slopes)
    temperature = temperature_step(cfg, state.log_temperature, -log_prob, batch.action.shape[-1])

    y, infeasible = targets(cfg, state, batch, k_target), draw_infeasible(cfg, k_infeasible, batch)
    one = partial(critic_loss, cfg, batch=batch, infeasible=infeasible)
    critic, metrics = descend_critics(cfg, state.critic, lambda p, y: one(p, y=y), jnp.concatenate([y, y]))

    data, new = (state.norm.batch(batch.extra[name]) for name in ("data", "new"))
    balance, balanced_metrics = balance_step(cfg, state.balance, batch, data, new)
    metrics |= {"actor_loss": loss, "entropy": -log_prob, "temperature": jnp.exp(temperature.params)}
    return State(actor, critic, temperature, state.norm, balance), {**metrics, **balanced_metrics}


def act(cfg: Config, state: Any, obs: Array, key: Array, explore: Any) -> Array:
    """A sample of the mixture, its spread times `explore`; its middle for 0."""
    mean, log_std = mixture(cfg, state.actor.params, state.norm(obs))
    return jnp.tanh(mean + explore * jnp.exp(log_std) * jax.random.normal(key, mean.shape))


ALGORITHM = Algorithm(
    "off2on",
    "Off2On",
    "Lee et al. 2021, arXiv 2107.00591",
    Config,
    init,
    update,
    act,
    critic_net,
    draw=draw,
    weights=weights,
    due=due,
    columns=(cql.RETURNS,),
    go_online=go_online,
)
