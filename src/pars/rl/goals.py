"""What goal-conditioned methods share: goals in hindsight, how they are shown to networks, how far a row has come.

A goal names some numbers of the observation (`goal_columns`), such as a position. In training it is taken from a row of
the dataset (see `pars.rl.draws.relabelled`), in evaluation the task gives it. Rewards and terminals of the dataset are
not looked at: episodes end where the data says so. B: batch, G: width of a goal, E: values of an ensemble.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import Count, NotNegative, Range, Widths, config, setting
from pars.core import Data, Index, LoopSettings, Params, Picks, Spec, Step, batch_key
from pars.errors import UsageError
from pars.nn.layers import Precision, product
from pars.nn.nets import MLP, Activation, Actor, FreeGaussian, Initializer, LayerNorm, Value, apply
from pars.rl.draws import relabelled
from pars.rl.net import Net, Normalizer, make_normalizer, polyak


@config
class GoalSettings(LoopSettings):
    """Goal-conditioned methods: what a goal is, and the policy's network."""

    batch_size: Count = 512
    goal_columns: Annotated[tuple[int, ...], Range(0)] = setting(
        (0, 1), "numbers of the observation that a goal gives, counted from 0"
    )
    whole_goals: bool = setting(
        False, "networks see a goal as an observation: in use the dataset's first with it put in"
    )
    actor_hidden: Widths = setting((512, 512), "hidden layers of the actor")
    actor_activation: Activation = setting("relu", "of the actor's hidden layers")
    initializer: Initializer = setting("orthogonal", "how layers start, see MLP in nn/nets.py")
    precision: Precision = setting("float32", "of what hidden layers multiply; sums are float32")
    normalize_obs: bool = setting(False, "standardise observations and goals by the dataset's")
    actor_lr: NotNegative = setting(5e-4, "learning rate of the actor")

    @property
    def goal_dim(self) -> int:
        return len(self.goal_columns)


@config
class GoalValueSettings(GoalSettings):
    """Goal-conditioned methods that weight actions by a value."""

    hidden: Widths = setting((512, 512), "hidden layers of each value")
    layer_norm: LayerNorm = setting("none", "layer norm in the values, before or after the activation")
    activation: Activation = setting("relu", "of the values' hidden layers")
    value_lr: NotNegative = setting(5e-4, "learning rate of the values")
    advantage_scale: NotNegative = setting(1.0, "inverse temperature of the advantages' weights", "1 / beta")
    weight_max: NotNegative = setting(10.0, "the most that a weight may be")


class Eye(NamedTuple):
    """Standardises what networks see, and knows how a goal is shown to them."""

    norm: Normalizer
    pose: Array  # [O] what a goal's numbers are put into, to be shown as a whole observation


def make_eye(cfg: GoalSettings, spec: Spec) -> Eye:
    """Raises UsageError where goals do not fit the observations or the task."""
    columns = cfg.goal_columns
    said = "x".join(map(str, columns))
    if not columns or max(columns) >= spec.obs_dim:
        raise UsageError(
            f"goal_columns={said}: the data's observations have numbers 0 to {spec.obs_dim - 1}; name these"
        )
    if twice := [one for one in columns if columns.count(one) > 1]:
        raise UsageError(f"goal_columns={said}: {twice[0]} is named twice; name every number of a goal once")
    if spec.goal_dim != len(columns) and spec.goal_dim:
        raise UsageError(
            f"goal_columns={said}: the task's goals have {spec.goal_dim} numbers, and {len(columns)} of the "
            "observation's are named; name as many, in the goal's order"
        )
    return Eye(make_normalizer(cfg.normalize_obs, spec), jnp.broadcast_to(spec.first_obs, (spec.obs_dim,)))


def check_shares(cfg: Any) -> None:
    """Raises UsageError if goals of a value have no share left for others."""
    if cfg.current_share + cfg.future_share > 1.0 + 1e-9:
        whole = f"current_share={cfg.current_share:g} and future_share={cfg.future_share:g}"
        raise UsageError(f"{whole} are more than all; the rest of 1 are goals from anywhere")


def goal_numbers(cfg: GoalSettings, obs: Array) -> Array:
    """What of observations [.., O] a goal is compared with. -> [.., G]"""
    return obs[..., jnp.array(cfg.goal_columns)]


def view(cfg: GoalSettings, eye: Eye, obs: Array) -> Array:
    """Raw observations [.., O] as networks see a goal that they are. -> [.., O] or [.., G]"""
    seen = eye.norm(obs)
    return seen if cfg.whole_goals else goal_numbers(cfg, seen)


def shown(cfg: GoalSettings, eye: Eye, goal: Array) -> Array:
    """The same of a goal [.., G] that a task gives."""
    if not cfg.whole_goals:
        return (goal - goal_numbers(cfg, eye.norm.mean)) / goal_numbers(cfg, eye.norm.scale)
    places = jax.nn.one_hot(jnp.array(cfg.goal_columns), len(eye.pose))  # [G, O]; a product with them is exact
    return eye.norm(product("float32", goal, places) + eye.pose * (1.0 - places.sum(axis=0)))


def seen_width(cfg: GoalSettings, spec: Spec) -> int:
    """Numbers of a goal as networks see it."""
    return spec.obs_dim if cfg.whole_goals else len(cfg.goal_columns)


def beside(obs: Array, goal: Array) -> Array:
    """What networks take: observation and goal side by side."""
    return jnp.concatenate([obs, goal], axis=-1)


def value_net(cfg: GoalValueSettings) -> Value:
    """V(s, g) of what `beside` gives, or Q(s, g, a) with an action beside it."""
    return Value(values_mlp(cfg, 1))


