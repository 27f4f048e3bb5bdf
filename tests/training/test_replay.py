"""Replays: made where they stay, filled with earlier rows in pieces."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from pars.training import replay
from pars.training.placement import place
from pars.training.replay import Replay

UNKNOWN = np.array([-7.0, -8.0], np.float32)


@pytest.mark.parametrize("members", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 4, 11])
def test_earlier_rows_stand_in_front_and_what_is_unknown_everywhere_else(
    members: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PIECE", 4)
    rng = np.random.default_rng(0)
    rows, further = (rng.normal(size=(count, members, width)).astype(np.float32) for width in (5, 2))
    for known in (None, further):
        own = Replay(place(members), 12, 7, UNKNOWN)
        own.fill(rows, known)
        own.push(np.ones((members, 5), np.float32))
        wanted = np.zeros((members, 12, 7), np.float32)
        wanted[:, :, 5:] = UNKNOWN
        wanted[:, :count, :5] = rows.swapaxes(0, 1)
        if known is not None:
            wanted[:, :count, 5:] = further.swapaxes(0, 1)
        wanted[:, count, :5] = 1.0
        np.testing.assert_array_equal(own.placement.take(own.array), wanted)
        assert own.filled == count + 1 and own.array.sharding == own.placement.put(wanted).sharding


def test_the_host_makes_no_replay() -> None:
    own = Replay(place(2), 200_000, 20, np.zeros(0, np.float32))
    tracemalloc.start()
    try:
        own.fill(np.zeros((3, 2, 20), np.float32))
        assert tracemalloc.get_traced_memory()[1] < 5e6 < own.array.nbytes
    finally:
        tracemalloc.stop()
