"""The paper's datasets in its order, and published numbers as references."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pars.presets.sets import SETS
from pars.report.stats.comparison import Reference
from pars.reproduce import paper
from pars.reproduce.grid import Key, Quantity

ANTMAZE, ADROIT, MUJOCO = (tuple(SETS[family]) for family in ("antmaze", "adroit", "mujoco"))
CLONED = tuple(task for task in ADROIT if "cloned" in task)
FINE_TUNED = tuple(task for task in MUJOCO if "medium-expert" not in task)
DIVERSE = tuple(task for task in ANTMAZE if "diverse" in task)
PANELS = (  # of Figures 17 and 18, which do not name their datasets: a choice of ours from all three families
    "antmaze-umaze-diverse-v2", "antmaze-medium-diverse-v2", "antmaze-large-diverse-v2", "hopper-medium-v2",
    "walker2d-medium-v2", "pen-cloned-v1", "hammer-cloned-v1",
)  # fmt: skip


def reference(
    table: str, task: str, method: str, alike: bool = True, tolerance: float | None = None
) -> Reference | None:
    """A printed number as something to be held against, None if there is none. alike: see `Reference`."""
    found = paper.find(table, task, method)
    if found is None:
        return None
    title = table.replace("table", "Table ")
    return Reference(found.mean, found.std, paper.SEEDS, tolerance, title, alike)


def best_other(table: str, task: str) -> paper.Published:
    """The highest printed number of a method other than PARS."""
    return max((one for one in paper.load(table) if one.dataset == task and one.method != "PARS"), key=lambda o: o.mean)


def of_table(table: str, methods: Mapping[tuple[str, Any], str]) -> Callable[[Key, Quantity], Reference | None]:
    """`Grid.published` from a table: (arm, value) -> the method's name there. What is not named has no reference."""

    def published(key: Key, quantity: Quantity) -> Reference | None:
        method = methods.get((key.arm, key.value))
        return None if method is None else reference(table, key.task, method)

    return published
