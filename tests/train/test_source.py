"""Packed rows, uniform batches, and replays that members share as one array."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pars.core import Spec, Transition
from pars.packing import pack, unpack, width
from pars.train.placement import Slot
from pars.train.source import Source, draw, pick, push

OBS, ACT = 3, 2  # widths of observation and action
STEP = jnp.asarray(0)


def columns(count: int, offset: float = 0.0) -> Transition:
    """Transitions in which every number tells its row: 100 row + place, plus `offset`."""
    rows = offset + 100.0 * np.arange(count)[:, None] + np.arange(2 * OBS + ACT + 1)
    end = OBS + ACT
    terminal = (np.arange(count) % 2).astype(np.float32)
    return Transition(rows[:, :OBS], rows[:, OBS:end], rows[:, -1], rows[:, end : end + OBS], terminal)


def test_unpack_is_the_inverse_of_pack() -> None:
    given = columns(4)
    rows = pack(given)
    assert rows.shape == (4, width(Spec(OBS, ACT))) == (4, 10) and rows.dtype == np.float32
    for name, got, want in zip(given._fields, unpack(rows, OBS)[:5], given[:5]):
        np.testing.assert_array_equal(got, want, err_msg=name)
    one = unpack(rows[2], OBS)
    assert one.obs.shape == (OBS,) and one.action.shape == (ACT,) and float(one.reward) == 208.0


def test_extra_columns_stand_behind_the_five() -> None:
    rng = np.random.default_rng(0)
    extra = {"next_action": rng.normal(size=(4, 1)).astype(np.float32), "mc_return": np.arange(4.0)}
    shapes = (("next_action", (1,)), ("mc_return", ()))
    rows = pack(columns(4)._replace(extra=extra))
    assert rows.shape == (4, width(Spec(OBS, ACT), shapes)) == (4, 12)
    np.testing.assert_array_equal(rows[:, :10], pack(columns(4)))
    got = unpack(rows, OBS, shapes)
    assert got.extra["next_action"].shape == (4, 1) and got.extra["mc_return"].shape == (4,)
    for name in extra:
        np.testing.assert_array_equal(got.extra[name], extra[name])
    assert got.extra["mc_return"].base is rows  # a view


def test_offline_batch_is_uniform_and_keeps_rows_whole() -> None:
    data = pack(columns(5))
    batch = unpack(draw(Source(jnp.asarray(data)), jax.random.key(0), STEP, 20_000, 7), OBS)
    row = np.asarray(batch.obs[:, 0]) // 100
    np.testing.assert_allclose(np.bincount(row.astype(int)) / 20_000, 0.2, atol=0.01)
    for got, want in zip(batch[:5], columns(5)[:5]):
        np.testing.assert_array_equal(got, np.asarray(want, np.float32)[row.astype(int)])


def test_online_batch_mixes_dataset_and_filled_replay_rows() -> None:
    data, replays = pack(columns(5)), np.stack([pack(columns(8, 1e4)), pack(columns(8, 2e4))])
    source = Source(jnp.asarray(data), Slot(jnp.asarray(replays), 1), jnp.asarray(3))
    obs = np.asarray(draw(source, jax.random.key(0), STEP, 600, 200)[:, 0])
    assert obs[:200].max() < 1e4  # the dataset first
    assert set(obs[200:]) == {2e4, 2e4 + 100, 2e4 + 200}  # this member's replay, and only what is filled
    np.testing.assert_allclose(np.bincount(((obs[200:] - 2e4) / 100).astype(int)) / 400, 1 / 3, atol=0.07)


def test_online_batch_of_one_transition_and_of_data_alone() -> None:
    data, replay = pack(columns(5)), np.zeros((1, 8, 10), np.float32)
    source = Source(jnp.asarray(data), Slot(jnp.asarray(replay), 0), jnp.asarray(1))
    assert not np.asarray(draw(source, jax.random.key(0), STEP, 4, 0)).any()
    assert draw(source, jax.random.key(0), STEP, 4, 4).shape == (4, 10)


def test_rows_that_the_host_fetched_stand_in_for_the_dataset() -> None:
    """Of the batches of steps 10, 11 and 12, the one at hand; the replay's part of it stays the same."""
    data, replays = pack(columns(50)), pack(columns(8, 1e4))[None]
    key, step = jax.random.key(3), jnp.asarray(11)
    for online, offline_rows in ((False, 6), (True, 2)):
        replay = (Slot(jnp.asarray(replays), 0), jnp.asarray(8)) if online else ()
        picks = np.asarray(pick(key, offline_rows, 50, online))
        fetched = np.full((3, offline_rows, 10), np.nan, np.float32)
        fetched[1] = data[picks]
        in_memory = draw(Source(jnp.asarray(data), *replay), key, step, 6, 2)
        source = Source(None, *replay)._replace(fetched=jnp.asarray(fetched), first=jnp.asarray(10))
        np.testing.assert_array_equal(draw(source, key, step, 6, 2), in_memory)


def test_push_fills_the_next_row() -> None:
    replay = jnp.zeros((3, 2))
    replay = push(push(replay, jnp.array([1.0, 2.0]), jnp.asarray(0)), jnp.array([3.0, 4.0]), jnp.asarray(1))
    assert replay.tolist() == [[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]
