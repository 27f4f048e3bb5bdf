"""Figure 10: the penalty kept or dropped when fine-tuning begins."""

from __future__ import annotations

from pars.report.stats.comparison import Finding
from pars.reproduce import say
from pars.reproduce.grid import ONLINE_SCORE, Arm, Grid, Results, Small
from pars.reproduce.pictures import curves

KEPT, DROPPED = "PA kept", "PA dropped"


def show(results: Results) -> Finding:
    reading, better = [], []
    for task in results.telling:
        kept, dropped = (results.last(task, arm, None, ONLINE_SCORE) for arm in (KEPT, DROPPED))
        if len(kept) and len(dropped):
            better.append(say.clearly_above(kept, dropped))
            reading.append(f"{task}: {say.against(KEPT, kept, DROPPED, dropped)}.")
    reading.append(say.holds(better, "Keeping the penalty is clearly better"))
    return Finding(pictures=curves(results, ONLINE_SCORE), reading=reading)


FIGURE10 = Grid(
    "figure10",
    "Fine-tuning with and without the penalty",
    "without the penalty online, training is less stable and ends lower",
    tasks=("antmaze-large-play-v2", "hopper-medium-v2"),
    arms=(Arm(KEPT, "pars"), Arm(DROPPED, "pars", {"penalty_weight_online": 0.0})),
    quantities=(ONLINE_SCORE,),
    online_steps=300_000,
    show=show,
    small=Small(tasks=("pointmaze-umaze-diverse",), steps_scale=0.005, episodes=20, evaluations=6),
    notes=("The penalty is on offline in both. Datasets are a choice of ours: the figure's are not known.",),
)
