"""Units of work of `pars reproduce`: each is done or not, costs so much, and what fits a budget is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.api import open_dataset
from pars.collect.twins import twin_path
from pars.envs import make_task
from pars.errors import CheckpointError, DivergenceError, Interrupted, ParsError
from pars.files import pass_on
from pars.report.pages.overview import write_report
from pars.reproduce.base import Arrays, Study
from pars.reproduce.cost import Machine, Seconds, collect, data_of, data_seconds
from pars.reproduce.grid import Grade, Grid, make_groups, make_plan, same
from pars.system import cores, replacing
from pars.training.folder import FORMAT, read_description, read_status
from pars.training.launch import train_runs
from pars.training.parts import make_group
from pars.training.plan import Group, How, Plan, Request
from pars.training.progress import duration, sign_of_life
from pars.training.restore import group_folders
from pars.training.view import Stop, View

TWIN = "twin of "  # begins the label of a unit that collects one
PAGES_SECONDS = 10.0  # of a budget that are kept for writing pages
FIRM_SECONDS = 20.0  # what was estimated weighs against what units took as if it came from so long a one
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
    parts: Sequence[Part] = ()  # of a population, one a task


@dataclass
class Outcome:
    """What a call has done: units finished now, those left for the next call, and what is wrong with others."""

    finished: list[Unit]
    left: list[Unit]
    errors: list[ParsError]

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.finished + other.finished, self.left + other.left, self.errors + other.errors)


def run_units(units: Sequence[Unit], budget: float | None, view: View, clock: Callable[[], float] = time.monotonic,
              begun: float | None = None) -> Outcome:  # fmt: skip
    """Run units in their order, those that fit the seconds of the budget; the time that passes corrects the estimates.

    What does not fit whole is left for later; if nothing fits, the first that can be continued is begun, and stopped
    when the budget ends. What cannot be is only run where it fits. An error ends its group of units, not the others.
    Raises Interrupted on a signal.
    """
    begun = clock() if begun is None else begun
    end = end_of(begun, budget)
    outcome, broken = Outcome([], [], []), set()
    took = expected = FIRM_SECONDS

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
        factor = min(max(took / expected, 0.1), 10.0)
        if factor * unit.cost.here > left or not unit.ready():
            outcome.left.append(unit)
            continue
        seconds = attempt(unit)
        if seconds is not None and not unit.begun:
            took, expected = took + seconds, expected + unit.cost.here
    first = next((unit for unit in outcome.left if unit.divisible and unit.ready()), None)
    if first is not None and not outcome.finished and end is not None and clock() < end:
        outcome.left.remove(first)
        attempt(first)
    return outcome


def end_of(begun: float, budget: float | None) -> float | None:
    """When training ends: pages are written after it."""
    return None if budget is None else begun + budget - min(PAGES_SECONDS, 0.1 * budget)


def study_units(study: Study, seeds: int, folder: Path) -> Iterator[Unit]:
    count = len(study.parts)
    share = study.seconds / max(count, 1) * max(2 / cores(), 1.0)
    took: list[float] = []  # seconds of the parts computed now

    for number, (name, part) in enumerate(study.parts.items(), 1):
        path = part_path(folder, name)

        def run(
            stop: Stop, view: View, number: int = number, name: str = name, part: Any = part, path: Path = path
        ) -> None:
            each = sum(took) / len(took) if took else share
            left = duration((count - number + 1) * each)
            doing = f"{study.id}: part {number} of {count}, {name}, {seeds} seeds; about {left} left"
            view.note(doing)
            begun = time.monotonic()
            with sign_of_life(view.note, doing):
                save_arrays(path, part(range(seeds)))
            took.append(time.monotonic() - begun)

        yield Unit(study.id, name, Seconds(share, share), path.is_file(), run, divisible=False)


def part_path(folder: Path, name: str) -> Path:
    return folder / "parts" / f"{name}.npz"


def grid_units(grid: Grid, grade: Grade, folder: Path, machine: Machine, command: str) -> Iterator[Unit]:
    """The twin of each task, if it is to be collected, and the populations on it: of each task by itself, or, where
    members are nearly free, of all tasks at once, after all twins."""
    columns: list[tuple[str, ...]] = [(task_id,) for task_id in grade.tasks]
    for tasks in [tuple(grade.tasks)] if machine.together else columns:
        for task_id in tasks:
            if missing := data_seconds(grade, task_id, machine.physics(task_id)):
                label = f"{TWIN}{twin_path(task_id, grade.rows).stem}"
                gather = _gathering(grade, task_id, f"{label}; about {duration(missing)} in all")
                yield Unit(grid.id, label, Seconds(missing, missing), False, gather, divisible=False, group=label)
        by_task = [make_groups(grid, grade, task_id) for task_id in tasks]
        for groups in zip_longest(*by_task):
            parts = [
                make_part(grid, grade, task_id, group, folder)
                for task_id, group in zip(tasks, groups, strict=True)
                if group is not None
            ]
            yield _population(grid, grade, parts, machine, command)


def _gathering(grade: Grade, task_id: str, doing: str) -> Run:
    def run(stop: Stop, view: View) -> None:
        with sign_of_life(view.note, doing):
            collect(grade, task_id)

    return run


class Part(NamedTuple):
    """What a population trains on one task."""

    task_id: str
    group: Group
    plan: Plan
    run: Path

    @property
    def done(self) -> bool:
        return is_done(self.group, self.plan, self.run)


def make_part(grid: Grid, grade: Grade, task_id: str, group: Group, folder: Path) -> Part:
    return Part(task_id, group, make_plan(grid, grade, task_id, group.algo), folder / task_id)


def _population(grid: Grid, grade: Grade, parts: Sequence[Part], machine: Machine, command: str) -> Unit:
    algo, members = parts[0].group.algo, sum(len(part.group.seeds) for part in parts)
    on = parts[0].task_id if len(parts) == 1 else f"{len(parts)} tasks"
    left = [part for part in parts if not part.done] or parts
    costs = [machine.group(part.group, part.plan, part.task_id) for part in left]
    return Unit(
        grid.id,
        f"{on}: {algo.title}, {members} members",
        sum(costs[1:], costs[0]),
        all(part.done for part in parts),
        _training(left, grade, command),
        divisible=True,
        group=f"{grid.id} {on}",
        begun=any((part.run / part.group.name).exists() for part in parts),
        ready=lambda: not any(data_seconds(grade, part.task_id, 1.0) for part in parts),
        parts=parts,
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


def _training(parts: Sequence[Part], grade: Grade, command: str) -> Run:
    def run(stop: Stop, view: View) -> None:
        train(parts, grade, How(view, stop), command)
        for part in parts:
            write_report(part.run)

    return run


def train(parts: Sequence[Part], grade: Grade, how: How, command: str) -> None:
    """Train the populations, as one where they fit together; what has not diverged of one is trained anew without those
    that have."""
    left = list(parts)
    tasks = {part.task_id: make_task(part.task_id) for part in left}
    columns = left[0].group.algo.stored_columns(left[0].group.configs[0])
    data = {name: open_dataset(data_of(grade, name), task, columns=columns) for name, task in tasks.items()}
    while left:
        asked = [Request([p.group], [p.plan], data[p.task_id], tasks[p.task_id], p.run) for p in left]
        try:
            train_runs(asked, how, command)
            break
        except DivergenceError:
            left = [part for part in map(_rest, left) if part is not None]


def _rest(part: Part) -> Part | None:
    """What is left to train of a part."""
    folder = part.run / part.group.name
    if read_status(folder)["state"] != "diverged":
        return None if part.done else part
    rest = survivors(part.group, folder)
    return part._replace(group=rest) if rest else None


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
        pass_on(path, error)
        raise CheckpointError(f"{path} cannot be read ({error}); remove it and run the same command again") from None
