"""Methods over several tasks at once: aggregates with stratified intervals, profiles, who improves on whom."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pars.report.charts.plot import Picture
from pars.report.charts.profiles import profile_picture
from pars.report.pages import html
from pars.report.stats.aggregate import STATISTICS, aggregate, improvement_over_tasks, matrix

Scores = Mapping[str, Mapping[str, np.ndarray]]  # method -> task -> one score of each seed
NOTE = (
    "Over {tasks} and {runs} seeds each, all that every method has finished: {names}. Intervals: 95 % stratified "
    "bootstrap over seeds within tasks, 2,000 draws (Agarwal et al. 2021); they say what other seeds on these tasks "
    "would give, and nothing about other tasks. Optimality gap: how far scores lie below 100. Improvement: the "
    "probability that a seed of the row scores higher than one of {first} on the same task, ties counted half."
)


def common(scores: Scores) -> dict[str, np.ndarray]:
    """Method -> scores [runs, tasks] on the tasks that all have, with as many runs as all have. {} for fewer than two
    methods or without such a task."""
    shown = {label: tasks for label, tasks in scores.items() if any(len(values) for values in tasks.values())}
    first = next(iter(shown.values()), {})
    tasks = [task for task in first if all(len(own.get(task, ())) for own in shown.values())]
    if len(shown) < 2 or not tasks:
        return {}
    runs = min(len(own[task]) for own in shown.values() for task in tasks)
    return {label: matrix({task: own[task] for task in tasks}, runs) for label, own in shown.items()}


def across(name: str, scores: Scores) -> tuple[str, Picture | None]:
    """Markup of the section's table and the profiles; empty where there are not two methods to compare."""
    found = common(scores)
    if not found:
        return "", None
    labels = list(found)
    first = found[labels[0]]
    header = ("method", *STATISTICS, f"improvement over {labels[0]}")
    rows = []
    for label, own in found.items():
        numbers = [aggregate(own, statistic).text() for statistic in STATISTICS.values()]
        rows.append([label, *numbers, "—" if own is first else improvement_over_tasks(own, first).text()])
    shown = [scores[label] for label in found]
    tasks = [task for task in shown[0] if all(len(own.get(task, ())) for own in shown)]
    count = f"{first.shape[1]} task{'s' if first.shape[1] > 1 else ''}"
    note = NOTE.format(tasks=count, runs=first.shape[0], names=", ".join(tasks), first=labels[0])
    return html.table(header, rows) + html.note(note), profile_picture(
        f"{name}-profiles", "Performance profiles", found
    )
