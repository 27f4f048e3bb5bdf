"""The forms in which the paper shows its trained experiments, made from the cells of a grid. One picture per task,
unless it is a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from pars.report.charts.bands import band_chart
from pars.report.charts.bars import bar_chart
from pars.report.charts.heat import heat_table
from pars.report.charts.lines import line_chart
from pars.report.charts.plot import Picture
from pars.report.series import show
from pars.reproduce.grid import Key, Quantity, Results

STEPS = {"offline": "gradient steps", "online": "environment steps"}


def bars(results: Results) -> list[Picture]:
    """Arms side by side for each value of the axis, as in Figure 9."""
    grid, values = results.grid, results.values
    groups = [show(value) for value in values]
    return [
        bar_chart(
            f"{grid.id}-{task}", task, groups, results.arms, _scores(results, task), xlabel=_words(grid.axis),
            published=_published(results, task),
        )
        for task in results.tasks
    ]  # fmt: skip


def lines(results: Results, xlabel: str, log: bool) -> list[Picture]:
    """Score over the values of a numeric axis, as in Figures 11 and 17."""
    return [
        line_chart(
            f"{results.grid.id}-{task}", task, results.values, results.arms, _scores(results, task), xlabel=xlabel,
            log_x=log, published=_published(results, task),
        )
        for task in results.tasks
    ]  # fmt: skip


def curves(results: Results, quantity: Quantity) -> list[Picture]:
    """A quantity over training, one line for each arm and value, as in Figures 7, 10 and 13."""
    out = []
    for task in results.tasks:
        found = {}
        for key, cell in results.cells.items():
            curve = cell.curves.get((quantity.phase, quantity.name))
            if key.task == task and curve is not None:
                found[_name(results, key)] = curve
        if found:
            name = f"{results.grid.id}-{task}-{quantity.name}"
            xlabel = f"{STEPS[quantity.phase]}, {quantity.phase}"
            title = f"{task}: {quantity.title}"
            out.append(band_chart(name, title, found, xlabel=xlabel, ylabel=quantity.title))
    return out


def heat(results: Results, quantity: Quantity | None = None) -> list[Picture]:
    """Ours against the paper's, methods by datasets; bars where nothing may be compared."""
    if not results.tasks:
        return []
    tasks, arms = results.tasks, results.arms
    quantity = quantity or results.grid.quantities[0]
    if not results.comparable:
        scores = [[results.last(task, arm, None, quantity) for task in tasks] for arm in arms]
        title = f"{quantity.title[:1].upper()}{quantity.title[1:]} by dataset"
        return [bar_chart(results.grid.id, title, tasks, arms, scores, xlabel="dataset", ylabel=quantity.title)]
    ours = np.array([[_mean(results.last(task, arm, None, quantity)) for task in tasks] for arm in arms])
    theirs = np.array([[_reference(results, Key(task, arm), quantity) for task in tasks] for arm in arms])
    return [heat_table(results.grid.id, "Ours, and the paper's below it", arms, tasks, ours, theirs)]


def _scores(results: Results, task: str) -> list[list[np.ndarray]]:
    return [[results.last(task, arm, value) for value in results.values] for arm in results.arms]


def _published(results: Results, task: str) -> Any:
    """Marks [arms, values] of the paper's numbers, only where ours may stand beside them."""
    if not results.comparable:
        return None
    quantity = results.grid.quantities[0]
    return [[_reference(results, Key(task, arm, value), quantity) for value in results.values] for arm in results.arms]


def _reference(results: Results, key: Key, quantity: Quantity) -> float:
    found = results.grid.published(key, quantity)
    return float("nan") if found is None else found.mean


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _name(results: Results, key: Key) -> str:
    return key.arm if key.value is None else f"{key.arm}, {_words(results.grid.axis)} {show(key.value)}"


def _words(name: str) -> str:
    return name.replace("_", " ")
