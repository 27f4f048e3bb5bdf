"""`pars reproduce`: experiments at a grade, their units, and the pages that show what is there."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pars.errors import Interrupted
from pars.report.pages.html import section
from pars.report.pages.overview import write_report
from pars.report.pages.reproduction import write_index, write_page
from pars.reproduce.base import Finding, Study
from pars.reproduce.cost import Machine
from pars.reproduce.grid import Grade, Grid, make_configs
from pars.reproduce.results import read_results
from pars.reproduce.units import TWIN, Outcome, Unit, grid_units, load_arrays, part_path, run_units, study_units
from pars.system import write_whole
from pars.training.view import View

Experiment = Study | Grid


@dataclass(frozen=True)
class Job:
    """An experiment at a grade (None: a study), and where it lives."""

    experiment: Experiment
    grade: Grade | None
    out: Path

    @property
    def folder(self) -> Path:
        if self.grade is None:
            return self.out / self.experiment.id / f"{self.seeds}seeds"
        return self.out / (self.grid.runs or self.grid.id) / self.grade.name(self.grid)

    @property
    def page(self) -> Path:
        """Folder of page and figures; several experiments may show the same runs."""
        shares = isinstance(self.experiment, Grid) and self.experiment.runs
        return self.folder / self.experiment.id if shares else self.folder

    @property
    def grid(self) -> Grid:
        assert isinstance(self.experiment, Grid)
        return self.experiment

    @property
    def seeds(self) -> int:
        return self.experiment.seeds if self.grade is None else self.grade.seeds

    def units(self, machine: Machine, command: str) -> list[Unit]:
        if isinstance(self.experiment, Study):
            return list(study_units(self.experiment, self.seeds, self.folder))
        assert self.grade is not None
        return list(grid_units(self.grid, self.grade, self.folder, machine, command))


def plan_units(
    jobs: Sequence[Job], machine: Machine, command: str, progress: Callable[[int, int], None] | None = None
) -> list[list[Unit]]:
    """The units of each job; none where another job's runs are shown, and every twin collected once."""
    ids, collected = {job.experiment.id for job in jobs}, set()
    found: list[list[Unit]] = []
    for done, job in enumerate(jobs):
        if progress:
            progress(done, len(jobs))
        elsewhere = isinstance(job.experiment, Grid) and job.experiment.runs in ids
        units = [] if elsewhere else job.units(machine, command)
        found.append([unit for unit in units if unit.label not in collected])
        collected |= {unit.label for unit in units if unit.label.startswith(TWIN)}
    return found


def reproduce(jobs: Sequence[Job], units: Sequence[Unit], budget: float | None, view: View, command: str,
              begun: float | None = None, run: Callable[..., Outcome] = run_units) -> Outcome:  # fmt: skip
    """Run the jobs' units and write all pages and the index, also when interrupted, by SIGTERM as by SIGINT.

    Args:
        run: as `run_units`.
        begun: of `time.monotonic`, where the budget counts from.
    """
    for job in jobs:
        note_grade(job)
    errors: list[Exception] = []
    try:
        with _terminated_as_interrupted():
            outcome = run(units, budget, view, begun=begun)
    finally:
        for job in jobs:
            try:
                for line in show_job(job, command):
                    view.note(line)
            except Exception as error:  # a page that fails must hide neither the others nor why training stopped
                view.note(f"{job.experiment.id}: its page could not be written: {error}")
                errors.append(error)
        write_index(jobs[0].out)
    if errors:
        raise errors[0]
    return outcome


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends what is computed where SIGINT does; training has its own way. Raises Interrupted for both."""
    previous = signal.getsignal(signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    if main:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped; what is finished is kept; run the same command to continue") from None
    finally:
        if main:
            signal.signal(signal.SIGTERM, previous)


def show_job(job: Job, command: str) -> list[str]:
    """Write the page of what is there; lines for the terminal."""
    return _show_study(job, job.experiment, command) if isinstance(job.experiment, Study) else _show_grid(job, command)


def _show_study(job: Job, study: Study, command: str) -> list[str]:
    paths = {name: part_path(job.folder, name) for name in study.parts}
    missing = [name for name, path in paths.items() if not path.is_file()]
    said = f"computed here, {job.seeds} seeds" if job.seeds > 1 else "computed here"
    if missing:
        finding = Finding(reading=[f"Not finished: {', '.join(missing)} missing."])
    else:
        finding = study.show({name: load_arrays(path) for name, path in paths.items()})
    counted = {"planned_cells": len(paths), "finished_cells": len(paths) - len(missing)}
    said = said if paths else "printed numbers, nothing computed"
    return write_page(job.page, study, finding, said, progress=counted if missing else None, command=command)


def _show_grid(job: Job, command: str) -> list[str]:
    """All cells that the folder has, also of earlier calls for other tasks, arms or values."""
    grid, asked = job.grid, job.grade
    assert asked is not None
    tasks = [task for task in grid.tasks if (job.folder / task).is_dir()]
    values = None if asked.values is None else tuple(dict.fromkeys([*grid.values, *asked.values]))
    grade = replace(asked, tasks=tuple(dict.fromkeys([*tasks, *asked.tasks])), arms=None, values=values)
    results = read_results(grid, grade, job.folder, asked.arms)
    for task in results.tasks:
        if not (job.folder / task / "report.html").is_file():  # killed before it was written
            write_report(job.folder / task)
    shown = grid.show(results) if results.cells else Finding(reading=["No run has finished yet."])
    table, profiles = results.across() if results.cells else ("", None)
    pictures = [*shown.pictures, *([profiles] if profiles else [])]
    reading = [*results.diverged, *results.earlier, *results.silence(), *shown.reading]
    finding = Finding([*results.comparisons(), *shown.comparisons], pictures, reading)
    wanted = [key for task in asked.tasks for key in make_configs(grid, asked, task)]
    counted = {"planned_cells": len(wanted), "finished_cells": sum(key in results.cells for key in wanted)}
    text = f"{grade.text(grid)}; physics: {', '.join(results.physics) or 'none'}"
    return write_page(
        job.page, grid, finding, text, results.comparable, progress=counted,
        above="../" if job.page != job.folder else "", command=command, more=section("Over all tasks", table),
    )  # fmt: skip


def note_grade(job: Job) -> None:
    """experiment.json beside the runs: what they are, for a reader without this library."""
    facts: dict[str, Any] = {"experiment": job.experiment.id, "title": job.experiment.title, "seeds": job.seeds}
    if job.grade is not None:
        facts |= {
            "data": job.grade.data,
            "steps_scale": job.grade.steps_scale,
            "settings": {name: str(value) for name, value in job.grade.settings.items()},
            "rows": job.grade.rows,
            "episodes": job.grade.episodes,
            "paper_grade": job.grade.paper(job.grid),
        }
    write_whole(job.folder / "experiment.json", json.dumps(facts, indent=1) + "\n")
