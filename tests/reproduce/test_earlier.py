"""What an earlier version has finished of an experiment counts, is shown and stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pars.errors import CheckpointError
from pars.reproduce import units
from pars.reproduce.base import Finding
from pars.reproduce.cost import Machine
from pars.reproduce.grid import Arm, Grade, Grid, Key, Small
from pars.reproduce.reproduce import Job, plan_units, reproduce
from pars.reproduce.results import read_results
from pars.reproduce.units import Outcome
from pars.training.progress import make_view
from tests.runs import TASK, as_format_1, few_rows

pytestmark = pytest.mark.usefixtures("no_png")

TINY = {"actor_hidden": (8,), "batch_size": 16}
GRID = Grid(
    "old",
    "Old",
    "nothing",
    tasks=(TASK,),
    arms=(Arm("BC", "bc", TINY),),
    small=Small((TASK,), 1.0),
    show=lambda results: Finding(),
    steps=6,
    published=lambda key, quantity: None,
)
GRADE = Grade("twin", (TASK,), seeds=2, episodes=1, evaluations=2)
SENTENCE = f"{TASK}: finished results of an earlier version of pars are taken as they are."


def call(job: Job) -> Outcome:
    (own,) = plan_units([job], Machine(), "")
    return reproduce([job], own, None, make_view(quiet=True), "pars reproduce it")


def test_finished_results_of_an_earlier_version_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "open_dataset", lambda *args, **kwargs: few_rows())
    job = Job(GRID, GRADE, tmp_path)
    assert len(call(job).finished) == 1
    now = read_results(GRID, GRADE, job.folder)
    assert now.earlier == ()
    (there,) = (job.folder / TASK).glob("bc-*")
    folder = as_format_1(there)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (job.page / "report.html").unlink()

    outcome = call(job)
    assert not outcome.finished and not outcome.left and not outcome.errors
    found = read_results(GRID, GRADE, job.folder)
    assert found.last(TASK, "BC").tolist() == now.last(TASK, "BC").tolist() and set(found.cells) == {Key(TASK, "BC")}
    assert found.earlier == (SENTENCE,) and SENTENCE in (job.page / "report.html").read_text()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    longer = Job(replace(GRID, steps=8), GRADE, tmp_path)
    assert not any(unit.done for unit in longer.units(Machine(), ""))
    (folder / "status.json").write_text('{"state": "running"}')
    (error,) = call(job).errors  # what is not finished cannot go on
    assert isinstance(error, CheckpointError) and "was begun by an earlier version of pars" in str(error)
