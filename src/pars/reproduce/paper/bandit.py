"""A bandit whose data lie in two separate regions with the best action between them, and two ways to make a policy.

One state, two action dimensions. PARS's critics (layer norm, reward scaling, penalised infeasible actions) are fitted
once for each seed. From the same critics come the policies of advantage-weighted regression (IQL, eq. (7) of Kostrikov
et al. 2021, arXiv 2110.06169), which imitates actions of the data, and of PARS's actor, which climbs Q and stays near
the data (TD3+BC's way), each for several weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.algos import iql, pars
from pars.core import Params, Spec, Transition
from pars.nn.nets import apply, apply_ensemble
from pars.reproduce.base import Arrays
from pars.rl.critics import critic_loss, critic_net, descend_critics, draw_infeasible, make_critics
from pars.rl.deterministic import actor_net
from pars.rl.net import Net, descend, make_net
from pars.training.placement import place

DISCS = ((-0.6, 0.0), (0.6, 0.0))  # centres of the data's regions
RADIUS = 0.25
SHARES = (0.15, 0.85)  # of the data
BEST = (0.1, 0.0)  # true reward: 1 - |a - BEST|
SCALES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)  # beta of eq. (7), for advantages in raw reward
BC_WEIGHTS = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # beta of PARS's actor
GRID = np.linspace(-1.0, 1.0, 81, dtype=np.float32)
OBS = np.ones(1, np.float32)  # the one observation


class Size(NamedTuple):
    """How much is computed."""

    rows: int = 2000  # of the data
    steps: int = 5000  # of the critics
    actor_steps: int = 2000
    width: int = 64
    batch: int = 256


SIZE = Size()


def reward(action: Any) -> Any:
    """1 - |a - BEST|. action [.., 2] -> [..]"""
    return 1.0 - jnp.linalg.norm(action - jnp.array(BEST), axis=-1)


def draw_data(key: Array, rows: int) -> Array:
    """Actions [rows, 2], uniform in the two discs in the ratio of SHARES."""
    k_which, k_radius, k_angle = jax.random.split(key, 3)
    centre = jnp.array(DISCS)[jax.random.bernoulli(k_which, SHARES[1], (rows,)).astype(int)]
    radius = RADIUS * jnp.sqrt(jax.random.uniform(k_radius, (rows,)))
    angle = 2 * jnp.pi * jax.random.uniform(k_angle, (rows,))
    return centre + radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def critic_config(size: Size) -> pars.Config:
    widths = (size.width, size.width)
    return pars.Config(
        critics=2, hidden=widths, actor_hidden=widths, batch_size=size.batch, reward_scale=10.0, critic_lr=1e-3,
        actor_lr=1e-3, penalty_weight=0.001, infeasible_distance=100.0,
    )  # fmt: skip


def batch_of(actions: Array) -> Transition:
    """Transitions of the bandit: every action ends the task, so that the target is the scaled reward. actions [B, 2]"""
    obs = jnp.broadcast_to(OBS, (len(actions), len(OBS)))
    return Transition(obs, actions, reward(actions), obs, jnp.ones(len(actions)))


def fit_critics(cfg: pars.Config, actions: Array, key: Array, steps: int) -> Params:
    """Parameters of the critics after so many steps of eq. (3) on the actions [N, 2]."""
    k_init, k_steps = jax.random.split(key)

    def step(index: Array, critic: Net) -> Net:
        k_batch, k_far = jax.random.split(jax.random.fold_in(k_steps, index))
        batch = batch_of(actions[jax.random.randint(k_batch, (cfg.batch_size,), 0, len(actions))])
        far, y = draw_infeasible(cfg, k_far, batch), cfg.reward_scale * batch.reward
        return descend_critics(cfg, critic, lambda params: critic_loss(cfg, params, batch, y, far))[0]

    return jax.lax.fori_loop(0, steps, step, make_critics(cfg, Spec(len(OBS), 2), k_init)).params


def expectile(values: Array, level: float, turns: int = 100) -> Array:
    """The expectile of values [N]: where the gradient of IQL's eq. (5) is zero, by its fixed point."""

    def turn(_: Any, v: Array) -> Array:
        weight = jnp.where(values > v, level, 1.0 - level)
        return jnp.sum(weight * values) / jnp.sum(weight)

    return jax.lax.fori_loop(0, turns, turn, values.mean())


