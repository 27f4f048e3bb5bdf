"""A column of the paper as one population: what is trained, and what is taken home."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from benchmarks import paper
from pars import api, load_policy
from pars.collect.twins import twin_path
from pars.data import load_dataset
from pars.errors import DivergenceError, Interrupted, UsageError
from pars.training.plan import How, Request
from tests.benchmarks.test_benchmarks import read_csv


def test_columns_are_those_of_table_2() -> None:
    counts = {column: len(paper.tasks_of(column)) for column in paper.COLUMNS}
    assert counts == {"antmaze": 8, "mujoco": 12, "adroit": 8}
    assert paper.tasks_of("antmaze")[0] == "antmaze-umaze-v2"


def test_data_are_the_tasks_own_or_twins(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[list[str]] = []

    class Child:
        def __init__(self, line: list[str], env: dict[str, str], stdout: int) -> None:
            assert env["JAX_PLATFORMS"] == "cpu"
            lines.append(line[3:])

        def wait(self) -> int:
            return "hammer-human-v1" in lines[-1]

    monkeypatch.setattr(paper.subprocess, "Popen", Child)
    found = paper.data_for(["pointmaze-umaze-fixed", "pen-human-v1"], 500)
    assert found == {"pointmaze-umaze-fixed": None, "pen-human-v1": str(twin_path("pen-human-v1", 500))}
    assert lines == [["data", "collect", "pen-human-v1", "--rows", "500"]]
    with pytest.raises(UsageError, match=r"^no data for hammer-human-v1: neither D4RL's file nor a twin could be had$"):
        paper.data_for(["hammer-human-v1"], None)


def test_a_column_runs_dry_and_is_taken_home(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api, "load_dataset", lambda *args, **options: load_dataset(*args, rows=400, **options))
    options = ["--dry", "--minutes", "30", "--seeds", "2", "--episodes", "2", "--algorithms", "pars", "bc"]
    paper.run([*options, "--out", "out", "--work", "work"])
    out = own_folders / "out" / "paper-dry"
    rows = read_csv(out / "table.csv")
    names = ["pointmaze-umaze-fixed", "pointmaze-umaze-diverse"]
    assert [row["task"] for row in rows] == [name for name in names for _ in range(2)]
    assert [row["algorithm"] for row in rows] == ["pars", "bc"] * 2 and {row["steps"] for row in rows} == {"40"}
    assert "PARS on 2 tasks: 4 members" in capsys.readouterr().out
    assert (out / "table.txt").read_text().startswith("pars, bc, tf32, cpu, ") and (out / "report.html").is_file()
    (group,) = (own_folders / "work" / "column-dry" / names[0]).glob("pars-*")
    (kept,) = (out / names[0] / group.name).glob("policies/*/*.safetensors")
    arrays = load_file(kept)
    assert arrays and not [name for name in arrays if "critic" in name]
    assert all(len(array) == 2 for array in arrays.values())
    whole = sum(path.stat().st_size for path in group.glob("checkpoints/*/*.safetensors"))
    assert kept.stat().st_size < whole / 4
    taken, there = (api.evaluate(folder, 2, at="40")[0] for folder in (out / names[0] / group.name, group))
    np.testing.assert_array_equal(taken.scores, there.scores)
    np.testing.assert_allclose(float(rows[0]["mean"]), there.scores.mean())
    assert np.isfinite(load_policy(group)(np.zeros(4, np.float32))).all()
    paper.run([*options, "--out", "out", "--work", "work"])  # the same folder goes on, and is done
    assert capsys.readouterr().out.count("already finished") == 4


def test_each_population_has_its_minutes_and_one_that_fails_costs_the_others_nothing(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tasks whose lengths differ; the first diverges, the second is stopped before it begins."""
    monkeypatch.setattr(api, "load_dataset", lambda *args, **options: load_dataset(*args, rows=400, **options))
    given = argparse.Namespace(dry=True, rows=None, seeds=1, episodes=1, precision="float32", algorithms=["pars"])
    asked = paper.requests(["pointmaze-umaze-fixed", "pointmaze-umaze-diverse"], given, Path("work"))
    asked[1] = replace(asked[1], plans=[replace(asked[1].plans[0], offline_steps=60)])
    ends: list[float] = []

    def trained(own: list[Request], how: How, root: Path) -> None:
        assert how.stop.at is not None and len(own) == 1
        ends.append(how.stop.at)
        raise DivergenceError("it diverged") if len(ends) == 1 else Interrupted("stopped at offline step 0")

    monkeypatch.setattr(paper, "train_runs", trained)
    begun = time.monotonic()
    paper.train(asked, begun + 100.0, Path("work"))
    assert ends == pytest.approx([begun + 50.0, begun + 100.0], abs=1.0)
    said = capsys.readouterr().out
    assert "it diverged\nstopped at offline step 0\n" in said and "pars trains pointmaze-umaze-diverse apart" in said
    rows = paper.table(asked, 1)
    assert [(row["n"], row["steps"], row["state"]) for row in rows] == [(0, 0, "not begun")] * 2
    assert "not begun" in "\n".join(paper.lines(paper.TABLE, rows))
