"""Training on data larger than memory: the process may hold 2 GB of its own, the data takes PARS_MEMORY_GB (20)."""

from __future__ import annotations

import os

import pytest

from benchmarks import memory

SMALL = {"hidden": [16], "actor_hidden": [16], "critics": 2, "batch_size": 64}


@pytest.mark.slow
def test_a_small_file_takes_the_same_way() -> None:
    """64 MB under the limit of the long test: what JAX itself takes leaves no smaller one."""
    found = memory.measure(0.064, SMALL, seconds=0.2)
    assert found["bytes"] == pytest.approx(64e6, rel=0.02)
    assert found["peak"] < memory.LIMIT and found["opened"] < 1.0
    assert memory.ratio(found) > 0.05  # the machine may be busy


@pytest.mark.slow
def test_twenty_gigabytes_train_at_half_the_rate_or_better(capsys: pytest.CaptureFixture[str]) -> None:
    found = memory.measure(float(os.environ.get("PARS_MEMORY_GB", "20")))
    with capsys.disabled():
        print("\n" + "\n".join(memory.lines(found)))
    assert found["peak"] < memory.LIMIT
    assert memory.ratio(found) >= 0.5
