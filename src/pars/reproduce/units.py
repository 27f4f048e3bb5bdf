"""Units of work of `pars reproduce`: each is done or not, costs so much, and what fits a budget is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pars.api import open_dataset
from pars.collect.twins import twin_path
from pars.envs import make_task
from pars.errors import CheckpointError, DivergenceError, Interrupted, ParsError
from pars.report.pages.overview import write_report
from pars.reproduce.base import Arrays, Study
from pars.reproduce.cost import Machine, Seconds, collect, data_of, data_seconds
from pars.reproduce.grid import Grade, Grid, make_groups, make_plan, same
from pars.system import replacing
from pars.training.folder import FORMAT, read_description, read_status
from pars.training.launch import train_groups
from pars.training.parts import make_group
from pars.training.plan import Group, How, Plan
from pars.training.restore import group_folders
from pars.training.view import Stop, View

TWIN = "twin of "  # begins the label of a unit that collects one
PAGES_SECONDS = 10.0  # of a budget that are kept for writing pages
Run = Callable[[Stop, View], None]


@dataclass
class Unit:
    """A part of a study, a population of a grid, or a dataset to collect."""

    experiment: str
    label: str
    cost: Seconds
    done: bool
    run: Run
    divisible: bool  # whether it can be interrupted and continued
    group: str = ""  # an error ends the others of this name; by default those of its experiment
    begun: bool = False  # by an earlier call, so that its time corrects no estimate
    ready: Callable[[], bool] = lambda: True  # whether what it needs is there


@dataclass
class Outcome:
    """What a call has done: units finished now, those left for the next call, and what is wrong with others."""

    finished: list[Unit]
    left: list[Unit]
    errors: list[ParsError]


def run_units(units: Sequence[Unit], budget: float | None, view: View, clock: Callable[[], float] = time.monotonic,
              begun: float | None = None) -> Outcome:  # fmt: skip
    """Run units in their order, those that fit the seconds of the budget; the time that passes corrects the estimates.

    What does not fit whole is left for later; if nothing fits, the first that can be continued is begun, and stopped
    when the budget ends. An error ends its group of units, not the others. Raises Interrupted on a signal.
    """
    begun = clock() if begun is None else begun
    end = None if budget is None else begun + budget - min(PAGES_SECONDS, 0.1 * budget)
    outcome, factor, broken = Outcome([], [], []), 1.0, set()

    def attempt(unit: Unit) -> float | None:
        """Its seconds if it was finished."""
        before, stop = clock(), Stop(end if unit.divisible else None)
        try:
            unit.run(stop, view)
        except Interrupted:
            if stop.signalled:
                raise
            outcome.left.append(unit)
            return None
        except ParsError as error:
            view.note(f"{unit.experiment}, {unit.label}: failed")
            broken.add(unit.group or unit.experiment)
            outcome.errors.append(error)
            return None
        unit.done = True
        outcome.finished.append(unit)
        return clock() - before

    for unit in [unit for unit in units if not unit.done]:
        if (unit.group or unit.experiment) in broken:
            continue
        left = float("inf") if end is None else end - clock()
        if factor * unit.cost.here > left or not unit.ready():
            outcome.left.append(unit)
            continue
        seconds = attempt(unit)
        if seconds is not None and not unit.begun:
            factor = 0.5 * factor + 0.5 * min(max(seconds / max(unit.cost.here, 1e-3), 0.1), 10.0)
    first = next((unit for unit in outcome.left if unit.divisible and unit.ready()), None)
    if first is not None and not outcome.finished and end is not None and clock() < end:
        outcome.left.remove(first)
        attempt(first)
    return outcome


def study_units(study: Study, seeds: int, folder: Path) -> Iterator[Unit]:
    share = study.seconds * seeds / study.seeds / max(len(study.parts), 1)
    for name, part in study.parts.items():
        path = part_path(folder, name)

        def run(stop: Stop, view: View, name: str = name, part: Any = part, path: Path = path) -> None:
            view.note(f"{study.id}: {name}")
            save_arrays(path, part(range(seeds)))

        yield Unit(study.id, name, Seconds(share, share), path.is_file(), run, divisible=False)


def part_path(folder: Path, name: str) -> Path:
    return folder / "parts" / f"{name}.npz"


def grid_units(grid: Grid, grade: Grade, folder: Path, machine: Machine, command: str) -> Iterator[Unit]:
    """The twin of each task, if it is to be collected, and the populations on it."""
    for task_id in grade.tasks:
        missing = data_seconds(grade, task_id, machine.physics(task_id))
        there = lambda task_id=task_id: not data_seconds(grade, task_id, 1.0)  # noqa: E731
        if missing:
            gather = lambda stop, view, task_id=task_id: collect(grade, task_id)  # noqa: E731
            label = f"{TWIN}{twin_path(task_id, grade.rows).stem}"
            yield Unit(grid.id, label, Seconds(missing, missing), False, gather, divisible=False, group=label)
        for group in make_groups(grid, grade, task_id):
            plan = make_plan(grid, grade, task_id, group.algo)
            run = folder / task_id
            label = f"{task_id}: {group.algo.title}, {len(group.seeds)} members"
            yield Unit(
                grid.id,
                label,
                machine.group(group, plan, task_id),
                is_done(group, plan, run),
                _training(group, plan, task_id, grade, run, command),
                divisible=True,
                group=f"{grid.id} {task_id}",
                begun=(run / group.name).exists(),
                ready=there,
            )


def is_done(group: Group, plan: Plan, run: Path) -> bool:
    """Whether the population, or what divergence has left of it, is trained by this plan, whole or in parts."""
    folder = run / group.name
    if not (folder / "run.json").exists():
        parts = [path for path in group_folders(run) if _holds_part(path, group)]
        members = sum(len(read_description(part)["members"]) for part in parts)
        return members == len(group.seeds) and all(_ended(part, plan) for part in parts)
    if read_status(folder)["state"] == "diverged":
        rest = survivors(group, folder)
        return rest is None or is_done(rest, plan, run)
    return _ended(folder, plan)


def _holds_part(folder: Path, group: Group) -> bool:
    """Whether a folder is of a part of the population, or an earlier version has finished it by another name."""
    there = read_description(folder)
    if there["format"] == FORMAT or there["algorithm"] != group.algo.name:
        return bool(there.get("part_of") == group.name)
    members = [*zip(group.seeds, group.configs, strict=True)]
    return read_status(folder)["state"] == "finished" and all(
        any(seed == own["seed"] and same(cfg, own["settings"]) for seed, cfg in members) for own in there["members"]
    )


def _ended(folder: Path, plan: Plan) -> bool:
    there = read_description(folder)["plan"]
    alike = (there["offline_steps"], there["online_steps"]) == (plan.offline_steps, plan.online_steps)
    return alike and read_status(folder)["state"] in ("finished", "diverged")


def survivors(group: Group, folder: Path) -> Group | None:
    """The population without the members that diverged in `folder`; None if nobody is left or it is not known."""
    lost = read_status(folder).get("diverged", range(len(group.seeds)))
    kept = [(cfg, seed) for i, (cfg, seed) in enumerate(zip(group.configs, group.seeds, strict=True)) if i not in lost]
    return make_group(group.algo, kept) if kept else None


def _training(group: Group, plan: Plan, task_id: str, grade: Grade, run: Path, command: str) -> Run:
    """Train the population; what has not diverged of it is trained anew without those that have."""

    def train(stop: Stop, view: View) -> None:
        task, left = make_task(task_id), group
        columns = group.algo.stored_columns(group.configs[0])
        dataset = open_dataset(data_of(grade, task_id), task, columns=columns)
        while left is not None:
            try:
                train_groups([left], dataset, task, [plan], run, How(view, stop), command)
                break
            except DivergenceError:
                left = survivors(left, run / left.name)  # type: ignore[assignment]
        write_report(run)

    return train


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Whole or not at all."""
    with replacing(path) as aside:
        np.savez(aside, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path) -> Arrays:
    """Raises CheckpointError if the file is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read ({error}); remove it and run the same command again") from None
