"""Threads work ahead, but not far, and results come in order."""

from __future__ import annotations

import threading
import time

import pytest

from pars.data import parallel
from pars.data.parallel import in_order


def test_results_come_in_the_order_of_the_items() -> None:
    assert [*in_order(lambda i: time.sleep(0.002 * (i % 3)) or i, range(20))] == [*range(20)]
    assert [*in_order(str, [])] == []


def test_no_more_is_computed_ahead_than_threads_and_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "MOST", 2)
    monkeypatch.setattr(parallel, "cores", lambda: 64)
    begun: list[int] = []
    for taken, _ in enumerate(in_order(begun.append, range(50)), 1):
        assert len(begun) <= taken + 3
    assert len(begun) == 50


def test_an_error_is_raised_where_its_result_is_taken_and_nothing_runs_on() -> None:
    def broken(i: int) -> int:
        if i == 3:
            raise OSError("the disk is gone")
        return i

    got = []
    with pytest.raises(OSError, match="the disk is gone"):
        for i in in_order(broken, range(1000)):
            got.append(i)
    assert got == [0, 1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pars-data")]
