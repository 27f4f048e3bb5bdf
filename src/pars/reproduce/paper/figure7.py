"""Figure 7: Q, zero share and score during training of TD3+BC, with and without layer norm, by reward scale."""

from __future__ import annotations

from pars.report.stats.comparison import Finding
from pars.reproduce import say
from pars.reproduce.grid import SCORE, Arm, Grid, Quantity, Results, Small
from pars.reproduce.paper.table12 import TD3_BC, ZERO
from pars.reproduce.pictures import curves

Q_MEAN = Quantity("q_mean", "mean Q, in scaled reward")
WITH, WITHOUT = "LN", "no LN"


def show(results: Results) -> Finding:
    reading = []
    low, high = min(results.values), max(results.values)
    for task in results.telling:
        for arm in results.arms:
            for quantity in (SCORE, ZERO) if low < high else ():
                small, large = (results.last(task, arm, c, quantity) for c in (low, high))
                name = f"{quantity.title} at c = {high:g}"
                reading.append(f"{task}, {arm}: {say.against(name, large, f'c = {low:g}', small)}.")
    pictures = [picture for quantity in results.grid.quantities for picture in curves(results, quantity)]
    return Finding(pictures=pictures, reading=reading)


FIGURE7 = Grid(
    "figure7",
    "Mean Q, zero activations and score during training, by reward scale",
    "with layer norm a larger reward scale lets more neurons answer (towards one half) and raises the score; without "
    "layer norm it does neither",
    tasks=("antmaze-medium-diverse-v2",),
    arms=(Arm(WITH, "pars", TD3_BC), Arm(WITHOUT, "pars", {**TD3_BC, "layer_norm": "none"})),
    axis="reward_scale",
    values=(1.0, 10.0, 100.0, 1000.0),
    quantities=(SCORE, ZERO, Q_MEAN),
    show=show,
    small=Small(tasks=("pointmaze-umaze-diverse",), steps_scale=0.01, values=(1.0, 10.0, 100.0), episodes=20),
    notes=("Twin critics, no penalty, the dataset's BC weight: the paper states neither that weight nor the scales.",),
)
