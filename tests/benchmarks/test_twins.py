"""The yardsticks of AntMaze twins, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import twins
from pars.collect.walker import load_walker


def test_a_twin_is_measured_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARS_WALKER", raising=False)
    twins.run(["--rows", "1500", "--datasets", "antmaze-umaze-v2"])
    out = capsys.readouterr().out
    assert "ours alone" in out and "antmaze-umaze-v2  ours" in out and (tmp_path / "runs/bench/twins.csv").is_file()


def test_the_shares_are_the_twins_own() -> None:
    found = twins.measure("antmaze-umaze-v2", load_walker(), 1500, "arrival")
    assert 0.5 < found["arrive"] <= 1.0 and 100 < found["length"] <= 701 and len(found["goals"]) == twins.GOALS
    assert min(found["goals"]) <= found["rewarded"] <= max(found["goals"])
    assert 0.8 < found["detour"] < 2.0  # arrives half a metre early, and corners may be cut


def test_episodes_that_go_on_stay_where_they_arrive() -> None:
    found = twins.measure("antmaze-umaze-v2", load_walker(), 1500, "limit")
    assert found["length"] == 701 and found["arrive"] == 1.0 and max(found["goals"]) > 10
