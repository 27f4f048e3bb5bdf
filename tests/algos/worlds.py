"""Tiny worlds with known optima, all of one shape, so that every algorithm compiles once for all of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.data import from_arrays
from pars.nn.nets import apply_ensemble
from pars.training.learner import Learner

ROWS = 512
PLACES = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)  # observations of four states
SPEC = Spec(obs_dim=2, action_dim=1)
DISCOUNT = 0.5
NETS: dict[str, Any] = dict(hidden=(32, 32), actor_hidden=(32, 32), initializer="flax", batch_size=64)
Q: dict[str, Any] = NETS | dict(discount=DISCOUNT, polyak=0.1, critic_lr=2e-3, actor_lr=5e-4, reward_scale=10.0)
# a temperature that falls fast, so that values are hardly soft
SOFT: dict[str, Any] = Q | dict(actor_lr=2e-3, temperature_lr=2e-2, target_entropy=-3.0)
SETTINGS: dict[str, dict[str, Any]] = {
    "bc": dict(actor_hidden=(32, 32), normalize_obs=False, initializer="flax", batch_size=64, actor_lr=2e-3),
    "td3_bc": Q | dict(normalize_obs=False, bc_weight=0.01),
    "pars": Q | dict(critics=3, bc_weight=0.001),
    "rebrac": Q | dict(bc_weight=0.001, critic_bc_weight=0.0),
    "td3": Q,
    "max_q": Q,
    "iql": Q | dict(actor_lr=2e-3, value_lr=2e-3, actor_cosine=False, advantage_scale=5.0),
    "cql": SOFT | dict(conservative_weight=0.1, sampled_actions=4),
    "sac_n": SOFT | dict(critics=4),
    "edac": SOFT | dict(critics=4, diversity_weight=0.01),
    "sac": SOFT,
    "mcq": SOFT | dict(behaviour_hidden=(32, 32), sampled_actions=4, floor_pseudo=False),
    "msg": SOFT | dict(critics=4, clone_steps=100, pessimism=1.0, conservative_weight=0.01, drawn_evaluation=False),
    "spot": Q
    | dict(behaviour_hidden=(32, 32), behaviour_steps=300, normalize_obs=False, support_weight=0.01, critic_lr=1e-3),
    "svr": Q
    | dict(behaviour_steps=300, normalize_obs=False, support_weight=1e-4, least_value=-10.0, actor_cosine=False),
    "sac_rnd": SOFT | dict(rnd_width=16, rnd_steps=300, actor_bonus_weight=0.01, critic_bonus_weight=0.01),
    "rlpd": SOFT | dict(critics=4, updates_per_step=2, backup_entropy=False),
}
SETTINGS["bc_10"], SETTINGS["cal_ql"] = SETTINGS["bc"], SETTINGS["cql"]
SETTINGS["pex"], SETTINGS["off2on"] = SETTINGS["iql"], SETTINGS["cql"] | dict(agents=2)


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
    """A single learner after `steps` steps on a dataset whose episodes are one transition long, one compiled block."""
    algo = ALGORITHMS[name]
    cfg = algo.configure(SETTINGS[name] | settings)
    arrays = dict(observations=columns.obs, actions=columns.action, rewards=columns.reward)
    arrays |= dict(terminals=columns.terminal, next_observations=columns.next_obs, timeouts=columns.terminal == 0)
    data = algo.data_for(cfg, from_arrays(arrays, next_obs="file", columns=algo.stored_columns(cfg)))
    learner = Learner(algo, [cfg], [0], SPEC, data.shapes([column.name for column in algo.columns_of(cfg)]))
    learner.load(data.packed, data.extra)
    for phase in algo.before:
        learner.start_interval(phase.name)
        learner.run(0, phase.steps(cfg), phase.steps(cfg), phase.name)
    learner.start_interval("offline")
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
