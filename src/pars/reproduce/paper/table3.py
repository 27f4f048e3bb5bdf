"""Table 3 and Figure 13: fine-tuning for 300,000 environment steps."""

from __future__ import annotations

from dataclasses import replace

from pars.report.stats.comparison import Finding
from pars.reproduce import say
from pars.reproduce.grid import ONLINE_SCORE, SCORE, Arm, Grid, Key, Results, Small
from pars.reproduce.pictures import curves, heat
from pars.reproduce.sets import ANTMAZE, CLONED, FINE_TUNED, of_table

ARMS = (
    Arm("PARS", "pars"),
    Arm("CQL", "cql"),
    Arm("Off2On", "off2on", without=("antmaze",)),
    Arm("SPOT", "spot", without=("mujoco",)),
    Arm("PEX", "pex", without=("adroit",)),
    Arm("RLPD", "rlpd"),
    Arm("CalQL", "cal_ql"),
    Arm("ReBRAC", "rebrac", without=("mujoco",)),
    Arm("Uni-O4", "uni_o4", without=("antmaze", "adroit")),
)
NAMES = {"CalQL": "Cal-QL"}


def show(results: Results) -> Finding:
    reading, gains = [], []
    for task in results.telling:
        before, after = (results.last(task, "PARS", None, quantity) for quantity in (SCORE, ONLINE_SCORE))
        if len(before) and len(after):
            gains.append(bool(after.mean() >= before.mean()))
            reading.append(f"{task}: {say.against('PARS after fine-tuning', after, 'before', before)}.")
    reading.append(say.holds(gains, "Fine-tuning ends no lower than it began", claim=False))
    best = []
    for task in results.telling:
        scores = {arm: results.last(task, arm, None, ONLINE_SCORE) for arm in results.arms}
        others = [values.mean() for arm, values in scores.items() if arm != "PARS" and len(values)]
        best += [bool(scores["PARS"].mean() >= max(others))] if len(scores.get("PARS", ())) and others else []
    reading.append(say.holds(best, "PARS has the highest mean of the methods run here"))
    return Finding(pictures=[*heat(results, ONLINE_SCORE), *curves(results, ONLINE_SCORE)], reading=reading)


def _steady(results: Results) -> Finding:
    """How far each curve of PARS falls below where it began."""
    reading = []
    for task in results.telling:
        cell = results.cells.get(Key(task, "PARS"))
        curve = cell.curves.get(("online", "score")) if cell else None
        before = results.last(task, "PARS", None, SCORE)
        if curve is not None and len(before):
            lowest = curve.values[:, curve.values.mean(axis=0).argmin()]
            reading.append(f"{task}: {say.against('the lowest evaluation of PARS online', lowest, 'before', before)}.")
    return Finding(pictures=curves(results, ONLINE_SCORE), reading=reading)


TABLE3 = Grid(
    "table3",
    "Scores after 300,000 steps of fine-tuning",
    "after fine-tuning PARS has the highest average in all three families (95.2, 113.2, 111.6)",
    tasks=(*ANTMAZE, *CLONED, *FINE_TUNED),
    arms=ARMS,
    quantities=(ONLINE_SCORE,),
    online_steps=300_000,
    published=of_table("table3", {(arm.label, None): NAMES.get(arm.label, arm.label) for arm in ARMS}),
    show=show,
    small=Small(
        tasks=("pointmaze-umaze-diverse",),
        steps_scale=0.005,
        arms=("PARS", "SPOT", "PEX", "RLPD", "ReBRAC"),
        episodes=20,
        seeds=3,
    ),
    notes=("Uni-O4's offline steps are those of its policies, behind the critics and models that it trains first.",),
)
FIGURE13 = replace(
    TABLE3,
    id="figure13",
    runs="table3",
    title="Curves of fine-tuning",
    claim="PARS improves steadily from its offline score, without a collapse at the start",
    show=_steady,
)
