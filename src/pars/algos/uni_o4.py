"""Uni-O4 (Lei et al. 2024, arXiv 2311.03351): PPO offline and online alike.

Before the policy three models are trained on the data: IQL's critics, an ensemble of cloned policies, and a dynamics
model. Offline each policy takes PPO's clipped steps away from its own behaviour policy, on actions drawn from that; now
and then the model says how good it is, and where it is better than before it becomes the behaviour policy. Online the
policy with the best estimate goes on by plain PPO, with the V of the data.

Departures from the authors' code (Lei-Kun/Uni-O4):
1. The policy that goes online is chosen by the model's estimate; theirs tries the best three in the task.
2. Ends of imagined episodes are learned, theirs are written out for each robot; see also rl/dynamics.py.
3. `reward_scale` is that of V from the start, where theirs refits a V to scaled rewards; there is no running scale.
4. Online the spread goes through its tanh once, as offline; theirs through two. Layers start with a gain of sqrt(2)
   in the place of 1, Adam's epsilon is 1e-5 offline too, target critics follow each step by half of what theirs do
   every second. Advantages are divided by their deviation over n, theirs is over n - 1.
5. Critics are always IQL's; a few of their scripts fit V to returns and Q by SARSA.

As in their code the bonus for disagreement has no gradient but that of the policy's own likelihood, so that under Adam
it changes nothing but the loss, and the clip of the offline steps falls for the first 200 of them only.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Share, Widths, config, setting
from pars.core import Algorithm, Index, Metrics, Params, Phase, Picks, Spec, Step, Transition, uniform
from pars.nn.nets import Activation, ActorInitializer, BoundedGaussianActor, Value, action_dim, apply, init_ensemble
from pars.nn.spread import choose_members, map_ensemble
from pars.rl import dynamics
from pars.rl.critics import CriticSettings, critic_net, draw_infeasible, make_critics, scaled_td_target, update_critics
from pars.rl.dynamics import DynamicsSettings
from pars.rl.ensemble import least_q
from pars.rl.losses import expectile_loss, explored_action, gaussian_log_prob
from pars.rl.net import Net, Normalizer, actor_mlp, descend, make_net, make_normalizer, value_mlp
from pars.rl.on_policy import (
    LAST,
    OnPolicySettings,
    Window,
    descend_clipped,
    due,
    empty_window,
    normalized,
    policy_loss,
    ppo_step,
    window_draw,
)


@config
class Config(OnPolicySettings, DynamicsSettings, CriticSettings):
    """The authors' settings for MuJoCo."""

    batch_size: Count = setting(512, "transitions of a batch of the dataset")
    online_batch: Count = setting(
        128, "transitions of a minibatch; the whole window where that is smaller", phase="online"
    )
    hidden: Widths = (1024, 1024)
    value_hidden: Widths = setting((512, 512, 512), "hidden layers of V")
    actor_hidden: Widths = (256, 256, 256)
    actor_activation: Activation = setting("relu", "of the actor's hidden layers")
    actor_initializer: ActorInitializer = "orthogonal"
    normalize_obs: bool = True
    polyak: Share = 0.0025
    critic_steps: Count = setting(2_000_000, "of Q and V, before the policy's", unit="gradient steps")
    critic_lr: NotNegative = setting(1e-4, "learning rate of Q and V before the policy's steps")
    expectile: Share = setting(0.7, "expectile of Q that V is fitted to", "omega")
    policies: Count = setting(4, "size of the ensemble")
    behaviour_steps: Count = setting(400_000, "of cloning, before the policy's", unit="gradient steps")
    behaviour_lr: NotNegative = setting(1e-4, "learning rate of cloning")
    disagreement: NotNegative = setting(0.1, "weight of a likelihood beyond that of all others", "alpha")
    improve_lr: NotNegative = setting(1e-4, "learning rate of the actors, falls to 0", phase="offline")
    improve_clip: NotNegative = setting(0.25, "how far a ratio of probabilities may leave 1", phase="offline")
    clip_decay: Count = setting(200, "gradient steps in which it falls as the learning rate does", phase="offline")
    clip_sampled: bool = setting(False, "clip the actions that behaviour policies draw to the box", phase="offline")
    estimate_every: Count = setting(100, "gradient steps between two estimates by the model", phase="offline")
    horizon: Count = setting(1000, "steps of an imagined episode at most", "H", phase="offline")
    actor_lr: NotNegative = setting(2e-5, "learning rate of the actor", phase="online")
    value_lr: NotNegative = setting(2e-4, "learning rate of V", phase="online")
    clip: NotNegative = setting(0.05, phase="online")
    clip_value: bool = True
    entropy_weight: NotNegative = 0.01

    @property
    def minibatch(self) -> int:
        return min(self.online_batch, self.rollout)


