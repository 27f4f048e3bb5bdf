"""What benchmarks/loading.py measures, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import loading
from tests.runs import TINY


@pytest.mark.slow
def test_a_start_is_measured_in_its_parts(tmp_path: Path) -> None:
    loading.write(tmp_path / "a.hdf5", 3000)
    first, second = (
        loading.measure(tmp_path, tmp_path / "a.hdf5", TINY, title) for title in ("nothing cached", "all cached")
    )
    assert {"libraries", "data", "- hash", "- read", "to the first step"} <= set(first["parts"])
    assert "- read" not in second["parts"] and set(loading.VERIFIED) <= set(second["parts"])
    for found in (first, second):
        outer = sum(found["parts"][name][0] for name in ("libraries", "data", "to the first step"))
        assert 0 < found["parts"]["data"][0] < outer < found["whole"]
    assert 0 < first["taken"] <= first["foreseen"]


def test_what_is_printed() -> None:
    found = [
        {"parts": {"libraries": (1.0, s), "data": (0.5, 0.25)}, "foreseen": 3e9, "taken": 1e9 * s, "whole": s}
        for s in (2.0, 1.0, 9.0)
    ]
    assert loading.lines("all cached", found) == [
        "all cached: 2.00 s, memory 9.00 GB, foreseen 3.00 GB",
        "                        seconds  processor",
        "  libraries                1.00       2.00",
        "  data                     0.50       0.25",
    ]
