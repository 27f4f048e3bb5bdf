"""Logs of plants, and what methods make of them, in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import own_data
from benchmarks.plants import PLANTS, logs
from pars.data import from_arrays
from pars.envs import make_task

DRY = ["--dry", "--rows", "300", "--steps", "4", "--seeds", "2", "--episodes", "1", "--tasks", "CartPlant-v0"]


@pytest.mark.parametrize("name", PLANTS)
def test_logs_are_in_units_and_fit_the_plant(name: str) -> None:
    columns, returns = logs(name, 300)
    task = make_task(f"benchmarks.plants:{name}")
    data = from_arrays(columns, task=task, next_obs="file")
    known = data.action_range
    assert known is not None and (known.low, known.high) == ((0.0,), (100.0,))
    assert data.card["obs"]["mean"][1] > 1000 and len(returns) == data.card["episodes"]
    assert sum(returns) == pytest.approx(float(np.sum(data.columns.reward)), rel=1e-4)


def test_what_is_given_for_each_kind() -> None:
    data = from_arrays(logs("CartPlant-v0", 300)[0], next_obs="file")
    assert own_data.settings_of("pars", data, "after") == {}
    before = own_data.settings_of("pars", data, "before")
    weights = {"bc_weight": 0.01, "bc_weight_online": 0.0}
    assert before == {"normalize_obs": False, "reward_scale": 10.0, **weights, "q_min": 0.0}
    grid = own_data.settings_of("pars", data, "grid")["reward_scale"]
    assert len(grid) == len(own_data.GRID) and grid[-1] == pytest.approx(1e4 * grid[0])


def test_a_method_is_judged_and_printed(tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    own_data.run([*DRY, "--methods", "bc", "--before"])
    out = capsys.readouterr().out
    assert "CartPlant-v0  bc      before" in out and (tmp_path / "runs/bench/own-data-before.csv").is_file()
