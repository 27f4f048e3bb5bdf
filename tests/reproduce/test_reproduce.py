"""Studies, kills and pages of `pars reproduce`, on experiments made for the test."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pars.training.run
from pars.errors import CheckpointError, Interrupted
from pars.report.records import Curve
from pars.report.stats.comparison import Comparison, Reference
from pars.reproduce import units
from pars.reproduce.base import Arrays, Finding, Study
from pars.reproduce.cost import Machine
from pars.reproduce.grid import Arm, Grade, Grid, Key, Small
from pars.reproduce.reproduce import Job, plan_units, reproduce, show_job
from pars.reproduce.results import Cell, FoundResults, read_results
from pars.reproduce.units import Outcome, load_arrays, save_arrays
from pars.training.progress import make_view
from pars.training.view import Stop
from tests.runs import TASK, few_rows

pytestmark = pytest.mark.usefixtures("no_png")

VIEW = make_view(quiet=True)


def call(jobs: Sequence[Job], budget: float | None = None, together: bool = False) -> Outcome:
    units = [unit for own in plan_units(jobs, Machine(together=together), "") for unit in own]
    return reproduce(jobs, units, budget, VIEW, "pars reproduce it")


CALLS: list[str] = []


def part(name: str, fails: bool = False) -> Any:
    def run(seeds: Sequence[int]) -> Arrays:
        CALLS.append(name)
        if fails:
            raise KeyboardInterrupt
        return {"value": np.asarray([10.0 + seed for seed in seeds])}

    return run


def study(fails: bool) -> Study:
    def show(parts: Any) -> Finding:
        values = parts["first"]["value"] + parts["second"]["value"]
        return Finding([Comparison("sum", "test", values, Reference(22.0, tolerance=0.5))], reading=["It adds up."])

    return Study("sums", "Sums", "they add up", {"first": part("first"), "second": part("second", fails)}, show, 2.0, 3)


def test_a_study_goes_on_behind_its_last_finished_part(tmp_path: Path) -> None:
    CALLS.clear()
    with pytest.raises(Interrupted, match="run the same command"):
        call([Job(study(fails=True), None, tmp_path)])
    assert "1 of 2 parts are not finished" in (tmp_path / "sums" / "3seeds" / "report.html").read_text()
    assert "Not finished: second missing." in (tmp_path / "index.html").read_text()
    call([Job(study(fails=False), None, tmp_path)])
    assert CALLS == ["first", "second", "second"]
    summary = json.loads((tmp_path / "sums" / "3seeds" / "summary.json").read_text())
    assert summary["verdicts"] == {"inside": 1} and summary["reading"] == ["It adds up."]
    assert "It adds up." in (tmp_path / "index.html").read_text()


def test_sigterm_ends_a_study_as_sigint_does(tmp_path: Path) -> None:
    terminated = replace(study(fails=False), parts={"first": lambda seeds: os.kill(os.getpid(), signal.SIGTERM)})
    with pytest.raises(Interrupted, match="run the same command"):
        call([Job(terminated, None, tmp_path)])
    assert "1 of 1 parts" in (tmp_path / "sums" / "3seeds" / "report.html").read_text()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_what_was_never_begun_stands_in_the_index(tmp_path: Path) -> None:
    jobs = [Job(study(fails=False), None, tmp_path), Job(GRID, GRADE, tmp_path)]
    reproduce(jobs, [], None, VIEW, "")
    index = (tmp_path / "index.html").read_text()
    assert "Not finished: first, second missing." in index and "No run has finished yet." in index
    assert index.count("0 of 2") and index.count("0 of 4")


def test_a_part_that_computes_says_so_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("pars.training.progress.PLAIN", 0.01)
    slow = replace(study(fails=False), parts={"first": lambda seeds: time.sleep(0.2) or {"x": np.zeros(1)}})
    (unit,) = Job(slow, None, tmp_path).units(Machine(), "")
    unit.run(Stop(), SimpleNamespace(note=said.append))  # type: ignore[arg-type]
    assert len(said) > 2 and said[0].startswith("sums: part 1 of 1, first, 3 seeds")
    assert said[1].startswith(said[0]) and "elapsed 0:00" in said[1]


def test_arrays_are_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "parts" / "one.npz"
    save_arrays(path, {"x": np.arange(3.0)})
    np.testing.assert_array_equal(load_arrays(path)["x"], np.arange(3.0))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=r"one\.npz cannot be read .* remove it and run the same command again"):
        load_arrays(path)


TINY = {"hidden": (8,), "actor_hidden": (8,), "batch_size": 16}
GRID = Grid(
    "tiny",
    "Tiny",
    "nothing",
    tasks=(TASK,),
    arms=(Arm("LN", "td3_bc", {**TINY, "layer_norm": "before"}), Arm("none", "td3_bc", TINY)),
    small=Small((TASK,), 1.0),
    show=lambda results: Finding(reading=[f"{len(results.cells)} cells"]),
    axis="reward_scale",
    values=(1.0, 10.0),
    steps=30,
    published=lambda key, quantity: Reference(50.0, 5.0),
)
GRADE = Grade("twin", (TASK,), seeds=2, episodes=2, evaluations=3)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "open_dataset", lambda *args, **kwargs: few_rows())
    monkeypatch.setattr(
        pars.training.run, "CHUNK_SECONDS", 0.0
    )  # arrives after every step, so that it can be stopped anywhere


def cells(folder: Path) -> list[dict[str, str]]:
    with (folder / "cells.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_reproduction_that_is_stopped_again_and_again_loses_nothing(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, often = Job(GRID, GRADE, tmp_path / "whole"), Job(GRID, GRADE, tmp_path / "often")
    outcome = call([whole])
    assert len(outcome.finished) == 2 and not outcome.left  # a population for each structure, both scales in it

    looks = iter(range(10_000))  # asked to stop at every 35th look; two at each step
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "late", property(lambda self: next(looks) % 35 == 34))
        patched.setattr(units, "write_report", lambda folder: None)  # of the task: slow, and seen above
        for _ in range(40):
            if not call([often], budget=1e9).left:
                break
        else:
            pytest.fail("never finished")
    assert next(looks) > 2 * 35
    assert cells(often.page) == cells(whole.page)
    assert not json.loads((often.page / "summary.json").read_text())["paper_grade"]
    assert [row["what"] for row in cells(whole.page)] == [
        "LN, reward_scale=1", "LN, reward_scale=10", "none, reward_scale=1", "none, reward_scale=10",
    ]  # fmt: skip
    assert {row["verdict"] for row in cells(whole.page)} == {"not comparable"}  # data and lengths are not the paper's

    assert all(unit.done for unit in whole.units(Machine(), ""))
    page = (whole.page / "report.html").read_text()
    assert f'href="{TASK}/report.html"' in page and (whole.page / TASK / "report.html").is_file()
    assert "nothing below is held against its numbers" in page
    results = read_results(GRID, GRADE, whole.folder)
    assert results.last(TASK, "LN", 10.0).shape == (2,) and results.planned == 4
    more = replace(GRADE, seeds=3)
    assert not read_results(GRID, more, whole.folder).cells  # two seeds do not count as three


def test_on_a_gpu_the_tasks_of_an_experiment_are_one_population(few: None, tmp_path: Path) -> None:
    """Their cells are those of each trained by itself; of what diverges the rest is trained on its task alone."""
    tasks = (TASK, "pointmaze-umaze-fixed")
    grid = replace(GRID, tasks=tasks, arms=GRID.arms[1:], axis="critic_lr", values=(3e-4, 1e30))
    grade = replace(GRADE, tasks=tasks)
    apart, together = Job(grid, grade, tmp_path / "apart"), Job(grid, grade, tmp_path / "together")
    assert len(call([apart]).finished) == 2
    (unit,) = together.units(Machine(together=True), "")
    assert unit.label == "2 tasks: TD3+BC, 8 members"
    assert len(call([together], together=True).finished) == 1
    assert cells(together.page) == cells(apart.page)
    assert {row["dataset"] for row in cells(together.page)} == {*tasks}
    (unit,) = together.units(Machine(together=True), "")
    assert unit.done


def test_two_experiments_may_show_the_same_runs(few: None, tmp_path: Path) -> None:
    grid = replace(GRID, arms=GRID.arms[:1])
    view = replace(grid, id="seen", runs="tiny")
    jobs = [Job(one, GRADE, tmp_path) for one in (grid, view)]
    assert len(call(jobs[:1]).finished) == 1
    assert all(unit.done for unit in jobs[1].units(Machine(), ""))
    assert [len(own) for own in plan_units(jobs, Machine(), "")] == [1, 0]
    lines = show_job(jobs[1], "")
    assert jobs[1].page == jobs[0].folder / "seen" and any(str(jobs[1].page) in line for line in lines)
    assert f'href="../{TASK}/report.html"' in (jobs[1].page / "report.html").read_text()


def test_an_arm_not_asked_for_is_not_shown_as_another_name_of_the_same_runs(few: None, tmp_path: Path) -> None:
    arms = tuple(replace(GRID.arms[0], label=label) for label in ("LN", "the same"))
    grid, grade = replace(GRID, arms=arms, axis="", values=(None,)), replace(GRADE, arms=("LN",))
    job = Job(grid, grade, tmp_path)
    call([job])
    assert [row["what"] for row in cells(job.page)] == ["LN"]
    both = read_results(grid, replace(grade, arms=None), job.folder)
    assert both.arms == ["LN", "the same"] and both.one(TASK, *both.arms)


def test_scores_near_zero_tell_nothing() -> None:
    def results(height: float) -> FoundResults:
        curve = Curve(np.array([0, 30, 45]), np.array([[90.0, 50.0, height], [90.0, 50.0, 0.0]]))
        key = Key(TASK, "LN", 1.0)
        return FoundResults(GRID, GRADE, {key: Cell(key, {("offline", "score"): curve}, "")}, 4)

    assert results(1.0).telling == [] and "nothing can be told" in results(1.0).silence()[0]
    assert results(7.0).telling == [TASK] and not results(7.0).silence()
    (cell,) = results(7.0).cells.values()
    assert cell.last("score").tolist() == [7.0, 0.0] and cell.best("score").tolist() == [50.0, 50.0]


def test_a_member_that_diverges_does_not_take_the_others_with_it(few: None, tmp_path: Path) -> None:
    """A learning rate of 1e30 ends in NaN at once; the other value of the axis is trained all the same."""
    grid = replace(GRID, arms=GRID.arms[:1], axis="critic_lr", values=(3e-4, 1e30))
    job = Job(grid, GRADE, tmp_path)
    (unit,) = job.units(Machine(), "")
    call([job])
    results = read_results(grid, GRADE, job.folder)
    assert [key.value for key in results.cells] == [3e-4]
    assert "diverged: member 2 (seed 0), 3 (seed 1)" in results.diverged[0]
    summary = json.loads((job.page / "summary.json").read_text())
    assert (summary["planned_cells"], summary["finished_cells"]) == (2, 1)
    (unit,) = job.units(Machine(), "")
    assert unit.done and not call([job]).finished


def test_a_page_shows_what_other_calls_have_trained(few: None, tmp_path: Path) -> None:
    grid = replace(GRID, arms=GRID.arms[:1], values=(1.0, 3.0, 10.0, 100.0))
    for values in ((10.0, 100.0), (1.0, 3.0)):  # populations of one size: one program
        call([Job(grid, replace(GRADE, values=values), tmp_path)])
    page = Job(grid, GRADE, tmp_path).page
    assert [row["what"] for row in cells(page)] == [f"LN, reward_scale={value}" for value in (1, 3, 10, 100)]
