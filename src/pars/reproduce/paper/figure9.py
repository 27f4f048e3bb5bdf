"""Figures 9 and 16: None, PA, LN, and LN & PA by reward scale."""

from __future__ import annotations

from pars.report.stats.comparison import Finding
from pars.reproduce import say
from pars.reproduce.grid import Arm, Grid, Results, Small
from pars.reproduce.pictures import bars

OFF = {"layer_norm": "none", "penalty": False}
ARMS = (
    Arm("None", "pars", OFF),
    Arm("PA", "pars", {"layer_norm": "none"}),
    Arm("LN", "pars", {"penalty": False}),
    Arm("LN & PA", "pars"),
)
CLAIM = (
    "without LN and PA scores are low at every reward scale; PA helps at small scales and fades at large ones; LN "
    "gains with the scale; LN & PA is best"
)


def show(results: Results) -> Finding:
    reading = []
    low, high = min(results.values), max(results.values)
    for task in results.telling:
        at = {(arm, c): results.last(task, arm, c) for arm in results.arms for c in (low, high)}
        lost = [f"{arm.label} at c = {c:g}" for arm in ARMS for c in (low, high) if not len(at.get((arm.label, c), ()))]
        if lost or low == high:
            reading.append(f"{task}: not finished or diverged: {', '.join(lost) or 'more than one scale'}.")
            continue
        best = max(at, key=lambda cell: float(at[cell].mean()))
        reading += [
            f"{task}: {say.against(f'LN at c = {high:g}', at['LN', high], f'LN at c = {low:g}', at['LN', low])}.",
            f"{task}: {say.against(f'LN at c = {high:g}', at['LN', high], 'None there', at['None', high])}.",
            f"{task}: {say.against(f'PA at c = {low:g}', at['PA', low], 'None there', at['None', low])}.",
            f"{task}: {say.against(f'LN & PA at c = {high:g}', at['LN & PA', high], 'LN there', at['LN', high])}; "
            f"highest of these: {best[0]} at c = {best[1]:g}.",
        ]
    return Finding(pictures=bars(results), reading=reading)


FIGURE9 = Grid(
    "figure9",
    "Layer norm and the penalty, alone and together, by reward scale",
    CLAIM,
    tasks=("antmaze-medium-diverse-v2", "antmaze-large-diverse-v2"),
    arms=ARMS,
    axis="reward_scale",
    values=(1.0, 100.0, 1000.0, 10_000.0),
    show=show,
    small=Small(
        tasks=("pointmaze-umaze-diverse", "hopper-medium-v2"),
        steps_scale=0.01,
        settings={"hidden": (128, 128), "actor_hidden": (128, 128), "critics": 4, "target_critics": 2},
        values=(1.0, 10.0, 100.0),
        rows=200_000,
        episodes=20,
    ),
    notes=("The figure does not name its datasets: those here are a choice of ours among the diverse mazes.",),
)
FIGURE16 = Grid(
    "figure16",
    "Layer norm and the penalty on more datasets, by reward scale",
    "reward scaling under LN helps in general, and LN & PA is the most robust",
    tasks=("antmaze-ultra-diverse-v0", "hopper-medium-v2", "walker2d-medium-replay-v2", "pen-cloned-v1"),
    arms=ARMS,
    axis="reward_scale",
    values=(1.0, 10.0, 100.0),
    show=show,
    small=Small(
        tasks=("hopper-medium-v2",),
        steps_scale=0.005,
        settings=FIGURE9.small.settings,
        rows=200_000,
    ),
    notes=("The figure's four panels are not named: those here are a choice of ours.",),
)
