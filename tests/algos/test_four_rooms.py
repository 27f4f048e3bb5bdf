"""DWSL's distances and GC-IQL's values in a grid of four rooms, where both are known: those of shortest paths."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS, dwsl
from pars.data import Dataset, from_arrays
from pars.envs.maze import Maze
from pars.nn.nets import apply_ensemble
from pars.rl import goals
from pars.training.learner import Learner

ROOMS = Maze("rooms", ("#######", "#r.#..#", "#.....#", "#.###.#", "#..#..#", "#....g#", "#######"), 1.0, 0.5)
CELLS = [tuple(cell) for cell in ROOMS.free_cells.tolist()]
PAIRS = [(a, b) for a in range(len(CELLS)) for b in range(len(CELLS)) if a != b]
APART = np.array([ROOMS.steps_to[*CELLS[b], *CELLS[a]] for a, b in PAIRS])
DISCOUNT, STEPS = 0.8, 2000
NETS: dict[str, Any] = dict(
    hidden=(64,), actor_hidden=(64,), batch_size=128, actor_lr=5e-3, value_lr=5e-3, initializer="xavier",
    goal_columns=tuple(range(len(CELLS))),
)  # fmt: skip
METHODS: dict[str, dict[str, Any]] = {
    "dwsl": NETS | dict(hop=1, bins=12),
    "gc_iql": NETS | dict(goals="mixed", discount=DISCOUNT, polyak=0.1, target_delay=1, expectile=0.95, critic_lr=5e-3),
}


def shown(cells: Any) -> np.ndarray:
    """Cells by number [N], as observations and goals: one place of many is 1."""
    return np.eye(len(CELLS), dtype=np.float32)[cells]


@cache
def walks() -> Dataset:
    """A shortest path from every cell to every other, a cell a step along x or y (action 0.8)."""
    here, there, last = [], [], []
    for a, b in PAIRS:
        at = CELLS[a]
        while at != CELLS[b]:
            following = tuple(ROOMS.next_cell[*CELLS[b], *at].tolist())
            here, there, at = [*here, CELLS.index(at)], [*there, CELLS.index(following)], following
            last.append(at == CELLS[b])
    action = 0.8 * np.stack([np.subtract(CELLS[b], CELLS[a]) for a, b in zip(here, there, strict=True)])
    arrays = dict(observations=shown(here), next_observations=shown(there), actions=action, timeouts=np.array(last))
    return from_arrays(arrays | dict.fromkeys(("rewards", "terminals"), np.zeros(len(here))), next_obs="file")


@cache
def learnt(name: str) -> Learner:
    algo = ALGORITHMS[name]
    learner = Learner.on(walks(), algo, [algo.configure(METHODS[name])], [0])
    learner.start_interval("offline")
    learner.run(0, STEPS, STEPS)
    return learner


def pairs() -> tuple[np.ndarray, np.ndarray]:
    here, goal = np.array(PAIRS).T
    return shown(here), shown(goal)


def value_of(name: str) -> tuple[Any, Any, jax.Array]:
    """Config, parameters of the value, and what it is asked for every pair."""
    learner = learnt(name)
    return learner.configs[0], jax.tree.map(lambda x: x[0], learner.state.value.params), jnp.concatenate(pairs(), 1)


def test_dwsl_s_distances_are_those_of_the_rooms() -> None:
    cfg, params, inputs = value_of("dwsl")
    off = np.asarray(dwsl.distance(cfg, params, inputs)) * cfg.bins + 1 - APART
    assert APART.max() == 8 and np.abs(off).mean() < 0.2


def test_gc_iql_s_values_are_those_of_the_distance() -> None:
    """V = -(1 - gamma^d) / (1 - gamma): -1 a step until the goal."""
    cfg, params, inputs = value_of("gc_iql")
    v = np.asarray(apply_ensemble(goals.value_net(cfg), params, inputs))[0]
    off = v + (1 - DISCOUNT**APART) / (1 - DISCOUNT)
    assert np.abs(off).mean() < 0.3


@pytest.mark.parametrize("name", METHODS)
def test_a_policy_goes_where_the_goal_is_nearer(name: str) -> None:
    """The greater of its two numbers says the way, which may be another shortest one than the data's."""
    action = np.asarray(learnt(name).act(tuple(x[None] for x in pairs()), 0, 0.0))[0]
    along = np.abs(action).argmax(axis=1)
    nearer = 0
    for (a, b), axis, move in zip(PAIRS, along, action, strict=True):
        to = np.array(CELLS[a])
        to[axis] += np.sign(move[axis])
        nearer += 0 <= ROOMS.steps_to[*CELLS[b], *to] < ROOMS.steps_to[*CELLS[b], *CELLS[a]]
    assert nearer / len(PAIRS) > 0.9