class State(NamedTuple):
    """Online there is one actor, and what only the offline phase needs is None."""

    actor: Net  # leaves [K, ..]
    behaviour: Any  # a Net, leaves [K, ..]
    estimate: Any  # [K] of the actors, the last
    best: Any  # [K] of the behaviour policies
    critic: Net  # leaves [E, ..]
    value: Net
    model: Any  # a dynamics.Model
    window: Window | None  # [T], online
    norm: Normalizer


def actor_net(cfg: Config, width: int) -> BoundedGaussianActor:
    return BoundedGaussianActor(actor_mlp(cfg, 2 * width).clone(activation=cfg.actor_activation))


def value_net(cfg: Config) -> Value:
    return Value(value_mlp(cfg).clone(hidden=cfg.value_hidden))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic, k_value, k_model = jax.random.split(key, 4)
    obs = jnp.zeros(spec.obs_dim)
    actors = init_ensemble(actor_net(cfg, spec.action_dim), cfg.policies, k_actor, obs)
    actor, behaviour = (jax.vmap(make_net)(jax.tree.map(jnp.copy, actors)) for _ in range(2))
    unknown = jnp.full(cfg.policies, -1e30)  # finite, as all of a state
    value = make_net(value_net(cfg).init(k_value, obs)["params"])
    norm = make_normalizer(cfg.normalize_obs, spec, cfg.reward_norm)
    critic, model = make_critics(cfg, spec, k_critic), dynamics.make_model(cfg, spec, k_model)
    return State(actor, behaviour, unknown, unknown, critic, value, model, None, norm)


def policy(cfg: Config, params: Params, obs: Array) -> tuple[Array, Array]:
    """Means and logarithms of standard deviations, [.., A] each."""
    mean, log_std = apply(actor_net(cfg, action_dim(params, 2)), params, obs)
    return mean, log_std


def critic_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """IQL's: V towards an expectile of Q at the data's actions, then Q towards r + discount V(s')."""
    batch = state.norm.batch(batch)
    q = least_q(critic_net(cfg), state.critic.target, batch.obs, batch.action)

    def loss(params: Params) -> Array:
        return expectile_loss(q, apply(value_net(cfg), params, batch.obs), cfg.expectile)

    v_loss, grads = jax.value_and_grad(loss)(state.value.params)
    value = descend(state.value, grads, cfg.critic_lr)
    y = scaled_td_target(cfg, batch, apply(value_net(cfg), value.params, batch.next_obs))
    critic, metrics = update_critics(cfg, state.critic, batch, y, draw_infeasible(cfg, key, batch))
    return state._replace(critic=critic, value=value), {**metrics, "value_loss": v_loss}


def critic_settings(cfg: Config) -> tuple[float, ...]:
    """What Q and V depend on; members that differ in their policies' settings alone share them."""
    infeasible = cfg.penalty_weight, cfg.infeasible_distance, cfg.q_min
    return cfg.critic_lr, cfg.expectile, cfg.discount, cfg.polyak, cfg.reward_scale, cfg.reward_shift, *infeasible


def clone_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """A step of every policy down -log pi_i - alpha (log pi_i - max_j log pi_j) at the data's actions."""
    batch = state.norm.batch(batch)

    def log_prob(params: Params) -> Array:
        return gaussian_log_prob(batch.action, *policy(cfg, params, batch.obs))

    found = map_ensemble(log_prob, state.behaviour.params)  # [K, B]
    others = jnp.where(jnp.eye(len(found), dtype=bool)[..., None], -jnp.inf, found).max(axis=1)

    def one(net: Net, other: Array) -> tuple[Net, Metrics]:
        def loss(params: Params) -> tuple[Array, Metrics]:
            own = log_prob(params)
            apart = own - other if cfg.policies > 1 else jnp.zeros_like(own)
            return -jnp.mean(own + cfg.disagreement * apart), {"log_prob": own.mean(), "disagreement": apart.mean()}

        grads, metrics = jax.grad(loss, has_aux=True)(net.params)
        return descend(net, grads, cfg.behaviour_lr), metrics

    behaviour, metrics = map_ensemble(one, state.behaviour, others)
    state = state._replace(behaviour=behaviour, actor=state.actor._replace(params=behaviour.params))
    return state, {name: x.mean() for name, x in metrics.items()}


