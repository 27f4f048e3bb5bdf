"""A tiny PARS, compiled once for all tests of it."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pars.algos import pars
from pars.core import Spec, Step, Transition
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
BASE = pars.Config(
    critics=3,
    hidden=(8,),
    actor_hidden=(8,),
    batch_size=plain.BATCH,
    critic_lr=1e-2,
    penalty_weight=0.5,
    penalty_weight_online=0.5,
    bc_weight=0.3,
    bc_weight_online=0.2,
    q_min=-3.0,
)
KEY = jax.random.key(7)
BATCH = plain.batch()


@cache
def fresh() -> pars.State:
    """The state that `BASE` starts from."""
    return jax.jit(lambda key: pars.ALGORITHM.init(BASE, SPEC, key))(jax.random.key(0))


@partial(jax.jit, static_argnames="online")
def step(cfg: Any, state: Any, batch: Transition, key: Array, index: Any, online: bool = False) -> Any:
    """One update at step `index` of 10; settings that are floats do not compile again."""
    return pars.update(
        cfg, state, batch, key, Step(jnp.asarray(index), jnp.asarray(10), "online" if online else "offline")
    )


def target_keys(key: Array) -> tuple[Array, Array]:
    """Keys of noise and subset of a target drawn with `key`."""
    k_noise, k_subset = jax.random.split(key)
    return k_noise, k_subset


def smoothed(cfg: pars.Config, state: pars.State, key: Array) -> Array:
    """The target action, in plain jnp."""
    noise = cfg.policy_noise * jax.random.normal(target_keys(key)[0], BATCH.action.shape)
    action = plain.actor(state.actor.target, BATCH.next_obs)
    return jnp.clip(action + jnp.clip(noise, -cfg.noise_clip, cfg.noise_clip), -1, 1)
