"""Training on data larger than memory: the process may hold 2 GB of its own, the data takes PARS_MEMORY_GB (20)."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from benchmarks import memory
from pars.data import from_file

SMALL = {"hidden": [16], "actor_hidden": [16], "critics": 2, "batch_size": 64}


def test_the_file_is_of_rows_as_large_as_said(tmp_path: Path) -> None:
    memory.write(tmp_path / "few.hdf5", 450)
    with h5py.File(tmp_path / "few.hdf5") as file:
        assert np.flatnonzero(file["timeouts"][:]).tolist() == [199, 399] and not file["terminals"][:].any()
        assert file["observations"].shape == (450, memory.OBS) and np.abs(file["actions"][:]).max() <= 1.0
    data = from_file(tmp_path / "few.hdf5")
    assert data.packed.nbytes == memory.ROW * len(data.last) and len(data.last) > 440


def test_figures_are_medians_with_their_range() -> None:
    rates = [[50.0, 30.0, 40.0], [80.0, 90.0, 10.0]]
    found = {"bytes": 20.5e9, "converted": 61.0, "opened": 0.25, "rates": rates, "peak": 1.5e9}
    assert memory.ratio(found) == 0.5
    assert memory.lines(found) == [
        "packed rows 20.50 GB, limit of own memory 2.0 GB, peak RssAnon 1.50 GB",
        "converted in 61.0 s, opened again in 0.25 s",
        "steps/s streaming 40.0 [30.0 50.0], in memory 80.0 [10.0 90.0], n = 3; ratio 0.50",
    ]


def test_a_rate_is_that_of_whole_blocks_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner of 100 steps a second, by a clock of its own."""
    clock, blocks = SimpleNamespace(now=0.0), []

    def run(at: int, count: int, total: int) -> None:
        blocks.append((at, count))
        clock.now += count / 100

    monkeypatch.setattr(memory, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    rate = memory.Rate(SimpleNamespace(run=run, metrics=lambda steps: None))
    assert blocks == [(0, 8), (8, 50)]  # compiles, then finds blocks of half a second
    assert rate(1.2) == pytest.approx(100.0)
    assert blocks[2:] == [(58, 50), (108, 50), (158, 50)]


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
