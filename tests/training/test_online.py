"""benchmarks/online.py measures the loop that training runs."""

from __future__ import annotations

import pytest

from benchmarks import online

TINY = {"hidden": (8, 8), "actor_hidden": (8, 8), "batch_size": 16, "updates_per_step": 2}


def test_every_part_is_measured_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "CASES", (("hopper-medium-v2", 2),))
    monkeypatch.setattr(online, "MEMBERS", (2,))
    monkeypatch.setattr(online, "CAPACITY", 50)
    lines: list[str] = []
    online.run(steps=3, rows=100, say=lines.append, **TINY)
    assert len(lines) == 2 + len(online.MEMBERS)
    for line, members in zip(lines[2:], online.MEMBERS):
        task, seeds, *figures, share = line.split()
        assert (task, int(seeds)) == ("hopper-medium-v2", members)
        assert len(figures) == len(online.PARTS) and all(float(figure) >= 0 for figure in figures)
        assert share.endswith("%")


def test_overhead_is_beside_updates_and_physics() -> None:
    seconds = {"updates": 8.0, "physics": 2.0, "act": 0.25, "push": 0.125, "log": 0.0, "host": 0.125}
    assert online.overhead(seconds) == pytest.approx(0.05)
