"""Packed rows, uniform batches, and replays that members share as one array."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pars.core import Spec, Transition
from pars.device import Slot
from pars.source import Source, draw, pack, push, unpack, width

OBS, ACT = 3, 2  # widths of observation and action


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


def test_offline_batch_is_uniform_and_keeps_rows_whole() -> None:
    data = pack(columns(5))
    batch = draw(Source(jnp.asarray(data)), jax.random.key(0), 20_000, 7, OBS)
    row = np.asarray(batch.obs[:, 0]) // 100
    np.testing.assert_allclose(np.bincount(row.astype(int)) / 20_000, 0.2, atol=0.01)
    for got, want in zip(batch[:5], columns(5)[:5]):
        np.testing.assert_array_equal(got, np.asarray(want, np.float32)[row.astype(int)])


def test_online_batch_mixes_dataset_and_filled_replay_rows() -> None:
    data, replays = pack(columns(5)), np.stack([pack(columns(8, 1e4)), pack(columns(8, 2e4))])
    source = Source(jnp.asarray(data), Slot(jnp.asarray(replays), 1), jnp.asarray(3))
    obs = np.asarray(draw(source, jax.random.key(0), 600, 200, OBS).obs[:, 0])
    assert obs[:200].max() < 1e4  # the dataset first
    assert set(obs[200:]) == {2e4, 2e4 + 100, 2e4 + 200}  # this member's replay, and only what is filled
    np.testing.assert_allclose(np.bincount(((obs[200:] - 2e4) / 100).astype(int)) / 400, 1 / 3, atol=0.07)


def test_online_batch_of_one_transition_and_of_data_alone() -> None:
    data, replay = pack(columns(5)), np.zeros((1, 8, 10), np.float32)
    source = Source(jnp.asarray(data), Slot(jnp.asarray(replay), 0), jnp.asarray(1))
    assert not np.asarray(draw(source, jax.random.key(0), 4, 0, OBS).obs).any()
    assert draw(source, jax.random.key(0), 4, 4, OBS).obs.shape == (4, OBS)


def test_push_fills_the_next_row() -> None:
    replay = jnp.zeros((3, 2))
    replay = push(push(replay, jnp.array([1.0, 2.0]), jnp.asarray(0)), jnp.array([3.0, 4.0]), jnp.asarray(1))
    assert replay.tolist() == [[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]
