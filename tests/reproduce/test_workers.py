"""`pars reproduce` by the workers of a sweep: the same folders and numbers as without them, and nothing lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pars.reproduce import units, workers
from pars.reproduce.asked import Asked
from pars.reproduce.cost import Machine, Seconds
from pars.reproduce.units import Unit
from pars.reproduce.workers import Runner
from pars.sweep.units import read_order
from pars.sweep.work import Ended, work
from pars.training.folder import read_status
from pars.training.progress import make_view
from tests.runs import few_rows
from tests.sweep.test_sweep import kill_when_it_trains

pytestmark = pytest.mark.usefixtures("no_png")

VIEW = make_view(quiet=True)
WORDS = ["table14", "--small", "--seeds", "1", "--steps-scale", "0.0001", "--episodes", "1"]
TINY = ["hidden=8x8", "actor_hidden=8x8", "batch_size=16"]
ASKED = Asked(
    ["table14"],
    {"seeds": 1, "steps_scale": 3e-5, "episodes": 1},
    axes={"hidden": ["8x8"], "actor_hidden": ["8x8"], "batch_size": ["16"]},
    small=True,
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "open_dataset", lambda *args, **kwargs: few_rows())


class InThisProcess:
    """A pool of one worker that is this process; told to, it dies at first."""

    workers, cores, gpu, room = 1, 1, False, 1

    def __init__(self, root: Path, deaths: int = 0) -> None:
        self.root, self.deaths, self.asked = root, deaths, list[int]()

    def start(self, number: int) -> None:
        self.asked.append(number)

    def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]:
        self.deaths -= 1
        yield self.asked[-1], Ended("died") if self.deaths >= 0 else work(self.root, self.asked[-1], workers.__name__)

    def close(self) -> None: ...


def planned(out: Path) -> list[Unit]:
    return [unit for job in ASKED.jobs(out) for unit in job.units(Machine(), "")]


def run(pool: InThisProcess, given: list[Unit], retries: int = 3, budget: float | None = None) -> units.Outcome:
    return Runner(pool, retries, pool.root, ASKED, "pars reproduce table14")(given, budget, VIEW)


def test_workers_train_what_this_process_would(few: None, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert len(units.run_units(planned(here), None, VIEW).finished) == len(planned(here)) == 1
    pool = InThisProcess(there, deaths=1)
    outcome = run(pool, planned(there))
    assert (len(outcome.finished), outcome.left, outcome.errors) == (1, [], [])
    assert pool.asked == [0, 0]  # the first worker died

    order = read_order(there)
    assert order is not None
    (unit,) = order.units
    assert {read_status(root / unit.place)["digest"] for root in (here, there)} == {
        read_status(here / unit.place)["digest"]
    }
    assert (there / unit.run / "report.html").is_file()
    assert all(unit.done for unit in planned(there)) and not run(pool, planned(there)).finished
    assert pool.asked == [0, 0]


def test_what_fails_is_said_and_what_time_leaves_out_is_left(few: None, tmp_path: Path) -> None:
    outcome = run(InThisProcess(tmp_path, deaths=9), planned(tmp_path), retries=0)
    assert [error.exit_code for error in outcome.errors] == [7] and not outcome.left and not outcome.finished
    outcome = run(InThisProcess(tmp_path), planned(tmp_path), budget=1e-9)
    assert len(outcome.left) == 1 and not outcome.errors
    broken = replace(planned(tmp_path)[0], ready=lambda: False)  # its twin is not there
    assert run(InThisProcess(tmp_path), [broken]).left == [broken]


@pytest.mark.slow
def test_a_worker_collects_the_twin_that_its_machine_lacks(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[str] = []
    monkeypatch.setattr(workers, "data_seconds", lambda grade, task_id, physics: 1.0)
    monkeypatch.setattr(workers, "collect", lambda grade, task_id: collected.append(task_id))
    assert run(InThisProcess(tmp_path), planned(tmp_path)).finished
    (part,) = planned(tmp_path)[0].parts
    assert collected == [part.task_id]


def test_twins_come_first_and_what_is_computed_last(tmp_path: Path) -> None:
    order: list[str] = []

    def unit(label: str) -> Unit:
        return Unit("a", label, Seconds(1.0, 1.0), False, lambda stop, view: order.append(label), True)

    pool = InThisProcess(tmp_path)
    outcome = run(pool, [unit("computed"), unit(units.TWIN + "x")])
    assert order == [units.TWIN + "x", "computed"] and len(outcome.finished) == 2 and not pool.asked


@pytest.mark.slow
@pytest.mark.parametrize("where", [["--workers", "1"], ["--ray", "local", "--cores", "1"]], ids=["here", "ray"])
def test_a_killed_worker_loses_nothing(tmp_path: Path, where: list[str]) -> None:
    killed: list[int] = []

    threading.Thread(target=kill_when_it_trains, args=(tmp_path, killed, "table14/*/*/*/lock"), daemon=True).start()
    words = [sys.executable, "-m", "pars.cli", "reproduce", *WORDS, *TINY, *where, "--out", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert killed and "1 workers lost" in done.stdout and "1 units finished" in done.stdout
    assert (tmp_path / "index.html").is_file()
