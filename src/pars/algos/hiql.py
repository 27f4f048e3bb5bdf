"""HIQL (Park et al. 2023, arXiv 2307.11949): one value of goals, learnt without actions, guides two policies. The high
one names a subgoal, `subgoal_steps` ahead, in the coordinates of a learnt representation; the low one acts towards it.

Settings of seohongpark/HIQL on AntMaze. Its quirks are kept: the representation has no slow copy; targets follow the
parameters as they were before a step; the high policy sees its goal raw, and speaks again at every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import Count, NotNegative, Share, Widths, config, setting
from pars.core import Algorithm, Index, Metrics, Params, Picks, Sight, Spec, Step, Transition, batch_key
from pars.nn.layers import Precision
from pars.nn.nets import MLP, Activation, Initializer, LayerNorm, apply, apply_ensemble, init_ensemble
from pars.rl.draws import relabelled
from pars.rl.goals import (
    Eye,
    GoalValueSettings,
    beside,
    check_shares,
    clipped_weight,
    gaussian_actor,
    gaussian_mean,
    make_eye,
    own_ends,
    paired_value_loss,
    seen_width,
    shown,
    value_net,
    values_mlp,
    view,
)
from pars.rl.losses import gaussian_log_prob
from pars.rl.net import Net, descend, make_net, polyak


@config
class Config(GoalValueSettings):
    """HIQL: the authors' settings for AntMaze."""

    batch_size: Count = 1024
    whole_goals: bool = True
    hidden: Widths = (512, 512, 512)
    actor_hidden: Widths = (256, 256)
    activation: Activation = "gelu"
    layer_norm: LayerNorm = "after"
    initializer: Initializer = "xavier"
    precision: Precision = "float32"
    actor_lr: NotNegative = setting(3e-4, "learning rate of both policies")
    value_lr: NotNegative = setting(3e-4, "learning rate of the values and the representation")
    weight_max: NotNegative = 100.0
    high_advantage_scale: NotNegative = setting(1.0, "the same of the high policy")
    representation: Count = setting(10, "numbers that a subgoal is given by")
    subgoal_steps: Count = setting(25, "how far ahead a subgoal is", "k", unit="environment steps")
    current_share: Share = setting(0.2, "of a value's goals the row itself")
    future_share: Share = setting(0.5, "of a value's goals in the same episode, the rest anywhere")
    high_future_share: Share = setting(0.7, "of the high policy's goals in the same episode, the rest anywhere")
    discount: Share = setting(0.99, "of future rewards", "gamma")
    expectile: Share = setting(0.7, "expectile that V is fitted to", "tau")
    polyak: Share = setting(0.005, "how far targets follow in a step, as a share of the way")

    def check(self) -> None:
        """And goals have a share left for others."""
        super().check()
        check_shares(self)


class Values(NamedTuple):
    """What the value loss trains."""

    pair: Params  # leaves [2, ..]
    representation: Params


class State(NamedTuple):
    actor: Net  # the low policy
    high: Net
    value: Net  # of Values; the target is of the pair alone
    norm: Eye


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_low, k_high, k_pair, k_rep = jax.random.split(key, 4)
    obs, goal = jnp.zeros(spec.obs_dim), jnp.zeros(seen_width(cfg, spec))
    inner = beside(obs, jnp.zeros(cfg.representation))
    low = gaussian_actor(cfg, spec.action_dim).init(k_low, inner)["params"]
    high = gaussian_actor(cfg, cfg.representation).init(k_high, beside(obs, goal))["params"]
    rep = representation_net(cfg).init(k_rep, beside(goal, obs))["params"]
    values = Values(init_ensemble(value_net(cfg), 2, k_pair, inner), rep)
    value = make_net(values)._replace(target=jax.tree.map(jnp.copy, values.pair))
    return State(make_net(low), make_net(high), value, make_eye(cfg, spec))


def representation_net(cfg: Config) -> MLP:
    return values_mlp(cfg, cfg.representation)


def sphere(cfg: Config, x: Array) -> Array:
    """x [.., D] at length sqrt(D)."""
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True) * cfg.representation**0.5


def represent(cfg: Config, params: Params, obs: Array, goal: Array) -> Array:
    """phi(g; s), what a goal is from where one stands. -> [.., D]"""
    return sphere(cfg, apply(representation_net(cfg), params, beside(goal, obs)))


def draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """Rows with a goal of the value, a subgoal for the low policy, and goal and target of the high one."""
    k_row, k_value, k_kind, k_high = jax.random.split(batch_key(key, number), 4)
    row = jax.random.randint(k_row, (cfg.batch_size,), 0, index.rows)
    goal = relabelled(k_value, row, index, here=cfg.current_share, future=cfg.future_share, discount=cfg.discount)
    low = jnp.minimum(row + cfg.subgoal_steps, index.episode(row)[1])
    ahead = relabelled(k_high, row, index, here=0.0, future=1.0)
    k_kind, k_any = jax.random.split(k_kind)
    same = jax.random.uniform(k_kind, row.shape) < cfg.high_future_share
    high = jnp.where(same, ahead, jax.random.randint(k_any, row.shape, 0, index.rows))
    target = jnp.where(same, jnp.minimum(low, high), low)
    return Picks(row, {"goal": goal, "low": low, "high": high, "target": target}, {"here": goal == row})


def value_loss(cfg: Config, values: Values, target: Params, batch: Transition, goal: Array) -> tuple[Array, Metrics]:
    """V(s, phi(g; s)) of both, see `paired_value_loss`. The targets read the same representation."""
    net, here = value_net(cfg), batch.extra["here"].astype(jnp.float32)
    inner = beside(batch.obs, represent(cfg, values.representation, batch.obs, goal))
    after = beside(batch.next_obs, represent(cfg, values.representation, batch.next_obs, goal))
    v = apply_ensemble(net, values.pair, inner)
    old, new = (apply_ensemble(net, target, x) for x in (inner, after))
    loss = paired_value_loss(v, old, new, here - 1.0, 1.0 - here, cfg.discount, cfg.expectile)
    return loss, {"value_loss": loss, "v_mean": v.mean()}


def mean_value(cfg: Config, values: Values, obs: Array, goal: Array) -> Array:
    """The mean of both values, [B]."""
    inner = beside(obs, represent(cfg, values.representation, obs, goal))
    return jnp.mean(apply_ensemble(value_net(cfg), values.pair, inner), axis=0)


def policy_loss(cfg: Config, params: Params, inputs: Array, target: Array, weight: Array) -> Array:
    """-mean w log pi(target | inputs), of either policy. weight [B]"""
    policy = apply(gaussian_actor(cfg, target.shape[-1]), params, inputs)
    return -jnp.mean(weight * gaussian_log_prob(target, *policy))


def policy_step(
    cfg: Config, policy: Net, inputs: Array, target: Array, advantage: Array, scale: Any
) -> tuple[Net, Array, Array]:
    """One step of a policy, its loss and the mean weight."""
    weight = clipped_weight(cfg, advantage, scale)
    loss, grads = jax.value_and_grad(policy_loss, argnums=1)(cfg, policy.params, inputs, target, weight)
    return descend(policy, grads, cfg.actor_lr), loss, weight.mean()


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """All three losses from the networks as they are before the step."""
    eye, values = state.norm, state.value.params
    batch = batch._replace(obs=eye.norm(batch.obs), next_obs=eye.norm(batch.next_obs))
    obs, (goal, low, high, target) = batch.obs, (
        view(cfg, eye, batch.extra[name].obs) for name in ("goal", "low", "high", "target")
    )  # fmt: skip
    there = eye.norm(batch.extra["target"].obs)
    grads, metrics = jax.grad(value_loss, argnums=1, has_aux=True)(cfg, values, state.value.target, batch, goal)

    gain = mean_value(cfg, values, batch.next_obs, low) - mean_value(cfg, values, obs, low)
    inputs = beside(obs, represent(cfg, values.representation, obs, low))
    actor, actor_loss, weight = policy_step(cfg, state.actor, inputs, batch.action, gain, cfg.advantage_scale)

    gain = mean_value(cfg, values, there, high) - mean_value(cfg, values, obs, high)
    subgoal = represent(cfg, values.representation, obs, target)
    leader, high_loss, _ = policy_step(cfg, state.high, beside(obs, high), subgoal, gain, cfg.high_advantage_scale)

    old = state.value._replace(params=values.pair)
    slow = polyak(old, cfg.polyak).target
    value = descend(state.value, grads, cfg.value_lr)._replace(target=slow)
    metrics |= {"actor_loss": actor_loss, "advantage_weight": weight, "high_loss": high_loss}
    return State(actor, leader, value, eye), metrics


def act(cfg: Config, state: State, seen: Any, key: Array, explore: Any) -> Array:
    """The low policy's mean towards the mean of the high one, which is put back to its length."""
    obs, goal = state.norm.norm(seen[0]), shown(cfg, state.norm, seen[1])
    mean, _ = apply(gaussian_actor(cfg, cfg.representation), state.high.params, beside(obs, goal))
    return gaussian_mean(cfg, state.actor.params, beside(obs, sphere(cfg, mean)))


ALGORITHM = Algorithm(
    "hiql",
    "HIQL",
    "Park et al. 2023, arXiv 2307.11949",
    Config,
    init,
    update,
    act,
    phases=("offline",),
    draw=draw,
    sees=Sight(goal=True),
    prepare=own_ends,
)
