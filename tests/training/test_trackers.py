"""Curves beside metrics.csv: their names, and stand-ins for the trackers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pars.errors import ResourceError, UsageError
from pars.position import Position
from pars.training import trackers
from pars.training.board import board_name
from pars.training.folder import RunFolder
from tests.training.test_folder import DESCRIPTION

MEMBERS = [{"seed": seed, "settings": {"bc_weight": w, "hidden": [8, 8]}} for w in (0.1, 1.0) for seed in (0, 1)]
DESCRIBED = {**DESCRIPTION, "members": MEMBERS[:2]}


def test_a_board_is_named_by_seed_and_what_varies() -> None:
    assert [board_name(MEMBERS, i) for i in (0, 3)] == ["seed=0,bc_weight=0.1", "seed=1,bc_weight=1"]
    assert board_name(MEMBERS[:2], 1) == "seed=1" and board_name([], 4) == "member-4"
    twice = [MEMBERS[0], MEMBERS[0]]
    assert [board_name(twice, i) for i in (0, 1)] == ["seed=0,member=0", "seed=0,member=1"]
    odd = [{"seed": 0, "settings": {"file": value}} for value in ("../a b", "c")]
    assert board_name(odd, 0) == "seed=0,file=..-a-b"


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A stand-in that notes what it is told."""
    told: list[Any] = []

    def init(**options: Any) -> Any:
        told.append(options)
        return SimpleNamespace(
            define_metric=lambda name, step_metric: told.append((name, step_metric)),
            log=told.append,
            finish=lambda: told.append("finished"),
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Settings=dict))  # type: ignore[arg-type]
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield told


def write(folder: Path, tracker: str) -> None:
    with closing(RunFolder(folder, DESCRIBED, tracker=tracker)) as opened:
        for step in (0, 5):
            opened.metrics(Position(0, "offline", step), {"score": np.array([1.0, 2.0])})


def test_wandb_is_told_offline_a_run_for_each_member(tmp_path: Path, wandb: list[Any]) -> None:
    write(tmp_path / "run" / "pars-1", "wandb")
    first, second = (one for one in wandb if isinstance(one, dict) and "mode" in one)
    assert first["mode"] == "offline" and first["group"] == "run/pars-1" and first["name"] == "seed=0"
    assert second["config"]["seed"] == 1 and second["config"]["bc_weight"] == 0.1 and first["id"] != second["id"]
    assert ("offline/*", "offline/step") in wandb and {"offline/score": 2.0, "offline/step": 5} in wandb
    assert wandb.count("finished") == 2


def test_mlflow_writes_below_the_run_and_goes_on_with_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    runs: dict[str, Any] = {}

    class Client:
        def __init__(self, place: str) -> None:
            told.append(place)

        def get_experiment_by_name(self, name: str) -> Any:
            return SimpleNamespace(experiment_id="7") if runs else None

        def create_experiment(self, name: str) -> str:
            return "7"

        def search_runs(self, experiments: list[str], wanted: str, max_results: int) -> list[Any]:
            return [run for key, run in runs.items() if key in wanted]

        def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> Any:
            runs[tags["pars_id"]] = SimpleNamespace(info=SimpleNamespace(run_id=run_name))
            return runs[tags["pars_id"]]

        def log_param(self, run: str, key: str, value: Any) -> None:
            told.append((run, key, value))

        def log_batch(self, run: str, metrics: list[Any]) -> None:
            told.append((run, *metrics))

        def set_terminated(self, run: str) -> None:
            told.append(("ended", run))

    entities = SimpleNamespace(Metric=lambda name, value, now, step: (name, value, step))
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=Client))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)  # type: ignore[arg-type]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # so that the tracker leaves none behind
    for _ in range(2):
        write(tmp_path / "run" / "pars-1", "mlflow")
    assert told[0] == (tmp_path / "run" / "mlruns").as_uri() and len(runs) == 2
    assert ("seed=1", ("offline/score", 2.0, 5)) in told and ("seed=0", "bc_weight", 0.1) in told
    assert told.count(("ended", "seed=0")) == 2 and told.count(("seed=0", "seed", 0)) == 1


def test_what_a_tracker_raises_is_one_warning(
    tmp_path: Path, wandb: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**options: Any) -> Any:
        raise RuntimeError("no\nnetwork")

    monkeypatch.setattr(sys.modules["wandb"], "init", fails)
    with pytest.warns(UserWarning, match="no more curves for wandb: no network") as seen:
        write(tmp_path / "pars-1", "wandb")
    assert len(seen) == 2  # of each member one
    assert (tmp_path / "pars-1" / "metrics.csv").read_text().count("\n") == 5


def test_a_tracker_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trackers.check(None)
    with pytest.raises(UsageError, match="unknown tracker 'wanb'; did you mean wandb"):
        trackers.check("wanb")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ResourceError, match=r"pip install 'pars\[mlflow\]'"):
        trackers.check("mlflow")
