"""Fitted Q evaluation (Le et al. 2019, arXiv 1903.08738) of many policies in one program, for continuous actions.

A policy enters as its actions on the rows, so policies of all methods are one population. Each has an ensemble of
critics with layer norm; each critic learns from a bootstrap sample of the episodes that are not held out, and starts
from the value of the data's own behaviour, which is learnt first, once for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.judge.evidence import Evidence
from pars.nn.nets import MLP, Critic, apply, init_ensemble
from pars.nn.spread import map_locally
from pars.rl.losses import td_target
from pars.rl.net import Net, descend, make_net, polyak
from pars.training.placement import place


@dataclass(frozen=True)
class Fit:
    """How critics are fitted."""

    critics: int = 4
    hidden: tuple[int, ...] = (64, 64)
    steps: int = 2500  # gradient steps of each policy's critics, and of the behaviour's, where all begin
    batch: int = 64
    learning_rate: float = 1e-3
    polyak: float = 0.05


class Rows(NamedTuple):
    """What critics see: standardised observations, rewards in units of the spread of the data's values."""

    obs: Any  # [N, O]
    starts: Any  # [S, O]
    action: Any  # [N, A]
    reward: Any  # [N]
    next_obs: Any  # [N, O]
    terminal: Any  # [N]
    ahead: Any  # [N] the data's return-to-go
    weight: Any  # [E, N] how often each critic's bootstrap sample has the row's episode; 0 if it is held out


class Fitted(NamedTuple):
    """Values under K policies, in the data's units."""

    q: np.ndarray  # [K, N] of the data's actions, the mean over critics
    v: np.ndarray  # [K, N] of the policies'
    start: np.ndarray  # [K, E, S] of the policies' actions at the starts, of each critic


class Actions(NamedTuple):
    """Of K policies, in [-1, 1]."""

    here: Any  # [K, N, A] at the rows' observations
    ahead: Any  # [K, N, A] at their next observations
    start: Any  # [K, S, A] at the starts


def fit(evidence: Evidence, actions: Actions, how: Fit, seed: int = 0) -> Fitted:
    """Values of K policies."""
    unit = float(np.std(evidence.ahead)) or 1.0
    rows = _rows(evidence, unit, how, np.random.default_rng(seed))
    low, high = (
        bound / unit / (1.0 - evidence.discount)
        for bound in (min(evidence.reward.min(), 0), max(evidence.reward.max(), 0))
    )
    facts = np.asarray([evidence.discount, low, high], np.float32)
    first = _first(how)(rows, jax.random.key(seed))
    q, v, start = _program(how, len(actions.here))(actions, first, rows, facts)
    return Fitted(unit * q, unit * v, unit * start)


def _rows(evidence: Evidence, unit: float, how: Fit, rng: np.random.Generator) -> Rows:
    mean, std = evidence.obs.mean(axis=0), evidence.obs.std(axis=0)
    std = np.where(std > 1e-6 * np.abs(mean), std, 1.0) + 1e-6
    seen = evidence.obs, evidence.next_obs, evidence.starts
    obs, next_obs, starts = (((x - mean) / std).astype(np.float32) for x in seen)
    free = np.flatnonzero(~evidence.held)
    draws = [np.bincount(rng.choice(free, len(free)), minlength=len(evidence.held)) for _ in range(how.critics)]
    weight = np.stack(draws).astype(np.float32)[:, evidence.episode]
    reward, ahead = ((x / unit).astype(np.float32) for x in (evidence.reward, evidence.ahead))
    return Rows(obs, starts, evidence.action, reward, next_obs, evidence.terminal, ahead, weight)


def net(how: Fit) -> Critic:
    return Critic(MLP(how.hidden, 1, layer_norm="before"))


@lru_cache(maxsize=8)
def _first(how: Fit) -> Callable[..., Any]:
    """Critics [E, ..] of the data's own behaviour, by regression on its returns-to-go."""

    def critic(params: Any, weight: Array, rows: Rows, key: Array) -> Any:
        def target(_: Net, picks: Array) -> Array:
            return rows.ahead[picks]

        return _descended(how, params, weight, rows, target, key, how.steps).params

    def run(rows: Rows, key: Array) -> Any:
        k_init, k_step = jax.random.split(key)
        params = init_ensemble(net(how), how.critics, k_init, rows.obs[:1], rows.action[:1])
        return map_locally(lambda one, weight: critic(one, weight, rows, k_step), params, rows.weight)

    return jax.jit(run)


@lru_cache(maxsize=8)
def _program(how: Fit, count: int) -> Callable[..., Any]:
    """Of `count` policies: (actions, first critics, rows, facts) -> what `Fitted` holds, in units of the program."""

    def one(actions: Actions, first: Any, rows: Rows, facts: Array) -> Any:
        def critic(params: Any, weight: Array) -> Any:
            discount, low, high = facts

            def target(critic: Net, picks: Array) -> Array:
                next_q = apply(net(how), critic.target, rows.next_obs[picks], actions.ahead[picks])
                return jnp.clip(td_target(rows.reward[picks], rows.terminal[picks], next_q, discount), low, high)

            end = _descended(how, params, weight, rows, target, jax.random.key(1), how.steps)
            # the slow copy is an average over the last steps
            asked = (rows.obs, rows.action), (rows.obs, actions.here), (rows.starts, actions.start)
            return tuple(apply(net(how), end.target, obs, action) for obs, action in asked)

        q, v, start = map_locally(critic, first, rows.weight)
        return q.mean(axis=0), v.mean(axis=0), start

    placement = place(count)
    mapped = placement.map(one, shared=(1, 2, 3))

    def run(actions: Actions, first: Any, *shared: Any) -> Any:
        shared = placement.share((jax.tree.map(np.asarray, first), *shared))
        return placement.take(mapped(placement.put(actions), *shared))

    return run


def _descended(
    how: Fit,
    params: Any,
    weight: Array,
    rows: Rows,
    target: Callable[[Net, Array], Array],
    key: Array,
    steps: int,
) -> Net:
    """One critic after `steps` steps of least squares; batches are those of every other critic."""

    def loss(params: Any, picks: Array, y: Array) -> Array:
        q = apply(net(how), params, rows.obs[picks], rows.action[picks])
        return jnp.mean(weight[picks] * (q - y) ** 2)

    def step(number: Array, critic: Net) -> Net:
        picks = jax.random.randint(jax.random.fold_in(key, number), (how.batch,), 0, len(rows.obs))
        grads = jax.grad(loss)(critic.params, picks, target(critic, picks))
        rate = how.learning_rate * (1.0 - 0.9 * number / steps)
        return polyak(descend(critic, grads, rate), how.polyak)

    return jax.lax.fori_loop(0, steps, partial(step), make_net(params, target=True))
