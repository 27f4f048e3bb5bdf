"""The paper's claims tried on one and the same data: PARS, its parts alone and the baselines (no exhibit of the paper).

Small, it is what two cores can do in hours: twins, 30 % of the steps, networks of 2 x 128 units. Below 100,000 steps
nothing of it says anything on AntMaze: there a method can score only once values have travelled along the whole path.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pars import presets
from pars.report.stats.comparison import Finding
from pars.reproduce import say
from pars.reproduce.grid import SCORE, Arm, Grid, Results, Small
from pars.reproduce.paper import table2
from pars.reproduce.paper.figure9 import OFF
from pars.reproduce.pictures import curves, heat
from pars.reproduce.sets import ANTMAZE, MUJOCO

PARS, SINGLE = "PARS", "PARS, one setting"
LN, PA, NEITHER = "RS-LN alone", "PA alone", "neither"
OTHERS = ("adroit", "mujoco", "pointmaze")  # families without that one setting: there it is PARS itself
PARTS = (
    Arm(PARS, "pars"),
    Arm(SINGLE, "pars", preset="single", presets=dict.fromkeys(OTHERS, presets.PAPER)),  # Table 13
    Arm(LN, "pars", {"penalty": False}),
    Arm(PA, "pars", {"layer_norm": "none"}),
    Arm(NEITHER, "pars", OFF),
)
BASELINES = (*(arm for arm in table2.BASELINES if arm.label != "CQL"), Arm("BC", "bc"))


def show(results: Results) -> Finding:
    """Each claim in a sentence per task, then whether it holds."""
    reading: list[str] = []
    won: dict[str, list[bool | None]] = {"best": [], "parts": [], "both": [], "single": []}
    for task in results.telling:
        scores = {arm: results.last(task, arm) for arm in results.arms if len(results.last(task, arm))}
        others = {arm: values for arm, values in scores.items() if arm not in (PARS, SINGLE, LN, PA, NEITHER)}
        reading += _against_the_best(task, scores, others, won["best"])
        for arm, other, key in ((LN, NEITHER, "parts"), (PARS, LN, "both"), (PARS, SINGLE, "single")):
            if arm in scores and other in scores and not results.one(task, arm, other):
                reading.append(f"{task}: {say.against(arm, scores[arm], other, scores[other])}.")
                won[key].append(say.clearly_above(scores[arm], scores[other]))
    reading += [
        say.holds(won["best"], "PARS is clearly above the best other method (Table 2)"),
        say.holds(won["parts"], "layer norm with reward scaling is clearly above neither (Figure 9)"),
        say.holds(won["both"], "the penalty on top of it is clearly better still (Figure 9)"),
        say.holds(won["single"], "a setting per task is clearly better than one for all (Table 13)", claim=False),
    ]
    return Finding(pictures=[*heat(results), *curves(results, SCORE)], reading=reading)


def _against_the_best(
    task: str, scores: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray], won: list[bool | None]
) -> list[str]:
    if PARS not in scores or not others:
        return []
    rival = max(others, key=lambda arm: float(others[arm].mean()))
    won.append(say.clearly_above(scores[PARS], others[rival]))
    return [f"{task}: {say.against(PARS, scores[PARS], rival, others[rival])}."]


CLAIMS = Grid(
    "claims",
    "PARS, its parts alone, and the baselines on the same data",
    "PARS is best on AntMaze and near the best on MuJoCo; layer norm with reward scaling carries most of it, the "
    "penalty adds the rest",
    tasks=(*ANTMAZE, *MUJOCO),
    arms=(*PARTS, *BASELINES),
    published=table2.published,
    show=show,
    small=Small(
        tasks=("antmaze-umaze-diverse-v2", "antmaze-medium-play-v2", "hopper-medium-v2"),
        steps_scale=0.3,
        settings={"hidden": (128, 128), "actor_hidden": (128, 128)},
        episodes=50,
        evaluations=4,
    ),
    notes=(
        "No exhibit of the paper: its Table 2, Figure 9 and Table 13 on the same data, each arm at the paper's setting "
        "for that arm's method; the parts alone are PARS's setting without the other part.",
        "One setting for all is the paper's for mazes. Elsewhere that arm is PARS itself, the same runs: there the two "
        "are not compared.",
    ),
)