def estimate(cfg: Config, state: State, obs: Array, key: Array) -> Array:
    """Mean Q along episodes that the model imagines, of each actor's means, from observations [B, O] on. -> [K]"""
    members = dynamics.elites(cfg, state.model)

    def one(actor: Params) -> Array:
        def forward(carry: Any, key: Array) -> tuple[Any, None]:
            obs, alive, total, count = carry
            seen = state.norm(obs)
            action = jnp.clip(policy(cfg, actor, seen)[0], -1.0, 1.0)
            q = least_q(critic_net(cfg), state.critic.params, seen, action)
            found = dynamics.imagine_step(cfg, state.model, members, obs, action, key)
            after = jnp.where(found.ended, 0.0, alive)
            obs = jnp.where(after[:, None] > 0, found.next_obs, obs)
            return (obs, after, total + jnp.sum(alive * q), count + jnp.sum(alive)), None

        start = obs, jnp.ones(len(obs)), jnp.zeros(()), jnp.zeros(())
        (_, _, total, count), _ = jax.lax.scan(forward, start, jax.random.split(key, cfg.horizon))
        return total / count

    return map_ensemble(one, state.actor.params)


def compare(cfg: Config, state: State, obs: Array, key: Array) -> tuple[State, Metrics]:
    """Actors that the model finds better than their behaviour policies take the place of those."""
    found = estimate(cfg, state, obs, key)
    better = found > state.best
    params, best = choose_members(better, (state.actor.params, found), (state.behaviour.params, state.best))
    state = state._replace(behaviour=state.behaviour._replace(params=params), estimate=found, best=best)
    return state, {"estimate": found.mean(), "replaced_share": better.mean()}


def improve(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[Net, Metrics]:
    """A clipped step of every actor, on actions of its behaviour policy with advantages Q - V."""
    left = 1.0 - step.number / step.total
    clip = cfg.improve_clip * (1.0 - jnp.minimum(step.number, cfg.clip_decay) / jnp.maximum(step.total, cfg.clip_decay))
    v = apply(value_net(cfg), state.value.params, batch.obs)

    def one(actor: Net, behaviour: Params, key: Array) -> tuple[Net, Metrics]:
        mean, log_std = policy(cfg, behaviour, batch.obs)
        action = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
        action = jnp.clip(action, -1.0, 1.0) if cfg.clip_sampled else action
        advantage = normalized(least_q(critic_net(cfg), state.critic.params, batch.obs, action) - v)
        old = gaussian_log_prob(action, mean, log_std)

        def loss(params: Params) -> tuple[Array, Metrics]:
            return policy_loss(policy(cfg, params, batch.obs), action, old, advantage, clip)

        grads, metrics = jax.grad(loss, has_aux=True)(actor.params)
        return descend_clipped(actor, grads, left * cfg.improve_lr, cfg.max_gradient), metrics

    return map_ensemble(one, state.actor, state.behaviour.params, jax.random.split(key, cfg.policies))


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    if step.online:
        value = lambda params, obs: apply(value_net(cfg), params, obs)  # noqa: E731
        return ppo_step(cfg, partial(policy, cfg), value, state, batch, step)
    k_estimate, k_improve = jax.random.split(key)
    state, compared = step.maybe(
        cfg.estimate_every, lambda s: compare(cfg, s, batch.obs, k_estimate), state, first=True
    )
    actor, metrics = improve(cfg, state, state.norm.batch(batch), k_improve, step)
    return state._replace(actor=actor), {**{name: x.mean() for name, x in metrics.items()}, **compared}


def go_online(cfg: Config, state: State, spec: Spec, key: Array) -> State:
    """The actor with the best estimate alone, with fresh optimizers."""
    actor, value = make_net(chosen(state)), make_net(state.value.params)
    return State(actor, None, None, None, state.critic, value, None, empty_window(cfg), state.norm)


def chosen(state: State) -> Params:
    """Of the actor that acts: the only one, or offline the one with the best estimate."""
    if state.estimate is None:
        return state.actor.params
    return jax.tree.map(lambda x: x[jnp.argmax(state.estimate)], state.actor.params)


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    mean, log_std = policy(cfg, chosen(state), state.norm(obs))
    return explored_action(key, mean, explore * jnp.exp(log_std))


def draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    return (uniform if filled is None else window_draw)(cfg, key, number, index, filled)


def model_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    model, metrics = dynamics.update(cfg, state.model, batch, step)
    return state._replace(model=model), metrics


ALGORITHM = Algorithm(
    "uni_o4",
    "Uni-O4",
    "Lei et al. 2024, arXiv 2311.03351",
    Config,
    init,
    update,
    act,
    critic_net,
    before=(
        Phase(
            "critic",
            lambda cfg: cfg.critic_steps,
            critic_update,
            depends_on=critic_settings,
            trains=("critic", "value"),
        ),
        Phase(
            "behaviours",
            lambda cfg: cfg.behaviour_steps,
            clone_update,
            depends_on=lambda cfg: (cfg.behaviour_lr, cfg.disagreement),
            trains=("actor", "behaviour"),
        ),
        Phase(
            "dynamics",
            lambda cfg: cfg.model_steps,
            model_update,
            dynamics.draw,
            depends_on=lambda cfg: cfg.model_lr,
            trains=("model",),
        ),
    ),
    draw=draw,
    due=due,
    columns=(LAST,),
    go_online=go_online,
)