def imitate(cfg: iql.Config, actions: Array, advantage: Array, key: Array, steps: int) -> tuple[Array, Array]:
    """Mean [2] and standard deviation [2] of IQL's policy by eq. (7). advantage [N]: of each action, raw reward."""
    k_init, k_steps = jax.random.split(key)
    net = iql.actor_net(cfg, 2)

    def step(index: Array, actor: Net) -> Net:
        k_batch, k_dropout = jax.random.split(jax.random.fold_in(k_steps, index))
        chosen = jax.random.randint(k_batch, (cfg.batch_size,), 0, len(actions))
        batch = batch_of(actions[chosen])
        grads, _ = jax.grad(iql.actor_loss, argnums=1, has_aux=True)(
            cfg, actor.params, batch, advantage[chosen], k_dropout
        )
        return descend(actor, grads, cfg.actor_lr)

    actor = jax.lax.fori_loop(0, steps, step, make_net(net.init(k_init, OBS)["params"]))
    mean, log_std = apply(net, actor.params, jnp.asarray(OBS))
    return mean, jnp.exp(log_std)


def climb(cfg: pars.Config, critics: Params, actions: Array, key: Array, steps: int) -> Array:
    """Action [2] of PARS's policy: its offline actor loss, the data's actions as the behaviour."""
    k_init, k_steps = jax.random.split(key)
    net = actor_net(cfg, 2)

    def step(index: Array, actor: Net) -> Net:
        k_batch, k_loss = jax.random.split(jax.random.fold_in(k_steps, index))
        batch = batch_of(actions[jax.random.randint(k_batch, (cfg.batch_size,), 0, len(actions))])
        grads, _ = jax.grad(pars.actor_loss, argnums=1, has_aux=True)(
            cfg, actor.params, critics, batch, k_loss, False, cfg.bc_weight
        )
        return descend(actor, grads, cfg.actor_lr)

    actor = jax.lax.fori_loop(0, steps, step, make_net(net.init(k_init, OBS)["params"]))
    return apply(net, actor.params, jnp.asarray(OBS))


def compute(seeds: Sequence[int], size: Size = SIZE) -> Arrays:
    """Everything for all seeds, in one program. S seeds, N actions of the data, K grid values.

    data [S, N, 2]; q [S, K, K] raw reward, the first action along the last axis; advantage [S, N] raw reward;
    mean, std [S, len(SCALES), 2]: of IQL's policies; climbed [S, len(BC_WEIGHTS), 2]: actions of PARS's.
    """
    placement = place(len(seeds))
    run = placement.map(partial(_member, size))
    found: Arrays = placement.take(run(placement.put(np.asarray(seeds, np.int32))))
    return found


def _member(size: Size, seed: Array) -> dict[str, Array]:
    k_data, k_critic, k_imitate, k_climb = jax.random.split(jax.random.key(seed), 4)
    cfg, actions = critic_config(size), draw_data(k_data, size.rows)
    critics = fit_critics(cfg, actions, k_critic, size.steps)

    def q(action: Array) -> Array:
        """[B, 2] -> [E, B] in raw reward."""
        obs = jnp.broadcast_to(OBS, (len(action), len(OBS)))
        return apply_ensemble(critic_net(cfg), critics, obs, action) / cfg.reward_scale

    least = jnp.min(q(actions), axis=0)
    imitation = iql.Config(actor_hidden=cfg.actor_hidden, batch_size=size.batch, actor_lr=cfg.actor_lr)
    advantage = least - expectile(least, imitation.expectile)

    def imitated(scale: Array) -> tuple[Array, Array]:
        own = replace(imitation, advantage_scale=scale)  # type: ignore[arg-type]
        return imitate(own, actions, advantage, k_imitate, size.actor_steps)

    def climbed(weight: Array) -> Array:
        return climb(replace(cfg, bc_weight=weight), critics, actions, k_climb, size.actor_steps)  # type: ignore[arg-type]

    rows, columns = jnp.meshgrid(jnp.array(GRID), jnp.array(GRID), indexing="ij")
    grid = jnp.stack([columns.ravel(), rows.ravel()], axis=-1)
    mean, std = jax.vmap(imitated)(jnp.array(SCALES))
    return {
        "data": actions,
        "q": jnp.mean(q(grid), axis=0).reshape(rows.shape),
        "advantage": advantage,
        "mean": mean,
        "std": std,
        "climbed": jax.vmap(climbed)(jnp.array(BC_WEIGHTS)),
    }
