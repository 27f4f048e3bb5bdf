"""The populations of `pars reproduce` by the workers of a sweep: each is a unit, trained as it would be here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pars.errors import Interrupted, ParsError
from pars.report.pages.overview import write_report
from pars.reproduce.asked import Asked
from pars.reproduce.cost import collect, data_seconds
from pars.reproduce.grid import Grade, make_groups
from pars.reproduce.units import TWIN, Outcome, Part, Unit, end_of, make_part, run_units, train
from pars.sweep import sweep, units
from pars.sweep.drive import Pool
from pars.training.checkpoint import lock
from pars.training.plan import How
from pars.training.progress import make_view
from pars.training.view import Stop, View


class Runner:
    """As `run_units`, but populations are trained by a pool, after all twins and before what is computed.

    Args:
        root: where the experiments have their folders.
        retries: how often in a row a population's worker may die without a new checkpoint.
    """

    def __init__(self, pool: Pool, retries: int, root: Path, asked: Asked, command: str) -> None:
        self.pool, self.retries, self.root = pool, retries, root.resolve()
        self.options = {**asdict(asked), "command": command}

    def __call__(self, given: Sequence[Unit], budget: float | None, view: View, begun: float | None = None) -> Outcome:
        begun = time.monotonic() if begun is None else begun
        twins = [unit for unit in given if unit.label.startswith(TWIN)]
        computed = [unit for unit in given if unit not in twins and not unit.parts]
        whole = run_units(twins, budget, view, begun=begun)
        with lock(self.root):
            whole += self._train([unit for unit in given if unit.parts and not unit.done], end_of(begun, budget), view)
        return whole + run_units(computed, budget, view, begun=begun)

    def _train(self, given: Sequence[Unit], end: float | None, view: View) -> Outcome:
        """Raises Interrupted on a signal; those that time left out are left."""
        ready = {self._unit(unit).place: unit for unit in given if unit.ready()}
        order = units.Order(self.options, tuple(map(self._unit, ready.values())))
        failures, stop = sweep.Failures(), Stop(end)
        if ready:
            units.write_order(self.root, order)
            try:
                failures = sweep.run_units(self.root, order.units, self.pool, self.retries, stop, view.note)
            except Interrupted:
                if stop.signalled:
                    raise
        for unit in ready.values():
            unit.done = all(part.done for part in unit.parts)
        finished = [unit for unit in ready.values() if unit.done]
        for run in {part.run for unit in finished for part in unit.parts}:
            write_report(run)
        failed = [ready[place] for place, _ in failures]
        left = [unit for unit in given if not unit.done and unit not in failed]
        return Outcome(finished, left, [_error(place, ended) for place, ended in failures])

    def _unit(self, unit: Unit) -> units.Unit:
        (part,) = unit.parts  # tasks are apart: a worker trains one
        members, phases = tuple(range(len(part.group.seeds))), tuple(part.group.phases(part.plan))
        run = str(part.run.resolve().relative_to(self.root))
        return units.Unit(run, part.group.name, members, part.group.name, phases)


def _error(place: str, ended: sweep.Ended) -> ParsError:
    error = ParsError(f"{place}: {ended.message}")
    error.exit_code = ended.code
    return error


def train_unit(root: Path, unit: units.Unit, options: Mapping[str, Any]) -> None:
    """In a worker: one population, with its twin if that is not on this machine. Raises what training raises."""
    asked = Asked(**{name: value for name, value in options.items() if name != "command"})
    part, grade = next(_parts(root, unit, asked))
    if data_seconds(grade, part.task_id, 1.0):
        collect(grade, part.task_id)
    train([part], grade, How(make_view(quiet=True), Stop()), options["command"])


def _parts(root: Path, unit: units.Unit, asked: Asked) -> Iterator[tuple[Part, Grade]]:
    """The population that a unit stands for, out of all that is asked for."""
    folder, task_id = (root / unit.run).parent, Path(unit.run).name
    for job in asked.jobs(root):
        if job.grade is not None and job.folder == folder and task_id in job.grade.tasks:
            for group in make_groups(job.grid, job.grade, task_id):
                if group.name == unit.group:
                    yield make_part(job.grid, job.grade, task_id, group, folder), job.grade
