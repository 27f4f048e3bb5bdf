"""Tables 8 to 11: the settings that the paper prints, beside those that PARS's preset starts with."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars import presets
from pars.algos import find_algorithm
from pars.config import as_text
from pars.presets.sets import D4RL
from pars.report.stats.comparison import Comparison, Finding, Reference
from pars.reproduce.base import Arrays, Study

FILE = Path(__file__).parent / "settings.csv"
ALGORITHM, ALL = "pars", "all"


class Printed(NamedTuple):
    """A value as the paper prints it. scope: a dataset, a robot, a family of tasks, or all."""

    table: str
    scope: str
    setting: str  # the library's name for it
    value: str

    @property
    def datasets(self) -> list[str]:
        return [name for name in D4RL if self.scope in (name, name.partition("-")[0], presets.family(name), ALL)]


@cache
def printed(table: str) -> list[Printed]:
    """All values of a table ("table8") in its order."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [one for one in (Printed(**row) for row in csv.DictReader(file)) if one.table == table]


def preset_values(one: Printed) -> list[Any]:
    """What the preset has for it, each value once. Of layers it is their width, as the paper prints no depth."""
    algo = find_algorithm(ALGORITHM)
    configs = [algo.configure(presets.settings(ALGORITHM, dataset)) for dataset in one.datasets]
    values = [getattr(cfg, one.setting) for cfg in configs]
    return list(dict.fromkeys(part for value in values for part in (value if isinstance(value, tuple) else [value])))


def equal(one: Printed) -> bool:
    return [as_text(value) for value in preset_values(one)] == [one.value]


def show(parts: Mapping[str, Arrays], table: str) -> Finding:
    rows, title = printed(table), table.replace("table", "Table ")
    comparisons = [
        Comparison(
            one.setting,
            one.scope,
            np.array(preset_values(one), float),
            Reference(float(one.value), tolerance=0.0, source=title),
        )
        for one in rows
        if _is_number(one.value)
    ]
    unlike = [one for one in rows if not equal(one)]
    words = [one for one in rows if not _is_number(one.value)]
    reading = [
        f"{one.scope}: {one.setting} is {one.value} in the paper and {', '.join(map(as_text, preset_values(one)))} in "
        "the preset."
        for one in unlike
    ]
    reading += [f"In words, {one.setting} on {one.scope}: {one.value} in both." for one in words if one not in unlike]
    reading.append(f"{len(rows) - len(unlike)} of {len(rows)} values that {title} prints are those of the preset.")
    return Finding(comparisons, reading=reading)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _study(table: str, title: str, claim: str, *notes: str) -> Study:
    return Study(table, title, claim, parts={}, show=partial(show, table=table), seconds=0.0, notes=notes)


TABLE8 = _study(
    "table8",
    "Q_min by robot, as printed and in the preset",
    "Q_min is a constant of each environment",
    "The paper's formula multiplies it by c; the printed values are of raw rewards, and are taken as printed "
    "(`q_min_scaled` multiplies).",
)
TABLE9 = _study(
    "table9",
    "General settings, as printed and in the preset",
    "one set of general settings serves each family of tasks",
    "Adam, which the table names too, is the only optimiser of the library. Widths of layers are printed, their number "
    "is not; learning starts at once (learning_starts).",
)
TABLE10 = _study(
    "table10",
    "PARS's settings on AntMaze and Adroit, as printed and in the preset",
    "c, beta and alpha by dataset",
    "penalty_weight_online is not a column of the table but of the text around it. Expert sets are not fine-tuned in "
    "the paper.",
)
TABLE11 = _study(
    "table11",
    "PARS's settings on MuJoCo, as printed and in the preset",
    "alpha, the target's noise and the number of critics in the target by dataset",
    "beta is 0 on all of them. Medium-expert sets are not fine-tuned in the paper.",
)
