"""Training on rows that the host fetches ends, bit for bit, where training on data in memory ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

import pars.training.run
from pars.algos import ALGORITHMS
from pars.config import config
from pars.core import Algorithm, LoopSettings, Metrics, Spec, Step, Transition
from pars.errors import Interrupted, UsageError
from pars.packing import width
from pars.training import feed, prefetch
from pars.training.feed import InMemory, Streamed, must_stream
from pars.training.learner import Learner
from pars.training.placement import free_memory, place
from pars.training.prefetch import Prefetch
from pars.training.progress import make_view
from tests import runs
from tests.training.test_learner import assert_equal, compilations

pytestmark = pytest.mark.shipped

SPEC = Spec(3, 2)
ROWS = 1000
DATA = np.random.default_rng(0).normal(size=(ROWS, width(SPEC))).astype(np.float32)


@config
class Plain(LoopSettings):
    batch_size: int = 16
    offline_rows: int = 8
    updates_per_step: int = 2
    keep: float = 0.9


def fold_in_batch(cfg: Plain, state: Array, batch: Transition, key: Array, step: Step) -> tuple[Array, Metrics]:
    """A state that every number of every batch has moved, the later the more."""
    rows = jnp.concatenate([batch.obs, batch.action, batch.next_obs, batch.reward[:, None]], axis=1)
    state = cfg.keep * state + jnp.mean(rows * (rows + state), axis=0) * jax.random.uniform(key)
    return state, {"norm": jnp.sum(state**2)}


PLAIN = Algorithm("plain", "Plain", "", Plain, lambda c, s, k: jnp.full(9, jax.random.uniform(k)), fold_in_batch, None)
PARS = ALGORITHMS["pars"]
SMALL = PARS.config(critics=2, hidden=(8,), actor_hidden=(8,), batch_size=16)


@pytest.fixture
def packed(tmp_path: Path) -> np.ndarray:
    """The data as a memory map."""
    np.save(tmp_path / "packed.npy", DATA)
    return np.load(tmp_path / "packed.npy", mmap_mode="r")


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "CHUNK_STEPS", 4)


@contextmanager
def learner(packed: np.ndarray, data_in: Any, seeds: list[int], pars: bool = False) -> Iterator[Learner]:
    made = Learner(PARS if pars else PLAIN, [SMALL if pars else Plain()] * len(seeds), seeds, SPEC)
    made.load(packed, data_in=data_in)
    yield made
    made.close()


def course(learner: Learner, cuts: list[int], online_cuts: list[int]) -> Any:
    """State and metrics after offline and online steps, dispatched in pieces."""
    at, seen = 0, []
    learner.start_interval("offline")
    for count in cuts:
        learner.run(at, count, sum(cuts))
        at += count
    seen.append(learner.metrics(at))
    met = np.random.default_rng(1).normal(size=(3, len(learner.seeds), DATA.shape[1])).astype(np.float32)
    learner.go_online(8, met)
    assert learner.replay is not None
    learner.start_interval("online")
    at = 0
    for count in online_cuts:
        learner.replay.push(met[at % 3])
        learner.run(at, count, sum(online_cuts), "online")
        at += count
    return learner.placement.take(learner.state), [*seen, learner.metrics(at, "online")]


@pytest.mark.parametrize("pars", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seeds", [[5], [0, 1, 2]])  # three on two devices: one row is padding
def test_streaming_ends_bit_for_bit_where_memory_does(
    packed: np.ndarray, short_chunks: None, seeds: list[int], pars: bool
) -> None:
    with learner(packed, "memory", seeds, pars) as memory:
        want = course(memory, [13], [2, 2, 2])
    with learner(packed, "stream", seeds, pars) as streaming:
        assert isinstance(streaming.feed, Streamed) and isinstance(memory.feed, InMemory)
        fresh = streaming.placement.take(streaming.state)
        for cuts in ([13], [1, 3, 6, 3]):  # inside chunks and at their edges
            streaming.state = streaming.placement.put(fresh)
            assert_equal(course(streaming, cuts, [2, 2, 2]), want)


def test_lengths_never_compile_again(packed: np.ndarray, short_chunks: None) -> None:
    with learner(packed, "stream", [0]) as streaming:
        streaming.start_interval("offline")
        streaming.run(0, 5, 100)
        streaming.metrics(5)
        with compilations() as seen:
            streaming.run(5, 11, 100)
            streaming.run(50, 1, 77)
            streaming.metrics(6)
        assert seen == []


def test_a_resumed_learner_continues_in_the_middle_of_a_chunk(packed: np.ndarray, short_chunks: None) -> None:
    with learner(packed, "stream", [3]) as whole:
        whole.start_interval("offline")
        whole.run(0, 11, 11)
        want = whole.placement.take(whole.state)
    with learner(packed, "stream", [3]) as first:
        first.start_interval("offline")
        first.run(0, 6, 11)
        saved = first.tree("offline", 0)
    with learner(packed, "memory", [3]) as second:  # and where the data is may change on the way
        second.start_interval("offline")
        second.state = second.placement.put(saved["state"])
        second.run(6, 5, 11)
        assert_equal(second.placement.take(second.state), want)
    with learner(packed, "stream", [3]) as second:
        second.start_interval("offline")
        second.state = second.placement.put(saved["state"])
        second.run(6, 5, 11)
        assert_equal(second.placement.take(second.state), want)


def test_a_whole_run_streams_to_the_same_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline and online, with checkpoints, probes and a stop in the middle."""
    monkeypatch.setattr(prefetch, "CHUNK_STEPS", 7)
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)

    class StopAt29:
        asked = False

        def __init__(self) -> None:
            self.heard = make_view(quiet=True)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.heard, name)

        def advance(self, phase: str, step: int, rate: float | None) -> None:
            if step == 29 and not StopAt29.asked:
                StopAt29.asked = True
                raise Interrupted("now")

    monkeypatch.setattr(runs.api, "make_view", lambda quiet: StopAt29())
    with pytest.raises(Interrupted):
        runs.train(tmp_path, seeds=(0, 1), data_in="stream")
    runs.train(tmp_path, seeds=(0, 1), data_in="stream")
    assert StopAt29.asked
    assert runs.digest(tmp_path) == runs.digest(runs.finished_run())
    assert not [t for t in threading.enumerate() if t.name.startswith("pars-")]


