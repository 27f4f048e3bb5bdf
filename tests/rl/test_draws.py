"""Draws of rows: what is drawn, how often, and never across the end of an episode."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import gc_bc
from pars.config import config
from pars.core import Index, LoopSettings
from pars.data import from_arrays
from pars.rl import draws

KEY = jax.random.key(0)
LAST = np.isin(np.arange(30), (4, 5, 19, 29))
ENDS = np.array([4, 5, 19, 29])[np.searchsorted([4, 5, 19, 29], np.arange(30))]
STARTS = np.array([0, 5, 6, 20])[np.searchsorted([4, 5, 19, 29], np.arange(30))]
INDEX = Index(jnp.int32(30), jnp.int32(0), jnp.asarray(STARTS), jnp.asarray(ENDS))
ROWS = jnp.tile(jnp.arange(30), 2000)


@config
class Cfg(LoopSettings):
    batch_size: int = 60_000


def test_steps_ahead_are_geometric() -> None:
    for discount in (0.0, 0.5, 0.9):
        steps = np.asarray(draws.steps_ahead(KEY, (100_000,), discount))
        for k in range(4):
            np.testing.assert_allclose(np.mean(steps == k), (1 - discount) * discount**k, atol=0.006)
    assert (np.asarray(draws.steps_ahead(KEY, (100,), 1.0)) == draws.LONGEST - 1).all()


def test_goals_are_here_ahead_in_the_episode_or_anywhere() -> None:
    goal = np.asarray(draws.relabelled(KEY, ROWS, INDEX, here=0.2, future=0.5, discount=0.8)).reshape(-1, 30)
    row = np.arange(30)
    same_episode = (goal >= STARTS) & (goal <= ENDS)
    assert np.asarray(draws.relabelled(KEY, ROWS, INDEX, here=1.0, future=0.0, discount=0.8)).tolist() == ROWS.tolist()
    ahead = np.asarray(draws.relabelled(KEY, ROWS, INDEX, here=0.0, future=1.0, discount=0.8)).reshape(-1, 30)
    assert ((ahead > row) | (row == ENDS)).all() and (ahead <= ENDS).all()
    np.testing.assert_allclose(np.mean(ahead[:, 6] == 7), 0.2, atol=0.03)  # the next step with 1 - discount
    share = 0.3 * np.mean([(r <= ENDS).mean() for r in row])  # of any row, a part is in the same episode by chance
    assert 0.7 < same_episode.mean() < 0.7 + share
    np.testing.assert_allclose(np.mean(goal[:, 10] == 10), 0.2 + 0.3 / 30, atol=0.03)


def test_windows_stay_in_their_episodes() -> None:
    rows, inside = draws.window(jnp.array([3, 5, 27]), INDEX, 4)
    assert rows.tolist() == [[3, 4, 4, 4], [5, 5, 5, 5], [27, 28, 29, 29]]
    assert inside.tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]]


def test_episodes_of_a_dataset_that_begins_further_on() -> None:
    """Members' row numbers and the ends of their episodes count from the offset, as Episodes of a part would."""
    part = Index(jnp.int32(10), jnp.int32(20), jnp.asarray(STARTS - 20), jnp.asarray(ENDS - 20))
    assert draws.window(jnp.array([0, 8]), part, 3)[0].tolist() == [[0, 1, 2], [8, 9, 9]]


def test_merged_draws_from_data_and_replay_alike() -> None:
    rows = np.asarray(draws.merged(Cfg(), KEY, jnp.int32(0), INDEX, jnp.int32(10)).rows)
    np.testing.assert_allclose(np.bincount(rows, minlength=40) / len(rows), 1 / 40, atol=0.004)
    assert np.asarray(draws.merged(Cfg(), KEY, jnp.int32(0), INDEX).rows).max() == 29


