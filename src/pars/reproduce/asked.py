"""What the words of `pars reproduce` ask for: experiments, each at the grade that the options say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pars.algos import find_algorithm
from pars.config import MOST_EPISODES, MOST_VALUES, check_whole, coerce, field_types
from pars.envs import TASKS
from pars.errors import UsageError, unknown
from pars.reproduce.base import Study
from pars.reproduce.catalogue import find
from pars.reproduce.grid import Grid, make_configs, paper_grade, small_grade
from pars.reproduce.reproduce import Job


@dataclass(frozen=True)
class Asked:
    """Words and options, as JSON can hold them.

    Args:
        ids: of experiments.
        changes: of the grade: data, steps_scale, seeds, rows, episodes.
        tasks, arms: these only.
        axes: settings, or values of an experiment's own axis.
    """

    ids: Sequence[str]
    changes: Mapping[str, Any] = field(default_factory=dict)
    tasks: Sequence[str] = ()
    arms: Sequence[str] = ()
    axes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    small: bool = False

    def jobs(self, out: Path) -> list[Job]:
        """Raises UsageError."""
        found = find([*self.ids])
        given = self.axes or self.tasks or self.arms or self.changes.keys() - {"seeds"}
        if given and all(isinstance(one, Study) for one in found):
            names = ", ".join(one.id for one in found)
            raise UsageError(f"{names}: computed, not trained; only --seeds changes anything")
        return [make_job(one, self, out) for one in found]


def make_job(one: Study | Grid, asked: Asked, out: Path) -> Job:
    """An experiment at the grade that is asked for. Raises UsageError for options that do not fit."""
    changes = asked.changes
    count, scale = changes.get("seeds"), changes.get("steps_scale", 1.0)
    check_whole("--seeds", count, 1, MOST_VALUES)
    if not 0.0 < scale <= 1.0:
        raise UsageError(f"--steps-scale {scale:g} is not a share up to 1")
    check_whole("--rows", changes.get("rows"), 1)
    check_whole("--episodes", changes.get("episodes"), 1, MOST_EPISODES)
    if isinstance(one, Study):
        seeds = count if count and one.seeds > 1 else one.seeds
        return Job(replace(one, seeds=seeds, seconds=one.seconds * seeds / one.seeds), None, out)
    grade = replace(small_grade(one) if asked.small else paper_grade(one), **changes)
    if grade.data == "d4rl" and "rows" not in changes:
        grade = replace(grade, rows=None)  # of the small form's twins
    values, settings = _settings(one, asked.axes)
    known = [arm.label for arm in one.arms]
    if strange := [arm for arm in asked.arms if arm not in known]:
        raise UsageError(f"{one.id}: {unknown('arm', strange[0], known)}")
    grade = replace(
        grade,
        tasks=tuple(asked.tasks) or grade.tasks,
        arms=tuple(asked.arms) or grade.arms,
        values=values or grade.values,
        settings={**grade.settings, **settings},
    )
    if grade.data == "d4rl" and grade.rows:
        raise UsageError("--rows is the size of a twin; add --data twin")
    for task_id in grade.tasks:  # unknown names and settings are said before anything starts
        if task_id not in TASKS:
            raise UsageError(unknown("task", task_id, TASKS))
        make_configs(one, grade, task_id)
    return Job(one, grade, out)


def _settings(grid: Grid, axes: Mapping[str, Sequence[str]]) -> tuple[tuple[Any, ...] | None, dict[str, Any]]:
    """Values of the grid's axis, if given, and settings (`hidden=64x64`), with the types that the arms give them."""
    axis, found = None, {}
    kinds = [find_algorithm(arm.algorithm).config for arm in grid.arms]
    for name, values in axes.items():
        kind = next((kind for kind in kinds if name in field_types(kind)), None)
        if kind is None:
            known = {setting for kind in kinds for setting in field_types(kind)}
            raise UsageError(f"{grid.id}: {unknown('setting', name, known)}")
        converted = tuple(coerce(kind, name, value) for value in values)
        if name == grid.axis:
            axis = converted
        elif len(values) > 1:
            own = grid.axis or "none"
            raise UsageError(
                f"{name}={','.join(values)}: {grid.id} takes one value of a setting; its own axis is {own}"
            )
        else:
            found[name] = converted[0]
    return axis, found