def values_mlp(cfg: GoalValueSettings, out: int) -> MLP:
    """The layers of a value with `out` numbers."""
    return MLP(
        cfg.hidden,
        out,
        layer_norm=cfg.layer_norm,
        activation=cfg.activation,
        initializer=cfg.initializer,
        precision=cfg.precision,
    )


def _actor_mlp(cfg: GoalSettings, width: int, initializer: Initializer) -> MLP:
    return MLP(
        cfg.actor_hidden,
        width,
        activation=cfg.actor_activation,
        initializer=initializer,
        precision=cfg.precision,
    )


def regressing_actor(cfg: GoalSettings, width: int) -> Actor:
    """A deterministic policy with a tanh output."""
    return Actor(_actor_mlp(cfg, width, cfg.initializer))


def gaussian_actor(cfg: GoalSettings, width: int) -> FreeGaussian:
    """A Gaussian policy that is not squashed, of a small mean at first."""
    return FreeGaussian(_actor_mlp(cfg, width, "xavier_small" if cfg.initializer == "xavier" else cfg.initializer))


def gaussian_mean(cfg: GoalSettings, params: Params, inputs: Array) -> Array:
    """The mean of a Gaussian policy, clipped to the box. -> [.., A]"""
    return jnp.clip(apply(gaussian_actor(cfg, params["log_std"].shape[-1]), params, inputs)[0], -1.0, 1.0)


def act_regressing(cfg: GoalSettings, state: Any, seen: Any, key: Array, explore: Any) -> Array:
    """The action of a deterministic policy for (obs, goal). It never explores."""
    obs, goal = seen
    width = state.actor.params["mlp"]["out"]["bias"].shape[-1]
    inputs = beside(state.norm.norm(obs), shown(cfg, state.norm, goal))
    return apply(regressing_actor(cfg, width), state.actor.params, inputs)


def own_ends(cfg: Any, data: Data) -> Data:
    """The dataset without rows that lead into another episode: what is read as D4RL's ends with one where a terminal
    stands, its next observation that of the following row. A goal lies ahead in its own episode, and nothing here
    looks at terminals."""
    columns, last = data.columns, np.asarray(data.last)
    ends = np.flatnonzero(last & (np.asarray(columns.terminal) > 0))
    before = ends[ends < len(last) - 1]
    if not (columns.next_obs[before] == columns.obs[before + 1]).all(axis=1).any():
        return data
    kept, last = np.ones(len(last), bool), last.copy()
    kept[ends], last[ends[ends > 0] - 1] = False, True
    return replace(data, last=last).select(kept)


def draw_later(cfg: Any, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """Rows, uniform, and of each a goal that is uniform over what it and the rows behind it in its episode led to.

    `batch.extra["goal"].next_obs` shows the goal, `batch.extra["ahead"]` [B] is how many steps away it is, at least 1.
    """
    k_row, k_goal = jax.random.split(batch_key(key, number))
    row = jax.random.randint(k_row, (cfg.batch_size,), 0, index.rows)
    goal = relabelled(k_goal, row, index, here=0.0, future=1.0, least=0)
    return Picks(row, {"goal": goal}, {"ahead": goal - row + 1})


def reached(cfg: Any, obs: Array, goal: Array) -> Array:
    """1 where raw observations [B, O] are within `goal_radius` of those [B, O] that show a goal, else 0. -> [B]"""
    apart = goal_numbers(cfg, obs) - goal_numbers(cfg, goal)
    return (jnp.sum(apart**2, axis=-1) <= cfg.goal_radius**2).astype(jnp.float32)


def clipped_weight(cfg: GoalValueSettings, advantage: Array, scale: Any = None) -> Array:
    """min(exp(scale A), most) [B], without a gradient. scale: where it is not `cfg.advantage_scale`."""
    scale = cfg.advantage_scale if scale is None else scale
    return jax.lax.stop_gradient(jnp.minimum(jnp.exp(scale * advantage), cfg.weight_max))


def weighted_regression(params: Params, net: Actor, inputs: Array, action: Array, weight: Array) -> Array:
    """mean w |pi(s, g) - a|^2, summed over action dimensions. inputs [B, ..], action [B, A], weight [B] -> scalar"""
    policy = apply(net, params, inputs)
    if policy.shape != action.shape:
        raise ValueError(f"the policy gives actions {policy.shape} for those {action.shape} of the data")
    return jnp.mean(weight * jnp.sum((policy - action) ** 2, axis=-1))


def paired_value_loss(
    v: Array, here: Array, there: Array, reward: Array, alive: Array, discount: Any, tau: Any
) -> Array:
    """HIQL's value loss, sum_i mean |tau - 1[A < 0]| (r + gamma alive V'_i(s') - V_i(s))^2 over two values.

    A = r + gamma alive min V'(s') - mean V'(s) is of both targets V', each error of a value's own.

    Args:
        v, here, there: V(s, g), V'(s, g), V'(s', g) [2, B]
        reward, alive: [B]
    """
    y = jax.lax.stop_gradient(reward + discount * alive * there)
    gain = jax.lax.stop_gradient(reward + discount * alive * there.min(axis=0) - here.mean(axis=0))
    weight = jnp.where(gain >= 0, tau, 1.0 - tau)
    return jnp.sum(jnp.mean(weight * (y - v) ** 2, axis=-1))


def followed(net: Net, rate: Any, delay: int, step: Step) -> Net:
    """The network whose target has moved towards it, if this is one of the steps 0, `delay`, 2 `delay`, .."""
    return step.maybe(delay, lambda net: (polyak(net, rate), {}), net, first=True)[0]
