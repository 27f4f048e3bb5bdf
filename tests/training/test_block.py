"""Blocks as a GPU runs them: chunks of steps that never ask the host, and mean what steps one by one mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from pars.algos import find_algorithm
from pars.core import Algorithm, LoopSettings
from pars.testing.tiny import as_on_a_gpu, course, phases, tiny_dataset, tiny_learner, tiny_members
from pars.training import block
from pars.training.block import TracedUpdate, chunk_length
from pars.training.learner import Learner

PARS = find_algorithm("pars")


@pytest.fixture
def gpu() -> Iterator[None]:
    with as_on_a_gpu():
        yield


def equal(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize(
    ("online", "delays", "settings", "length"),
    [
        (False, (), {}, 32),
        (False, (2,), {}, 32),
        (False, (3,), {}, 30),
        (False, (2, 3), {}, 30),
        (False, (40,), {}, 32),  # too long a cycle to be laid out
        (True, (2,), {"updates_per_step": 20}, 20),
        (True, (20,), {"updates_per_step": 20}, 20),
        (True, (2,), {"environments": 8}, 8),
        (True, (2,), {"updates_per_step": 20, "environments": 8}, 20),
        (True, (2,), {"updates_per_step": 50}, 32),
        (True, (2,), {}, 1),
    ],
)
def test_a_chunk_is_whole_cycles_or_what_is_due_at_once(
    online: bool, delays: tuple[int, ...], settings: dict[str, int], length: int
) -> None:
    assert chunk_length(LoopSettings(**settings), delays, online) == length


def test_a_cycle_names_each_kind_of_step_once() -> None:
    kinds = lambda delays, length: [  # noqa: E731
        (update, steps)
        for update, steps in TracedUpdate("any", delays, lambda due: {**due}).cycle(length)  # type: ignore[arg-type,return-value]
    ]
    assert kinds((), 32) == [("any", 1)]
    assert kinds((2,), 32) == [({2: False}, 1), ({2: True}, 1)]
    assert kinds((-2,), 32) == [({-2: True}, 1), ({-2: False}, 1)]  # the first of two
    assert kinds((20,), 40) == [({20: False}, 19), ({20: True}, 1)]
    assert kinds((2,), 5) == [("any", 1)]  # a step's place in the cycle would change from chunk to chunk
    assert [(u[2], u[3], n) for u, n in kinds((2, 3), 6)] == [
        (False, False, 1),
        (True, False, 1),
        (False, True, 1),
        (True, False, 1),
        (False, False, 1),
        (True, True, 1),
    ]


@pytest.mark.parametrize("name", ["pars", "rlpd"])
def test_the_host_is_asked_for_the_number_of_chunks_alone(name: str) -> None:
    """Of all loops one has a length that the compiler does not know, and there is no branch."""
    with as_on_a_gpu(apart=False):
        look_for_waits(find_algorithm(name))


def look_for_waits(algo: Algorithm) -> None:
    learner = tiny_learner(algo, tiny_members(algo))
    for phase in phases(algo):
        if phase == "online":
            learner.go_online(8)
        learner.start_interval(phase)
        assert learner.feed is not None
        ((data, span),) = learner.feed(phase, 0, 5, 100)
        args = (learner.cfg, learner.seed, learner.state, learner.sums[phase], learner.feed.own, data)
        replay = (learner.replay.array, np.int32(1)) if learner.replay else ()
        program = learner.program.block(phase, streaming=False)
        text = program.lower(*args, learner.feed.episodes, tuple(map(np.int32, span)), *replay).compile().as_text()
        assert text is not None
        loops = re.findall(r" while\(.*", text)
        assert sum('"known_trip_count"' not in loop for loop in loops) == 1
        assert len(loops) > 1 and " conditional(" not in text


def test_how_steps_are_cut_into_blocks_changes_nothing(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one bit, nor does going on from a state in the middle of a chunk; in chunks of 4."""
    monkeypatch.setattr(block, "CHUNK", 4)
    learner = tiny_learner(PARS, tiny_members(PARS))
    start = learner.placement.take(learner.state)
    whole = course(learner, start, (18,))
    equal(course(learner, start, (7, 1, 10)), whole)
    first = course(learner, start, (7,))
    other = tiny_learner(PARS, tiny_members(PARS))
    other.state = other.placement.put(first["state"])
    other.start_interval("offline")
    other.run(7, 11, 100)
    equal(other.placement.take(other.state), whole["state"])
    assert {name for name, value in first["metrics"].items() if not np.array_equal(value, whole["metrics"][name])}


def test_chunks_are_steps_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With delayed steps in between, to rounding: 4 chunks and a part of a fifth, against a processor's loop."""
    learner = tiny_learner(PARS, tiny_members(PARS))
    start = learner.placement.take(learner.state)
    plain = course(learner, start, (18,))
    monkeypatch.setattr(block, "CHUNK", 4)
    with as_on_a_gpu():
        chunks = course(tiny_learner(PARS, tiny_members(PARS)), start, (18,))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4), chunks, plain)


@pytest.mark.shipped
def test_rows_that_the_host_fetches_train_alike(gpu: None) -> None:
    configs, seeds = zip(*tiny_members(PARS), strict=True)
    ends = []
    for data_in in ("memory", "stream"):
        learner = Learner.on(tiny_dataset(PARS), PARS, configs, seeds, data_in=data_in)  # type: ignore[arg-type]
        ends.append(course(learner, learner.placement.take(learner.state), (3, 9)))
        learner.close()
    equal(*ends)
