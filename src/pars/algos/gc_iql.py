"""Goal-conditioned IQL, three methods of one name. A value of the best that the data do for a goal, learnt by an
expectile, weights the actions that the policy clones.

1. The defaults: Q(s, a, g) and V(s, g), one of each, with goals from the rest of the episode for all losses, a reward
   of -1 until the goal is within `goal_radius`, and no end of bootstrapping there. jhejna/dwsl (Hejna et al. 2023,
   arXiv 2304.14427); what the PARS paper's Table 4 most probably prints.
2. Preset "action_free": no Q, two V as in HIQL (Park et al. 2023, arXiv 2307.11949: its flat baseline).
3. Preset "ogbench": twin Q, one V, a policy by DDPG+BC (Park et al. 2024, arXiv 2410.20092: gciql).

Rows are uniform; the first draws an episode, then a row of it. Targets follow on steps 0, `target_delay`, ..
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Range, Share, config, setting
from pars.core import Algorithm, Index, Metrics, Params, Picks, Sight, Spec, Step, Transition, batch_key
from pars.errors import UsageError
from pars.nn.nets import apply, apply_ensemble, init_ensemble
from pars.nn.spread import map_ensemble
from pars.rl.draws import relabelled
from pars.rl.goals import (
    Eye,
    GoalValueSettings,
    act_regressing,
    beside,
    check_shares,
    clipped_weight,
    draw_later,
    followed,
    gaussian_actor,
    gaussian_mean,
    make_eye,
    own_ends,
    paired_value_loss,
    reached,
    regressing_actor,
    seen_width,
    shown,
    value_net,
    view,
    weighted_regression,
)
from pars.rl.losses import expectile_loss, gaussian_log_prob, normalized_value, td_loss
from pars.rl.net import Net, descend, make_net, polyak


@config
class Config(GoalValueSettings):
    """GC-IQL as jhejna/dwsl has it on AntMaze."""

    q_functions: Annotated[int, Range(0)] = setting(1, "how many; 0: two V take their place")
    goals: Literal["later", "mixed"] = setting(
        "later", "later: of all losses, reached by distance; mixed: by share, reached in their row"
    )
    goal_radius: NotNegative = setting(0.5, "within it a goal is reached; goals=later", unit="of observations")
    current_share: Share = setting(0.2, "of a value's goals the row itself; goals=mixed")
    future_share: Share = setting(0.5, "of a value's goals in the same episode, the rest anywhere; goals=mixed")
    actor_future_share: Share = setting(1.0, "of the actor's goals in the same episode; goals=mixed")
    policy: Literal["regression", "likelihood", "ddpg_bc"] = setting(
        "regression", "of weighted actions: regression or likelihood; or Q at the mean, with cloning"
    )
    bc_weight: NotNegative = setting(0.3, "weight of cloning; policy=ddpg_bc", "alpha")
    discount: Share = setting(0.99, "of future rewards", "gamma")
    expectile: Share = setting(0.7, "expectile that V is fitted to", "tau")
    polyak: Share = setting(0.05, "how far targets follow at a time, as a share of the way")
    target_delay: Count = setting(20, "steps from one move of the targets to the next")
    critic_lr: NotNegative = setting(5e-4, "learning rate of Q")

    def check(self) -> None:
        """And policy=ddpg_bc climbs Q."""
        super().check()
        check_shares(self)
        if self.policy == "ddpg_bc" and not self.q_functions:
            raise UsageError("policy=ddpg_bc needs a Q to climb; give q_functions=1 or 2, or policy=likelihood")


class State(NamedTuple):
    actor: Net
    critic: Net | None  # leaves [E, ..]
    value: Net  # leaves [1, ..], or [2, ..] without critics
    norm: Eye


class Goals(NamedTuple):
    """A batch as the losses see it."""

    obs: Array  # [B, O] normalised
    next_obs: Array
    goal: Array  # [B, ..] of values, as networks see it
    actor_goal: Array
    reward: Array  # [B] 0 at the goal, else -1
    alive: Array  # [B] 0 where nothing follows


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_critic, k_value = jax.random.split(key, 3)
    seen = jnp.zeros(spec.obs_dim + seen_width(cfg, spec))
    actor = actor_net(cfg, spec.action_dim).init(k_actor, seen)["params"]
    value = init_ensemble(value_net(cfg), 1 if cfg.q_functions else 2, k_value, seen)
    critic = None
    if cfg.q_functions:
        pair = jnp.concatenate([seen, jnp.zeros(spec.action_dim)])
        critic = make_net(init_ensemble(value_net(cfg), cfg.q_functions, k_critic, pair), target=True)
    return State(make_net(actor), critic, make_net(value, target=not cfg.q_functions), make_eye(cfg, spec))


def actor_net(cfg: Config, width: int) -> Any:
    return regressing_actor(cfg, width) if cfg.policy == "regression" else gaussian_actor(cfg, width)


def draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    if cfg.goals == "later":
        return draw_later(cfg, key, number, index)
    k_row, k_value, k_actor = jax.random.split(batch_key(key, number), 3)
    row = jax.random.randint(k_row, (cfg.batch_size,), 0, index.rows)
    goal = relabelled(k_value, row, index, here=cfg.current_share, future=cfg.future_share, discount=cfg.discount)
    actor = relabelled(k_actor, row, index, here=0.0, future=cfg.actor_future_share)
    return Picks(row, {"goal": goal, "actor_goal": actor}, {"here": goal == row})


def seen(cfg: Config, eye: Eye, batch: Transition) -> Goals:
    """Goals, rewards and ends of a batch, as `cfg.goals` has them."""
    obs, next_obs, goal = eye.norm(batch.obs), eye.norm(batch.next_obs), batch.extra["goal"]
    if cfg.goals == "later":
        own, there = view(cfg, eye, goal.next_obs), reached(cfg, batch.next_obs, goal.next_obs)
        return Goals(obs, next_obs, own, own, there - 1.0, jnp.ones_like(there))
    there = batch.extra["here"].astype(jnp.float32)
    own, actor = view(cfg, eye, goal.obs), view(cfg, eye, batch.extra["actor_goal"].obs)
    return Goals(obs, next_obs, own, actor, there - 1.0, 1.0 - there)


def least(cfg: Config, params: Params, inputs: Array) -> Array:
    """The least of an ensemble of values, [B]."""
    return jnp.min(apply_ensemble(value_net(cfg), params, inputs), axis=0)


def q_inputs(obs: Array, goal: Array, action: Array) -> Array:
    return jnp.concatenate([obs, goal, action], axis=-1)


def critic_step(cfg: Config, state: State, see: Goals, action: Array) -> tuple[Net, Net, Metrics]:
    """V and Q after one step of V on the target critics' least Q, and of each Q on r + gamma V(s', g)."""
    assert state.critic is not None
    net, pair = value_net(cfg), q_inputs(see.obs, see.goal, action)
    q = least(cfg, state.critic.target, pair)
    next_v = least(cfg, state.value.params, beside(see.next_obs, see.goal))
    y = see.reward + cfg.discount * see.alive * next_v

    def value_loss(params: Params) -> tuple[Array, Array]:
        v = apply_ensemble(net, params, beside(see.obs, see.goal))[0]
        return expectile_loss(q, v, cfg.expectile), v.mean()

    def critic_loss(params: Params) -> tuple[Array, Metrics]:
        value = apply(net, params, pair)
        return (loss := td_loss(value, y)), {"critic_loss": loss, "q_mean": value.mean()}

    (loss, v_mean), grads = jax.value_and_grad(value_loss, has_aux=True)(state.value.params)
    value = descend(state.value, grads, cfg.value_lr)
    slopes, metrics = map_ensemble(jax.grad(critic_loss, has_aux=True), state.critic.params)
    critic = descend(state.critic, slopes, cfg.critic_lr)
    metrics = {name: x.mean() for name, x in metrics.items()}
    return value, critic, {"value_loss": loss, "v_mean": v_mean, **metrics}


def value_step(cfg: Config, value: Net, see: Goals) -> tuple[Net, Metrics]:
    """One step of two V without a Q; targets go first, towards the values as they were."""
    net, here, there = value_net(cfg), beside(see.obs, see.goal), beside(see.next_obs, see.goal)
    targets = apply_ensemble(net, value.target, here), apply_ensemble(net, value.target, there)

    def loss(params: Params) -> tuple[Array, Array]:
        v = apply_ensemble(net, params, here)
        return paired_value_loss(v, *targets, see.reward, see.alive, cfg.discount, cfg.expectile), v.mean()

    (found, v_mean), grads = jax.value_and_grad(loss, has_aux=True)(value.params)
    return descend(polyak(value, cfg.polyak), grads, cfg.value_lr), {"value_loss": found, "v_mean": v_mean}


def actor_loss(cfg: Config, params: Params, state: State, see: Goals, action: Array) -> tuple[Array, Metrics]:
    inputs, net = beside(see.obs, see.actor_goal), actor_net(cfg, action.shape[-1])
    if cfg.policy == "ddpg_bc":
        assert state.critic is not None
        mean, log_std = apply(net, params, inputs)
        clone = gaussian_log_prob(action, mean, jnp.zeros_like(log_std))  # of a Gaussian of unit variance
        q = least(cfg, state.critic.params, q_inputs(see.obs, see.actor_goal, jnp.clip(mean, -1.0, 1.0)))
        loss = -normalized_value(q) - cfg.bc_weight * clone.mean()
        return loss, {"actor_loss": loss, "log_prob": clone.mean()}
    weight = clipped_weight(cfg, advantage(cfg, state, see, action))
    if cfg.policy == "regression":
        loss = weighted_regression(params, net, inputs, action, weight)
    else:
        loss = -jnp.mean(weight * gaussian_log_prob(action, *apply(net, params, inputs)))
    return loss, {"actor_loss": loss, "advantage_weight": weight.mean()}


def advantage(cfg: Config, state: State, see: Goals, action: Array) -> Array:
    """Q(s, a, g) - V(s, g) of the target critics; without critics V(s', g) - V(s, g). [B]"""
    here = jnp.mean(apply_ensemble(value_net(cfg), state.value.params, beside(see.obs, see.actor_goal)), axis=0)
    if state.critic is not None:
        return least(cfg, state.critic.target, q_inputs(see.obs, see.actor_goal, action)) - here
    after = apply_ensemble(value_net(cfg), state.value.params, beside(see.next_obs, see.actor_goal))
    return jnp.mean(after, axis=0) - here


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """All losses from the networks as they are before the step."""
    see = seen(cfg, state.norm, batch)
    grads, improved = jax.grad(actor_loss, argnums=1, has_aux=True)(cfg, state.actor.params, state, see, batch.action)
    actor = descend(state.actor, grads, cfg.actor_lr)
    if state.critic is None:
        value, learned = value_step(cfg, state.value, see)
        return state._replace(actor=actor, value=value), {**learned, **improved}
    value, critic, learned = critic_step(cfg, state, see, batch.action)
    critic = followed(critic, cfg.polyak, cfg.target_delay, step)
    return State(actor, critic, value, state.norm), {**learned, **improved}


def act(cfg: Config, state: State, seen: Any, key: Array, explore: Any) -> Array:
    """The policy's action or mean, clipped to the box."""
    if cfg.policy == "regression":
        return act_regressing(cfg, state, seen, key, explore)
    return gaussian_mean(cfg, state.actor.params, beside(state.norm.norm(seen[0]), shown(cfg, state.norm, seen[1])))


ALGORITHM = Algorithm(
    "gc_iql",
    "GC-IQL",
    "Kostrikov et al. 2021, arXiv 2110.06169",
    Config,
    init,
    update,
    act,
    phases=("offline",),
    draw=draw,
    sees=Sight(goal=True),
    prepare=own_ends,
)
