"""MuJoCo twins made and measured, in small: nothing is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import robots
from pars.collect import locomotion
from pars.collect.skill import Skill
from pars.envs import TASKS


@pytest.fixture(autouse=True)
def untrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies that do nothing, and say that they came short of medium."""

    def behaviour(robot: str, kind: str, seed: int, progress: object) -> Skill:
        facts = {"steps": 8000, "return": {"medium": 1399.0, "expert": 3500.0}[kind]}
        return Skill(((np.zeros((11, 6)), np.zeros(6)),), facts)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(locomotion, "behaviour", behaviour)


def test_twins_are_made_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robots.run(["--rows", "600", "--datasets", "hopper-random-v2", "hopper-medium-expert-v2"])
    *_, titles, random, both = capsys.readouterr().out.splitlines()
    assert "medium is" in titles and "BC on D4RL's" in titles
    assert random.split()[:2] == ["hopper-random-v2", "600"] and random.split().count("-") == 4
    assert "8,000 + 8,000" in both and "1,399 + 3,500" in both and "1,400" in both and "52.3 ± 4.0" in both
    csv = (tmp_path / "runs/bench/robots.csv").read_text()
    assert "which never became medium (1,400)" in csv and len(csv.splitlines()) == 3


def test_a_learning_run_says_what_it_reached() -> None:
    found = robots.measure("hopper-medium-replay-v2", 400)
    assert found["rows"] == 400 and found["steps"] is None and found["medium"] == 1400.0
    assert found["reached"] and float(found["reached"].replace(",", "")) > 0


def test_all_fifteen_are_there() -> None:
    assert set(robots.TWINS) == {name for name in TASKS if name.startswith(("halfcheetah", "hopper", "walker2d"))}
    assert set(robots.BC) < set(robots.TWINS)
