"""Table 12: reward scaling under layer norm wakes neurons up; and the evidence on where the norm stands."""

from __future__ import annotations

from pars.report.stats.comparison import Finding, Reference
from pars.reproduce import say
from pars.reproduce.grid import Arm, Grid, Key, Quantity, Results, Small
from pars.reproduce.pictures import curves
from pars.reproduce.sets import reference

ZERO = Quantity("zero_share", "zero activations, %")
DORMANT = Quantity("dormant_share_0.025", "dormant units (tau .025), %")
CLOSE = 10.0  # points: further off, a place of the norm does not count as the one that was used
BEFORE, AFTER = "LN before ReLU", "LN after ReLU"
TD3_BC = {"critics": 2, "target_critics": 2, "penalty": False}  # PARS without its penalty, twins


def published(key: Key, quantity: Quantity) -> Reference | None:
    return reference("table12", key.task, f"c={key.value:g}") if quantity == ZERO else None


def show(results: Results) -> Finding:
    reading, falls = [], []
    for task in results.tasks:
        for arm in results.arms:
            small, large = (results.last(task, arm, c) for c in (1.0, 100.0))
            if len(small) and len(large):
                falls.append(say.clearly_above(small, large))
                reading.append(f"{task}, {arm}: {say.against('zero share at c = 1', small, 'c = 100', large)}.")
    reading.append(say.holds(falls, "The zero share falls from c = 1 to c = 100"))
    reading += _order(results)
    return Finding(pictures=curves(results, ZERO), reading=reading)


def _order(results: Results) -> list[str]:
    """Which order of norm and activation comes nearer to the printed 91 to 94 and 54 to 58, if they may be compared."""
    if not results.comparable:
        return ["Which order the paper uses is not judged by these runs; what they show is whether either order falls."]
    found = {}
    for arm in results.arms:
        gaps = []
        for key in results.cells:
            printed = published(key, ZERO)
            if key.arm == arm and printed is not None:
                gaps.append(abs(float(results.last(*key).mean()) - printed.mean))
        if gaps:
            found[arm] = sum(gaps) / len(gaps)
    if len(found) < 2:
        return []
    near = min(found, key=lambda arm: found[arm])
    distances = ", ".join(f"{arm} {gap:.0f}" for arm, gap in found.items())
    said = (
        f"nearer is {near}" if found[near] <= CLOSE else f"none is within {CLOSE:g}, so this does not decide the order"
    )
    return [f"Mean distance from the printed shares in points: {distances}; {said}."]


TABLE12 = Grid(
    "table12",
    "Zero activations against the reward scale, layer norm on",
    "with layer norm on, TD3+BC's critics have 91 to 94 % zero activations at c = 1 and 54 to 58 % at c = 100",
    tasks=("antmaze-umaze-diverse-v2", "antmaze-ultra-play-v0", "antmaze-ultra-diverse-v0"),
    arms=(
        Arm(BEFORE, "pars", {**TD3_BC, "layer_norm": "before"}),
        Arm(AFTER, "pars", {**TD3_BC, "layer_norm": "after"}),
    ),
    axis="reward_scale",
    values=(1.0, 100.0),
    quantities=(ZERO, DORMANT),
    published=published,
    show=show,
    small=Small(tasks=("antmaze-umaze-diverse-v2",), steps_scale=0.01, rows=200_000, episodes=2, evaluations=8),
    notes=(
        "The zero share counts (sample, unit) pairs behind the ReLU on 2,048 rows of the data, averaged over critics "
        "and layers; the share of units that hardly ever answer (Sokar et al. 2023) stands beside it.",
        "Both places of the norm are trained, since the paper does not say which it uses.",
    ),
)
