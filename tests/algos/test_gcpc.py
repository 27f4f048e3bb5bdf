"""GCPC: what its model sees and is asked for, on small numbers, and its policy in a corridor."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import gcpc
from pars.core import Index, Spec
from pars.data import Dataset, from_arrays
from pars.errors import UsageError
from pars.training.learner import Learner

TINY: dict[str, Any] = dict(actor_hidden=(16,), token_width=8, heads=2, future_steps=5, goal_columns=(0,))
C, CFG = gcpc.CONTEXT, gcpc.Config(**TINY)
encoded = jax.jit(gcpc.encoded)


@cache
def fresh() -> gcpc.State:
    state: gcpc.State = jax.jit(gcpc.init, static_argnums=1)(CFG, Spec(2, 1), jax.random.key(0))
    return state


def test_shares_of_the_past_are_those_of_the_authors_floats() -> None:
    assert gcpc.LENGTHS.tolist() == [10, 8, 6, 4, 1]
    assert gcpc.KEPT[:2].tolist() == [[10, 8, 6, 4, 1], [8, 6, 4, 3, 1]]


def test_what_is_seen_is_known_and_of_one_length() -> None:
    known = jnp.arange(C) < jnp.array([[C], [3]])
    seen = np.asarray(jax.vmap(lambda key: gcpc.draw_seen(key, known))(jax.random.split(jax.random.key(0), 2000)))
    counts = seen.sum(axis=-1)
    assert set(counts[:, 0]) == {1, 2, 3, 4, 6, 8, 10} and not seen[:, 1, 3:].any() and (counts >= 1).all()
    assert abs((counts[:, 0] == C).mean() - 0.8 / 5) < 0.03


def test_rows_that_are_not_seen_do_not_count() -> None:
    params = fresh().trajectory.params
    obs, seen, goal = jnp.ones((3, C, 2)), jnp.arange(C) < jnp.array([[1], [4], [C]]), jnp.ones((3, 1))
    slots, others = (encoded(CFG, params, x, goal, seen) for x in (obs, jnp.where(seen[..., None], obs, 9.0)))
    np.testing.assert_array_equal(slots, others)
    assert not np.allclose(slots[0], slots[1])


def test_the_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of 1 and 3 in the first of two numbers where rows are told, of 9 where they are not."""
    monkeypatch.setattr(gcpc, "apply", lambda *args, **kwargs: jnp.array([[[1.0, 0.0], [3.0, 0.0], [9.0, 9.0]]]))
    told = jnp.array([[1.0, 1.0, 0.0]])
    loss = gcpc.trajectory_loss(gcpc.Config(), None, jnp.zeros((1, C, 3)), None, jnp.zeros((1, 3, 2)), None, told, None)
    np.testing.assert_allclose(loss, (0.5 + 4.5) / 2)


def test_goals_are_behind_the_past_and_windows_in_their_episode() -> None:
    """Of episodes of 30 rows, and of one of 4 that has no goal behind a past: its first row and its last."""
    first = np.r_[np.zeros(30), np.full(30, 30), np.full(4, 60)].astype(np.int32)
    last = np.r_[np.full(30, 29), np.full(30, 59), np.full(4, 63)].astype(np.int32)
    index, cfg = Index(jnp.int32(64), 0, jnp.asarray(first), jnp.asarray(last)), gcpc.Config(**TINY, batch_size=4000)
    picks = gcpc.draw_trajectories(cfg, jax.random.key(0), jnp.int32(0), index)
    rows, goal, told = (np.asarray(x) for x in (*picks.beside.values(), picks.extra["inside"]))
    long = rows[:, 0] < 60
    assert (
        (goal[long] - rows[long, 0] >= C).all() and (goal <= last[goal]).all() and (rows <= goal[:, None])[told].all()
    )
    assert set(rows[~long, 0]) == {60} and set(goal[~long]) == {63} and (told[~long].sum(axis=1) == 3).all()
    assert set(rows[:, 0]) == {*range(20), *range(30, 50), 60} and set(goal[rows[:, 0] == 19]) == {29}


@pytest.mark.parametrize("count", [1, 4, C])
def test_a_past_begins_in_the_first_place(count: int) -> None:
    """In use the newest stands last, behind NaN; the policy reads what it would read of a window of the data."""
    state, past, goal = fresh(), np.random.default_rng(0).normal(size=(C, 2)), np.ones(1)
    there = np.arange(C) < count
    shifted = np.concatenate([np.full((C - count, 2), np.nan), past[:count]])
    slots = encoded(CFG, state.trajectory.params, jnp.asarray(past), jnp.asarray(goal), jnp.asarray(there))
    inputs = jnp.concatenate([past[count - 1], goal])
    expected = gcpc.apply(gcpc.policy_net(CFG, 1), state.actor.params, slots, inputs)
    found = jax.jit(gcpc.act)(CFG, state, (jnp.asarray(shifted), jnp.asarray(goal)), jax.random.key(0), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_widths_that_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(UsageError, match="token_width=10: choose an even number of numbers for each of heads=2"):
        gcpc.Config(token_width=10, heads=2).check()


def walks() -> Dataset:
    """Of 30 steps in one direction from anywhere: the place in tens, and noise."""
    rng = np.random.default_rng(0)
    way = np.repeat(rng.choice([-1.0, 1.0], 60), 30)
    place = np.repeat(rng.uniform(-2, 2, 60), 30) + 0.1 * way * np.tile(np.arange(30), 60)
    arrays = dict(observations=np.stack([place, rng.normal(size=1800)], 1), actions=0.8 * way[:, None])
    ends = np.tile(np.arange(30) == 29, 60)
    return from_arrays(arrays | dict(rewards=np.zeros(1800), terminals=np.zeros(1800), timeouts=ends))


def test_its_model_learns_and_its_policy_walks_to_goals_on_either_side() -> None:
    small = TINY | dict(batch_size=32, trajectory_lr=3e-3, actor_lr=3e-3, encoder_layers=1, future_steps=2)
    cfg = gcpc.ALGORITHM.configure(small)
    learner = Learner.on(walks(), gcpc.ALGORITHM, [cfg], [0])
    told = []
    for at in (0, 40):
        learner.start_interval("trajectory")
        learner.run(at, 40, 80, "trajectory")
        told.append(learner.metrics(at + 40, "trajectory")["trajectory_loss"][0])
    learner.start_interval("offline")
    learner.run(0, 200, 200)
    past = np.full((1, 40, C, 2), np.nan, np.float32)
    past[0, :, -1] = np.random.default_rng(1).normal(size=(40, 2)) / 2
    side = np.where(np.arange(40) % 2, 1.0, -1.0)
    action = learner.act((past, past[..., -1, :1] + 1.5 * side[:, None]), 0, 0.0)[0, :, 0]
    assert np.mean(np.sign(action) == side) > 0.95 and abs(np.abs(action).mean() - 0.8) < 0.2
    assert told[1] < 0.7 * told[0] and learner.metrics(200)["bc_loss"][0] < 0.2
