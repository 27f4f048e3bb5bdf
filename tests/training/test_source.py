"""Packed rows, uniform batches, and replays that members share as one array."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.config import config
from pars.core import Index, LoopSettings, Spec, Transition, uniform
from pars.packing import pack, unpack, width
from pars.training.feed import Episodes
from pars.training.placement import Slot
from pars.training.replay import append
from pars.training.source import OWN, Source, fetch

OBS, ACT = 3, 2  # widths of observation and action
STEP, KEY = jnp.asarray(0), jax.random.key(3)


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


@config
class Cfg(LoopSettings):
    batch_size: int = 6
    offline_rows: int = 2


def source(data: np.ndarray, *replay: Any) -> Source:
    return Source(jnp.asarray(data), Index(jnp.int32(len(data))), *replay)


def own_rows(source: Source, cfg: Cfg, key: Any = KEY, number: Any = STEP) -> np.ndarray:
    return np.asarray(fetch(source, uniform, cfg, key, number).rows[OWN])


def test_offline_batch_is_uniform_and_keeps_rows_whole() -> None:
    batch = unpack(own_rows(source(pack(columns(5))), Cfg(batch_size=20_000)), OBS)
    row = np.asarray(batch.obs[:, 0]) // 100
    np.testing.assert_allclose(np.bincount(row.astype(int)) / 20_000, 0.2, atol=0.01)
    for got, want in zip(batch[:5], columns(5)[:5]):
        np.testing.assert_array_equal(got, np.asarray(want, np.float32)[row.astype(int)])


def test_online_batch_mixes_dataset_and_filled_replay_rows() -> None:
    replays = np.stack([pack(columns(8, 1e4)), pack(columns(8, 2e4))])
    both = source(pack(columns(5)), Slot(jnp.asarray(replays), 1), jnp.asarray(3))
    obs = own_rows(both, Cfg(batch_size=600, offline_rows=200))[:, 0]
    assert obs[:200].max() < 1e4  # the dataset first
    assert set(obs[200:]) == {2e4, 2e4 + 100, 2e4 + 200}  # this member's replay, and only what is filled
    np.testing.assert_allclose(np.bincount(((obs[200:] - 2e4) / 100).astype(int)) / 400, 1 / 3, atol=0.07)


def test_online_batch_of_one_transition_and_of_data_alone() -> None:
    both = source(pack(columns(5)), Slot(jnp.zeros((1, 8, 10)), 0), jnp.asarray(1))
    assert not own_rows(both, Cfg(batch_size=4, offline_rows=0)).any()
    assert own_rows(both, Cfg(batch_size=4, offline_rows=4)).any(axis=1).all()


def test_rows_that_the_host_fetched_stand_in_for_the_dataset() -> None:
    """Of the batches of steps 10, 11 and 12, the one at hand; the replay's part of it stays the same."""
    data, replays, number = pack(columns(50)), pack(columns(8, 1e4))[None], jnp.asarray(11)
    for replay in ((), (Slot(jnp.asarray(replays), 0), jnp.asarray(8))):
        in_memory = source(data, *replay)
        drawn = fetch(in_memory, uniform, Cfg(), KEY, number)
        fetched = np.full((3, 6, 10), np.nan, np.float32)
        fetched[1] = data[np.minimum(drawn.picks.rows, 49)]
        streamed = in_memory._replace(data=None, fetched={OWN: jnp.asarray(fetched)}, start=jnp.asarray(10))
        np.testing.assert_array_equal(own_rows(streamed, Cfg(), number=number), drawn.rows[OWN])


def test_a_member_s_dataset_may_begin_further_on() -> None:
    """Rows 20 to 29 of 50: numbers count from there."""
    within = Source(jnp.asarray(pack(columns(50))), Index(jnp.int32(10), jnp.int32(20)))
    assert set(own_rows(within, Cfg(batch_size=500))[:, 0] // 100) == set(range(20, 30))


def test_rows_know_the_ends_of_their_episodes() -> None:
    episodes = Episodes.of(np.array([0, 0, 1, 1, 0, 0], bool))  # the last one is unfinished
    assert (episodes.first.tolist(), episodes.last.tolist()) == ([0, 0, 0, 3, 4, 4], [2, 2, 2, 3, 5, 5])


def test_append_fills_the_next_rows() -> None:
    replay = jnp.zeros((4, 2))
    replay = append(append(replay, jnp.array([[1.0, 2.0]]), 0), jnp.array([[3.0, 4.0], [5.0, 6.0]]), 1)
    assert replay.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [0.0, 0.0]]
