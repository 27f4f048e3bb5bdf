"""Eight methods that learn nothing and use one hook each: what batch, state and policy hold can be told from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import config
from pars.core import (
    Algorithm,
    Column,
    Index,
    LoopSettings,
    Metrics,
    Phase,
    Picks,
    Sight,
    Spec,
    Step,
    Transition,
    batch_key,
    uniform,
)
from pars.rl import draws
from pars.rl.net import Normalizer, make_normalizer

LENGTH, HISTORY = 3, 3


@config
class Config(LoopSettings):
    batch_size: int = 8
    offline_rows: int = 4
    updates_per_step: int = 2
    model_steps: int = 6
    keep: float = 0.9
    gain: float = 0.1


class State(NamedTuple):
    actor: Array  # [O, A]
    norm: Normalizer
    other: Any  # a second model, priorities, a second policy


def init(cfg: Config, spec: Spec, key: Array) -> State:
    weights = 0.3 * jax.random.normal(key, (spec.obs_dim, spec.action_dim))
    return State(weights, make_normalizer(False, spec), 0.5 * weights)


def stir(cfg: Config, weights: Array, obs: Array, action: Array, key: Array) -> Array:
    """Weights that every number of a batch has moved, the later the more. obs [B, O], action [B, A]"""
    outer = jnp.mean(jnp.tanh(obs)[:, :, None] * action[:, None, :], axis=0)
    return cfg.keep * weights + outer + 0.01 * jax.random.normal(key, weights.shape)


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    actor = stir(cfg, state.actor, batch.obs, batch.action * (1.0 + batch.reward[:, None]), key)
    return state._replace(actor=actor), {"size": jnp.sum(actor**2), "at": step.number.astype(jnp.float32)}


def act(cfg: Config, state: State, obs: Any, key: Array, explore: Any) -> Array:
    noise = explore * 0.3 * jax.random.normal(key, (*obs.shape[:-1], state.actor.shape[-1]))
    return jnp.clip(jnp.tanh(obs @ state.actor) + noise, -1.0, 1.0)


PLAIN = Algorithm("toy", "Toy", "a test", Config, init, update, act)


# 1. a model that is trained first, with a draw, steps, losses and key of its own; the policy then reads it


def model_draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    return Picks(jax.random.randint(batch_key(key, number), (5,), 0, 100), extra={"first": jnp.full(5, 100.0)})


def model_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    other = stir(cfg, state.other, batch.obs, batch.action, key) + 0.0 * batch.extra["first"].mean()
    return state._replace(other=other), {"model_size": jnp.sum(other**2)}


def led_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    state, metrics = update(cfg, state, batch, key, step)
    return state._replace(actor=state.actor + cfg.gain * state.other), metrics


PRETRAINED = replace(
    PLAIN,
    name="toy_pretrained",
    update=led_update,
    before=(Phase("behaviour", lambda cfg: cfg.model_steps, model_update, model_draw),),
)


# and one of a seed that all its members share: it depends on `keep`, not on `gain`

SHARED = replace(
    PRETRAINED,
    name="toy_shared",
    before=(replace(PRETRAINED.before[0], depends_on=lambda cfg: cfg.keep, trains=("other",)),),
    settings={"model_steps": 7},
)


# 2. goals: a row ahead in the episode, shown to the policy too


def goal_draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    picks = uniform(cfg, key, number, index, filled)
    old = jnp.minimum(picks.rows, index.rows - 1)  # a replay has no episodes to look ahead in
    k_goal = jax.random.fold_in(batch_key(key, number), 1)
    goal = draws.relabelled(k_goal, old, index, here=0.2, future=0.8, discount=cfg.keep)
    goal = jnp.where(picks.rows < index.rows, goal, picks.rows)
    ahead = jnp.where(picks.rows < index.rows, index.episode(old)[1], picks.rows)
    return Picks(picks.rows, {"goal": goal}, {"reached": goal == picks.rows, "left": goal > ahead})


def goal_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    goal, reached = batch.extra["goal"], batch.extra["reached"]
    same = jnp.all(goal.obs == batch.obs, axis=-1)
    actor = stir(cfg, state.actor, goal.obs - batch.obs, batch.action, key)
    metrics = {"size": jnp.sum(actor**2), "reached": reached.mean(), "left_max": batch.extra["left"].mean()}
    return state._replace(actor=actor), {**metrics, "wrong_max": (reached & ~same).mean()}


def goal_act(cfg: Config, state: State, seen: Any, key: Array, explore: Any) -> Array:
    obs, goal = seen
    pull = jnp.concatenate([goal - obs[..., :2], jnp.zeros_like(obs[..., 2:])], axis=-1)
    return act(cfg, state, pull, key, explore)


GOALS = replace(PLAIN, name="toy_goals", update=goal_update, act=goal_act, draw=goal_draw, sees=Sight(goal=True))


# 3. windows of the dataset's rows, and the column `last`


def window_draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    picks = uniform(cfg, key, number, index, filled)
    rows, inside = draws.window(jnp.minimum(picks.rows, index.rows - 1), index, LENGTH)
    return Picks(picks.rows, {"window": rows}, {"inside": inside})


def window_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    window, inside = batch.extra["window"], batch.extra["inside"]  # leaves [B, T, ..]
    joins = jnp.all(window.next_obs[:, :-1] == window.obs[:, 1:], axis=-1)
    torn = inside[:, 1:] & ~joins
    actor = stir(cfg, state.actor, window.obs.mean(axis=1), window.action[:, 0], key)
    metrics = {"size": jnp.sum(actor**2), "torn_max": torn.mean(), "last": batch.extra["last"].mean()}
    return state._replace(actor=actor), metrics


WINDOWS = replace(PLAIN, name="toy_windows", update=window_update, draw=window_draw, columns=(Column("last"),))


# 4. priorities, kept in the state: a row that was drawn is drawn less


def priority_init(cfg: Config, spec: Spec, key: Array) -> State:
    return init(cfg, spec, key)._replace(other=jnp.zeros(spec.rows + spec.capacity))


def priorities(cfg: Config, state: State, index: Index, filled: Any) -> Array:
    """1 for each stored row, less for those that were drawn; 0 where nothing is stored yet."""
    stored = jnp.arange(len(state.other)) < index.rows + (0 if filled is None else filled)
    return stored * cfg.keep**state.other


def priority_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    row = batch.extra["row"]
    state, metrics = update(cfg, state, batch, key, step)
    return state._replace(other=state.other.at[row].add(1.0)), {**metrics, "row_max": row.max().astype(jnp.float32)}


PRIORITIES = replace(
    PLAIN,
    name="toy_priorities",
    init=priority_init,
    update=priority_update,
    draw=draws.by_weight,
    weights=priorities,
)


# 5. bursts: nothing for ten environment steps, then fifty updates, of two environments each

BURSTS = replace(
    PLAIN,
    name="toy_bursts",
    due=lambda cfg, steps: 50 * (steps // 10),
    settings={"environments": 2, "random_steps": 4},
)


# 6. a second policy from the switch on: the first stays, chance chooses, in evaluations too


def add_policy(cfg: Config, state: State, spec: Spec, key: Array) -> State:
    return state._replace(other={"frozen": state.actor, "rows": jnp.full(spec.capacity, 1.0)})


def two_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    state, metrics = update(cfg, state, batch, key, step)
    return state, metrics | ({"apart": jnp.sum((state.actor - state.other["frozen"]) ** 2)} if step.online else {})


def two_act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    k_choice, k_noise = jax.random.split(key)
    if isinstance(state.other, dict):
        first = jax.random.bernoulli(k_choice, 0.5)
        state = state._replace(actor=jnp.where(first, state.other["frozen"], state.actor))
    return act(cfg, state, obs, k_noise, explore)


TWO_POLICIES = replace(
    PLAIN, name="toy_two_policies", update=two_update, act=two_act, go_online=add_policy, sees=Sight(chance=True)
)


# 7. a history: the mean of what is there of the last three observations


def history_act(cfg: Config, state: State, obs: Array, key: Array, explore: Any) -> Array:
    return act(cfg, state, jnp.nanmean(obs, axis=-2), key, explore)


REMEMBERING = replace(PLAIN, name="toy_history", act=history_act, sees=Sight(history=HISTORY))

TOYS = {toy.name: toy for toy in (PRETRAINED, SHARED, GOALS, WINDOWS, PRIORITIES, BURSTS, TWO_POLICIES, REMEMBERING)}