def test_chunks_hold_the_rows_asked_for_and_come_once() -> None:
    """Two parts of each of two datasets are joined; chunk i has steps 4 i to 4 i + 3; those to come are fetched ahead,
    none twice."""
    parts = [np.arange(20.0, dtype=np.float32).reshape(10, 2), np.arange(10) * 10]
    tables = [[part[:4] for part in parts], [part[4:] for part in parts]]
    asked = []

    def indices(first: int) -> dict[str, np.ndarray]:
        asked.append(first)
        return {"": (first + np.arange(4 * 3).reshape(1, 4, 3)) % 10}

    line = Prefetch(tables, indices, 4, lambda chunk: chunk)
    for number in (0, 0, 1, 2):
        rows = (4 * number + np.arange(12).reshape(1, 4, 3)) % 10
        want = np.stack([2.0 * rows, 2.0 * rows + 1, 10.0 * rows], axis=-1)
        np.testing.assert_array_equal(line(number, end=12)[""], want)
    line.close()
    assert sorted(asked) == [0, 4, 8]  # and nothing beyond the end


def test_an_error_while_fetching_is_raised_where_the_chunk_is_used() -> None:
    def broken(first: int) -> dict[str, np.ndarray]:
        raise OSError("the disk is gone")

    line = Prefetch([[DATA]], broken, 4, lambda chunk: chunk)
    with pytest.raises(OSError, match="the disk is gone"):
        line(0, end=4)
    line.close()


def test_what_does_not_fit_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    placement = place(1)
    monkeypatch.setattr(feed, "free_memory", lambda placement: 1000.0)
    streams = partial(must_stream, PLAIN)
    assert [streams(size, placement, "auto") for size in (499, 501)] == [False, True]
    assert streams(1, placement, "stream") and not streams(10**12, placement, "memory")
    monkeypatch.setenv("PARS_DATA_IN", "stream")
    assert streams(1, placement, "auto")
    monkeypatch.setenv("PARS_DATA_IN", "disk")
    with pytest.raises(UsageError, match="data_in='disk'; choose memory, stream or auto"):
        streams(1, placement, "auto")


def test_free_memory_is_a_number_of_bytes() -> None:
    free = free_memory(place(len(jax.devices())))
    assert 2**26 < free < 2**60


def test_chunks_are_bounded_in_bytes_and_steps() -> None:
    assert prefetch.chunk_steps(prefetch.CHUNK_BYTES // 8) == 8
    assert prefetch.chunk_steps(10 * prefetch.CHUNK_BYTES) == 1
    assert prefetch.chunk_steps(0) == prefetch.CHUNK_STEPS
