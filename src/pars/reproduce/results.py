"""What runs of a grid have logged, cell by cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pars.config import to_dict
from pars.report.charts.plot import Picture
from pars.report.load import read_run
from pars.report.records import Curve, GroupRecord
from pars.report.series import show
from pars.report.stats.across import across
from pars.report.stats.comparison import Comparison
from pars.reproduce import say
from pars.reproduce.grid import Cell, Grade, Grid, Key, Quantity, make_configs, same
from pars.training.folder import FORMAT, read_description


@dataclass(frozen=True)
class FoundResults:
    """`grid.Results` as read from disk."""

    grid: Grid
    grade: Grade
    cells: dict[Key, Cell]
    planned: int  # cells
    physics: tuple[str, ...] = ()
    diverged: tuple[str, ...] = ()  # a sentence for each population that did
    earlier: tuple[str, ...] = ()  # and for each task with results of an earlier version
    configs: Mapping[Key, tuple[str, Any]] = field(default_factory=dict)  # algorithm and config of every cell

    @property
    def comparable(self) -> bool:
        return self.grade.paper(self.grid) and set(self.physics) <= {"d4rl"}

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(key.task for key in self.cells))

    @property
    def telling(self) -> list[str]:
        """The tasks that say something: not those where nobody has scored."""
        score = next((quantity for quantity in self.grid.quantities if quantity.name == "score"), None)
        keys = {task: [key for key in self.cells if key.task == task] for task in self.tasks}
        return [task for task in self.tasks if not score or say.told([self.last(*key, score) for key in keys[task]])]

    def silence(self) -> list[str]:
        """A sentence for each of the others."""
        return [f"{task}: every score is near zero, so nothing can be told." for task in self.tasks
                if task not in self.telling]  # fmt: skip

    def across(self) -> tuple[str, Picture | None]:
        """The arms over all tasks at once: markup and profiles, of the score; nothing where a setting is varied."""
        score = next((quantity for quantity in self.grid.quantities if quantity.name == "score"), None)
        if score is None or self.grid.axis:
            return "", None
        scores: dict[str, dict[str, np.ndarray]] = {}
        for key in self.cells:
            scores.setdefault(key.arm, {})[key.task] = self.last(*key, score)
        return across(self.grid.id, scores)

    @property
    def arms(self) -> list[str]:
        there = {key.arm for key in self.cells}
        return [arm.label for arm in self.grid.arms if arm.label in there]

    @property
    def values(self) -> list[Any]:
        """Of the axis; numbers in their order."""
        found = list(dict.fromkeys(key.value for key in self.cells))
        return sorted(found) if all(isinstance(value, int | float) for value in found) else found

    def last(self, task: str, arm: str, value: Any = None, quantity: Quantity | None = None) -> np.ndarray:
        """Of each seed [n], at the end; empty where the cell is not finished."""
        quantity = quantity or self.grid.quantities[0]
        cell = self.cells.get(Key(task, arm, value))
        return np.zeros(0) if cell is None else cell.last(quantity.name, quantity.phase)

    def one(self, task: str, arm: str, other: str) -> bool:
        """Whether two arms are the same runs on a task, since their settings are equal there."""
        return _runs(self.configs, Key(task, arm)) == _runs(self.configs, Key(task, other))

    def comparisons(self) -> Iterator[Comparison]:
        """Every cell beside the published number, if there is one."""
        for key, cell in self.cells.items():
            setting = "" if key.value is None else f", {self.grid.axis}={show(key.value)}"
            for quantity in self.grid.quantities:
                values = cell.last(quantity.name, quantity.phase)
                best = cell.best(quantity.name, quantity.phase) if quantity.name == "score" else None
                name = f"{key.arm}{setting}" + (f": {quantity.title}" if len(self.grid.quantities) > 1 else "")
                reference = self.grid.published(key, quantity)
                if values.size:
                    yield Comparison(name, key.task, values, reference, cell.link, best)


def read_results(grid: Grid, grade: Grade, folder: Path, arms: Collection[str] | None = None) -> FoundResults:
    """What there is in the folder of a grade, which holds a run for each task.

    arms: those asked for. Others are there too if runs of their own are: not as another name for what was asked for.
    """
    cells: dict[Key, Cell] = {}
    every: dict[Key, tuple[str, Any]] = {}
    planned, physics, diverged, earlier = 0, set(), [], []
    for task_id in grade.tasks:
        configs = make_configs(grid, grade, task_id)
        every |= configs
        planned += len(configs)
        run = folder / task_id
        if not any(run.glob("*/run.json")):
            continue
        found = read_run(run).groups
        diverged += [f"{task_id}: {group.message.rstrip('.')}." for group in found if group.state == "diverged"]
        groups = [group for group in found if group.state == "finished"]
        if any(read_description(group.folder)["format"] != FORMAT for group in groups):
            earlier.append(f"{task_id}: finished results of an earlier version of pars are taken as they are.")
        physics |= {group.physics for group in groups}
        for key, (name, cfg) in configs.items():
            curves = _curves(groups, name, cfg, grade.seeds)
            if curves:
                cells[key] = Cell(key, curves, f"{task_id}/report.html")
    if arms is not None:
        asked = {(key.task, _runs(every, key)) for key in cells if key.arm in arms}
        own = {key.arm for key in cells if key.arm in arms or (key.task, _runs(every, key)) not in asked}
        cells = {key: cell for key, cell in cells.items() if key.arm in own}
    return FoundResults(grid, grade, cells, planned, tuple(sorted(physics)), tuple(diverged), tuple(earlier), every)


def _runs(configs: Mapping[Key, tuple[str, Any]], key: Key) -> tuple[str, str]:
    """What two cells of a task that show the same runs have in common."""
    name, cfg = configs[key]
    return name, repr(to_dict(cfg))


def _curves(groups: list[GroupRecord], algorithm: str, cfg: Any, seeds: int) -> dict[tuple[str, str], Curve]:
    """The metrics of an algorithm with this config, its seeds as rows; {} unless one group has all of them."""
    for group in groups:
        if group.algorithm != algorithm:
            continue
        own = {member.seed: i for i, member in enumerate(group.members) if same(cfg, member.settings)}
        if set(range(seeds)) <= own.keys():
            rows = [own[seed] for seed in range(seeds)]
            return {
                (phase, name): curve.of(rows)
                for phase, curves in group.metrics.items()
                for name, curve in curves.items()
            }
    return {}