def test_rows_are_drawn_by_their_weights() -> None:
    weights = jnp.zeros(30).at[jnp.array([2, 7, 29])].set(jnp.array([1.0, 2.0, 5.0]))
    rows = np.asarray(draws.by_weight(Cfg(), KEY, jnp.int32(0), INDEX._replace(mass=jnp.cumsum(weights))).rows)
    assert set(rows) == {2, 7, 29}
    np.testing.assert_allclose([np.mean(rows == row) for row in (2, 7, 29)], [1 / 8, 2 / 8, 5 / 8], atol=0.01)


def row_by_row(rng: np.random.Generator, row: int, here: float, future: float, discount: float | None) -> int:
    """A goal as HIQL's authors draw it, in plain Python."""
    ahead = row + 1 if discount is None else row + math.ceil(math.log(1.0 - rng.random()) / math.log(discount))
    goal = int(rng.integers(ahead, ENDS[row] + 1)) if discount is None and ahead <= ENDS[row] else min(ahead, ENDS[row])
    if rng.random() >= future / (1.0 - here):
        goal = int(rng.integers(30))
    return row if rng.random() < here else goal


@pytest.mark.parametrize("discount", [None, 0.8])
def test_goals_are_spread_as_when_drawn_row_by_row(discount: float | None) -> None:
    """1e5 draws of each: for every row, how often each row is its goal."""
    rows, rng = np.random.default_rng(1).integers(0, 30, 100_000), np.random.default_rng(2)
    slow = np.array([row_by_row(rng, row, 0.2, 0.5, discount) for row in rows])
    fast = np.asarray(draws.relabelled(KEY, jnp.asarray(rows), INDEX, here=0.2, future=0.5, discount=discount))
    counts = [np.bincount(rows * 30 + goal, minlength=900).reshape(30, 30) for goal in (slow, fast)]
    spread = np.sqrt(counts[0] + counts[1] + 1.0)
    assert np.abs((counts[0] - counts[1]) / spread).max() < 5.0
    ahead, other = fast > rows, fast != rows
    assert (counts[1][:, :6] > 0).any() and other.mean() > 0.7 and ahead.any()
    inside = (fast >= STARTS[rows]) & (fast <= ENDS[rows])
    beyond = 0.3 * np.mean([1 - (ENDS[r] - STARTS[r] + 1) / 30 for r in range(30)])
    assert abs((~inside).mean() - beyond) < 0.01  # none but those that are drawn anywhere


def test_goals_that_a_row_itself_may_lead_to() -> None:
    goal = np.asarray(draws.relabelled(KEY, ROWS, INDEX, here=0.0, future=1.0, least=0)).reshape(-1, 30)
    assert ((goal >= np.arange(30)) & (goal <= ENDS)).all() and (goal[:, np.arange(30) == ENDS] == [4, 5, 19, 29]).all()
    np.testing.assert_allclose(np.bincount(goal[:, 6])[6:] / 2000, 1 / 14, atol=0.03)
    hop = np.asarray(draws.relabelled(KEY, ROWS, INDEX, here=0.0, future=1.0, least=2)).reshape(-1, 30)
    assert (hop >= np.minimum(np.arange(30) + 2, ENDS)).all() and (hop <= ENDS).all()


def test_no_goal_of_data_that_is_read_as_d4rls_lies_in_another_episode():
    """An end that is a terminal keeps its row, which leads to where the next episode begins."""
    ends = np.isin(np.arange(12), [3, 7, 11])
    rows = {"observations": np.arange(12.0)[:, None] * np.ones((1, 2)), "actions": np.linspace(-1, 1, 12)[:, None]}
    data = from_arrays({**rows, "rewards": np.arange(12) % 3, "terminals": ends})
    assert data.columns.next_obs[3, 0] == 4.0
    own = gc_bc.ALGORITHM.data_for(gc_bc.Config(), data)
    assert own.columns.obs[:, 0].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert (own.columns.next_obs - own.columns.obs == 1.0).all()
    assert np.flatnonzero(own.last).tolist() == [2, 5, 8]
    limits = from_arrays({**rows, "rewards": np.arange(12) % 3, "terminals": ends * 0, "timeouts": ends})
    assert gc_bc.ALGORITHM.data_for(gc_bc.Config(), limits) is limits
