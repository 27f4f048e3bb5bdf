"""Policies of every algorithm without training: states of random numbers, in the shapes that a run's have."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from pars import testing
from pars.algos import ALGORITHMS
from pars.export.load import policy_of
from pars.export.policy import Policy
from pars.testing import tiny
from pars.training.program import state_shapes
from pars.units import ActionRange, Output

OUTPUTS = (Output("valve_pct", 0.0, 100.0), Output("torque_Nm", -5.0, 5.0))
INPUTS = ("temp_C", "pressure_bar", "flow, l/s", "level")
SPAN = np.array([100.0, 10.0])


@cache
def restored(name: str, **settings: Any) -> Any:
    """What `restore` gives, of one member."""
    algo = ALGORITHMS[name]
    cfg = testing.tiny_config(algo, settings)
    spec, _ = tiny.tiny_spec(algo, cfg)
    shapes = state_shapes(algo, cfg, spec, "online" if algo.online else "offline")
    rng = np.random.default_rng(0)
    state = jax.tree.map(lambda x: (0.5 * rng.normal(size=(1, *x.shape))).astype(x.dtype), shapes)
    state = state._replace(norm=jax.tree.map(lambda x: np.abs(x) + np.float32(0.5), state.norm))
    spec = spec._replace(goal_dim=2)
    scale = ActionRange.of([one.low for one in OUTPUTS], [one.high for one in OUTPUTS], "")
    wires = dict(inputs=INPUTS, outputs=OUTPUTS, scale=scale, sentinels=())
    return SimpleNamespace(algo=algo, configs=[cfg], state=state, spec=spec, seeds=[0], **wires)


@cache
def policy(name: str, **settings: Any) -> Policy:
    return policy_of(restored(name, **settings), 0)


def rows(policy: Policy, count: int) -> np.ndarray:
    """Histories and goals in a row [count, inputs]: of every ten one far out, and one at the start of an episode."""
    rng = np.random.default_rng(1)
    kind = np.arange(count) % 10
    found = rng.normal(size=(count, policy.program.inputs)) * np.where(kind == 9, 20.0, 2.0)[:, None]
    found[kind == 5, : 4 * (policy.history - 1)] = np.nan
    found[kind == 6, : 4 * (policy.history // 2)] = np.nan
    return found.astype(np.float32)


def algorithm(name: str, seen: np.ndarray, **settings: Any) -> np.ndarray:
    """The actions that the algorithm itself takes, in units. seen: as `rows` gives it."""
    there = restored(name, **settings)
    cfg, state = replace(there.configs[0], **there.algo.sees.still), jax.tree.map(lambda x: x[0], there.state)
    sees = there.algo.sees
    obs: Any = seen[:, : 4 * sees.history]
    obs = obs.reshape(-1, sees.history, 4) if sees.history > 1 else obs
    seen = (obs, seen[:, 4 * sees.history :]) if sees.goal else obs
    act = jax.jit(lambda cfg, state, seen: there.algo.act(cfg, state, seen, jax.random.key(0), 0.0))
    action = np.clip(np.asarray(act(cfg, state, seen), np.float64), -1.0, 1.0)
    low, high = np.array([(one.low, one.high) for one in OUTPUTS]).T
    return low + (action + 1) / 2 * (high - low)
