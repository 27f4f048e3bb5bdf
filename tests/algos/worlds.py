"""Tiny worlds with known optima, all of one shape, so that every algorithm compiles once for all of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.learner import Learner
from pars.nets import apply_ensemble
from pars.source import pack

ROWS = 512
PLACES = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)  # observations of four states
SPEC = Spec(obs_dim=2, action_dim=1)
DISCOUNT = 0.5
SETTINGS: dict[str, dict[str, Any]] = {
    "bc": dict(actor_hidden=(32, 32), normalize_obs=False, initializer="flax", batch_size=64, actor_lr=2e-3),
    "td3_bc": dict(
        hidden=(32, 32),
        actor_hidden=(32, 32),
        normalize_obs=False,
        initializer="flax",
        batch_size=64,
        discount=DISCOUNT,
        polyak=0.1,
        critic_lr=2e-3,
        actor_lr=5e-4,
        reward_scale=10.0,
        bc_weight=0.01,
    ),
    "pars": dict(
        critics=3,
        hidden=(32, 32),
        actor_hidden=(32, 32),
        batch_size=64,
        discount=DISCOUNT,
        polyak=0.1,
        critic_lr=2e-3,
        actor_lr=5e-4,
        reward_scale=10.0,
        bc_weight=0.001,
    ),
}


def bandit(low: float, high: float, reward: Any, seed: int = 0) -> Transition:
    """One step from the first place: actions uniform in [low, high), `reward(action)`, the end."""
    action = np.random.default_rng(seed).uniform(low, high, (ROWS, 1)).astype(np.float32)
    obs = np.broadcast_to(PLACES[0], (ROWS, 2))
    return Transition(obs, action, reward(action[:, 0]), obs, np.ones(ROWS, np.float32))


def chains(seed: int = 0) -> Transition:
    """0 -> 1 -> end, paid 1 at the end; 2 pays 1 for ever (an episode there ends by timeout, which is no terminal);
    3 pays 1 and ends. Actions do not matter. With a discount of 1/2 the values are 1/2, 1, 2, 1."""
    state = np.arange(ROWS) % 4
    action = np.random.default_rng(seed).uniform(-1, 1, (ROWS, 1)).astype(np.float32)
    following = np.array([1, 1, 2, 3])[state]
    reward, terminal = np.array([0, 1, 1, 1])[state], np.array([0, 1, 0, 1])[state]
    return Transition(PLACES[state], action, reward, PLACES[following], terminal)


CHAIN_VALUES = np.array([0.5, 1.0, 2.0, 1.0])


def train(name: str, columns: Transition, steps: int, **settings: Any) -> Learner:
    """A single learner after `steps` offline steps, one compiled block."""
    algo = ALGORITHMS[name]
    learner = Learner(algo, [algo.config(**{**SETTINGS[name], **settings})], [0], SPEC)
    learner.load(pack(columns))
    learner.start_interval(False)
    learner.run(0, steps, steps)
    return learner


def values(learner: Learner, obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Q of every critic in units of raw reward. obs [B, 2], action [B, 1] -> [N, B]."""
    cfg = learner.configs[0]
    params = jax.tree.map(lambda x: x[0], learner.state.critic.params)
    q = jax.jit(lambda p, o, a: apply_ensemble(learner.algo.critic(cfg), p, o, a))  # type: ignore[misc]
    return np.asarray(q(params, jnp.asarray(obs, jnp.float32), jnp.asarray(action, jnp.float32))) / cfg.reward_scale


def policy(learner: Learner, obs: np.ndarray) -> np.ndarray:
    """obs [B, 2] -> action [B, 1]."""
    return learner.act(obs[None], 0, 0.0)[0]
