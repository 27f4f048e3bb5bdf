"""Tables 13 and 14, Figures 11, 17 and 18: how sensitive PARS is to one of its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pars.report.series import show as word
from pars.report.stats.comparison import Finding, Reference
from pars.reproduce import say
from pars.reproduce.grid import Arm, Grid, Key, Quantity, Results, Small
from pars.reproduce.pictures import bars, heat, lines
from pars.reproduce.sets import ANTMAZE, DIVERSE, PANELS, best_other, reference

PARS = (Arm("PARS", "pars"),)
SMALL = Small(("pointmaze-umaze-diverse",), steps_scale=0.005, episodes=20)  # where so few steps give a score


def _sweep(drawn: Callable[[Results], Any]) -> Callable[[Results], Finding]:
    """Reading of a sweep over one setting: its best value against its worst, on each task."""

    def show(results: Results) -> Finding:
        reading, apart = [], []
        axis = results.grid.axis
        for task in results.telling:
            found = {value: results.last(task, PARS[0].label, value) for value in results.values}
            found = {value: scores for value, scores in found.items() if len(scores)}
            if len(found) < 2:
                continue
            best = max(found, key=lambda value: float(found[value].mean()))
            worst = min(found, key=lambda value: float(found[value].mean()))
            apart.append(say.clearly_above(found[best], found[worst]))
            names = (f"{axis}={word(value)}" for value in (best, worst))
            reading.append(f"{task}: {say.against(next(names), found[best], next(names), found[worst])}.")
        reading.append(say.holds(apart, f"The best value of {axis} is clearly above the worst", claim=False))
        return Finding(pictures=drawn(results), reading=reading)

    return show


def _alpha(key: Key, quantity: Quantity) -> Reference | None:
    return reference("table14", key.task, f"alpha={key.value:g}")


def _capped(settings: dict[str, Any]) -> dict[str, Any]:
    """No more critics chosen than there are."""
    usual = {"target_critics": 2, "actor_critics": 1}
    return settings | {name: min(settings.get(name, few), settings["critics"]) for name, few in usual.items()}


def _single(results: Results) -> Finding:
    """With the other column that the paper has, from the numbers of its Table 2."""
    best = {task: best_other("table2", task) for task in results.tasks}
    beside = ", ".join(f"{task} {one.mean:g} ({one.method})" for task, one in best.items())
    reading = [f"Printed in Table 2 of the best other method: {beside}."]
    for task in results.telling:
        ours = results.last(task, results.arms[0])
        reading.append(f"{task}: {say.mean(ours)} with the single setting, {best[task].mean:g} printed of the others.")
    return Finding(pictures=heat(results), reading=reading)


TABLE13 = Grid(
    "table13",
    "One setting for all mazes",
    "one setting (c = 10,000, alpha = .001, beta = .01) still gives 50 to 93 on every maze",
    tasks=ANTMAZE,
    arms=(Arm("PARS single setting", "pars", preset="single"),),
    published=lambda key, quantity: reference("table13", key.task, key.arm),
    show=_single,
    small=Small(tasks=("antmaze-umaze-diverse-v2",), steps_scale=0.002, rows=200_000, episodes=5, evaluations=1),
    notes=("The paper's other column, the best of the other methods, is taken from its Table 2.",),
)
TABLE14 = Grid(
    "table14",
    "Score against the penalty's weight alpha",
    "scores rise and fall with alpha and are safe from .001 to .1; 0.0001 is too little, 1 too much",
    tasks=DIVERSE,
    arms=PARS,
    axis="penalty_weight",
    values=(1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    published=_alpha,
    show=_sweep(lambda results: lines(results, "alpha", log=True)),
    small=SMALL,
)
FIGURE11 = Grid(
    "figure11",
    "Score against the distance L of infeasible actions",
    "a small L hurts; from 100 to 1000 the score is flat",
    tasks=("antmaze-medium-play-v2", "antmaze-large-diverse-v2"),
    arms=PARS,
    axis="infeasible_distance",
    values=(2.0, 10.0, 100.0, 1000.0, 10_000.0),
    show=_sweep(lambda results: lines(results, "L", log=True)),
    small=SMALL,
    notes=("Datasets and values of L are a choice of ours: the figure's are not known.",),
)
FIGURE17 = Grid(
    "figure17",
    "Score against the number of critics",
    "on AntMaze the number of critics hardly matters; elsewhere more critics help and lower the spread",
    tasks=PANELS,
    arms=PARS,
    axis="critics",
    values=(2, 4, 10),
    adjust=_capped,
    show=_sweep(lambda results: lines(results, "critics", log=False)),
    small=SMALL,
    notes=("Datasets and numbers are a choice of ours: the figure's are not known.",),
)
FIGURE18 = Grid(
    "figure18",
    "Score by activation of the networks",
    "ReLU is the most robust of ReLU, GELU, SiLU, Sigmoid and none",
    tasks=PANELS,
    arms=PARS,
    axis="activation",
    values=("relu", "gelu", "silu", "sigmoid", "identity"),
    show=_sweep(bars),
    small=SMALL,
    notes=("The activation is that of the critics and of the actor.", "Datasets are a choice of ours."),
)
