"""Folders of formats 1 and 2, as earlier versions wrote them: they are evaluated and reported, and not continued."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars import api
from pars.core import LoopSettings
from pars.errors import CheckpointError
from pars.export.load import load_policy
from pars.position import Position
from pars.report.load import read_run
from pars.report.pages.overview import write_report
from pars.training.checkpoint import MANIFEST, latest
from pars.training.earlier import of_today
from tests.runs import as_format_1, as_format_2, few_rows, finished_run, group, train

Rewrite = Callable[[Path], Path]
both = pytest.mark.parametrize("rewrite", [as_format_1, as_format_2])


def earlier(run: Path, rewrite: Rewrite = as_format_1) -> Path:
    """The finished run as an earlier version would have left it, copied to `run`. -> its group's folder"""
    shutil.copytree(finished_run(), run)
    return rewrite(group(run))


@both
def test_it_is_evaluated(tmp_path: Path, rewrite: Rewrite) -> None:
    folder = earlier(tmp_path / "run", rewrite)
    (now,), (then,) = api.evaluate(finished_run(), 2), api.evaluate(tmp_path / "run", 2)
    assert (then.position.phase, then.position.step, then.seeds) == ("online", 30, now.seeds)
    np.testing.assert_array_equal(then.scores, now.scores)
    np.testing.assert_array_equal(then.evaluation.lengths, now.evaluation.lengths)
    obs = few_rows().columns.obs[:5]
    np.testing.assert_array_equal(load_policy(folder, 1)(obs), load_policy(finished_run(), 1)(obs))


def test_its_newest_checkpoint_is_found_and_a_damaged_one_passed_over(tmp_path: Path) -> None:
    checkpoints = earlier(tmp_path / "run") / "checkpoints"
    for name, position in {
        "online-000000030": Position(1, "online", 30),
        "online-000000020": Position(1, "online", 20),
        "offline-000000060": Position(0, "offline", 60),
    }.items():
        found = latest(checkpoints)
        assert found is not None and (found.folder.name, found.position) == (name, position)
        shutil.rmtree(found.folder)
    assert latest(checkpoints) is None
    (checkpoints / "offline-000000001").mkdir()
    (checkpoints / "offline-000000001" / MANIFEST).write_text('{"format": 1, "phase": "model", "step": 1}')
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        assert latest(checkpoints) is None


@both
def test_it_is_reported(tmp_path: Path, rewrite: Rewrite) -> None:
    earlier(tmp_path / "run", rewrite)
    (now,), (then,) = read_run(finished_run()).groups, read_run(tmp_path / "run").groups
    assert (then.state, then.phase, then.step, then.problems) == ("finished", "online", 30, [])
    for phase, metrics in now.metrics.items():
        for name, curve in metrics.items():
            np.testing.assert_array_equal(then.metrics[phase][name].values, curve.values)
    assert write_report(tmp_path / "run").read_text().startswith("<!DOCTYPE html>")


@both
@pytest.mark.parametrize("change", [{}, {"steps": 80}, {"seeds": (0, 1, 2)}])
def test_it_is_not_continued(tmp_path: Path, change: dict[str, Any], rewrite: Rewrite) -> None:
    folder = earlier(tmp_path / "run", rewrite)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(CheckpointError) as caught:
        train(tmp_path / "run", **{"seeds": (0, 1), **change})
    assert str(caught.value) == (
        f"{folder} was begun by an earlier version of pars: it can be evaluated and reported, but not continued; "
        "finish it with that version, or use a new --out"
    )
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in (tmp_path / "run").glob("*-*")] == [folder.name]  # nor begun anew beside it


def test_its_offline_rows_are_a_share_of_as_many() -> None:
    for size in (1, 2, 49, 256):
        for rows in range(size):
            found = of_today({"batch_size": size, "offline_rows": rows, "environments": 3}, LoopSettings)
            cfg = LoopSettings(**found)
            assert (cfg.offline_rows, cfg.environments) == (rows, 3)
            assert of_today(found, LoopSettings) == found
    shares = {rows: of_today({"batch_size": 256, "offline_rows": rows}, LoopSettings) for rows in (12, 128, 500)}
    assert [found["offline_share"] for found in shares.values()] == [0.05, 0.5, 0.5]  # 500 of 256 nobody can have drawn


def test_others_may_stand_beside_it(tmp_path: Path) -> None:
    earlier(tmp_path / "run")
    train(tmp_path / "run", "bc", seeds=(0, 1), steps=2)
    train(tmp_path / "run", seeds=(0, 1), steps=2, online_steps=0, settings={"discount": [0.5]})
    assert len(read_run(tmp_path / "run").groups) == 3
