"""Table 1: a policy that only maximises Q leaves the data for the corners of the box, with layer norm or without."""

from __future__ import annotations

from pars.report.stats.comparison import Finding, Reference
from pars.reproduce import say
from pars.reproduce.grid import Arm, Grid, Key, Quantity, Results, Small
from pars.reproduce.sets import reference

NORM, DATA = Quantity("action_norm", "policy's action norm"), Quantity("data_action_norm", "data's action norm")
TOLERANCE = 0.02  # the paper prints two decimals and no spread
WITHOUT, WITH = "max-Q without LN", "max-Q with LN"


def published(key: Key, quantity: Quantity) -> Reference | None:
    return reference("table1", key.task, "data" if quantity == DATA else key.arm, tolerance=TOLERANCE)


def show(results: Results) -> Finding:
    reading, far, same = [], [], []
    for task in results.tasks:
        without, with_ln = (results.last(task, arm) for arm in (WITHOUT, WITH))
        data = results.last(task, WITH, None, DATA)
        if not (len(without) and len(with_ln)):
            continue
        far += [say.clearly_above(norms, data) for norms in (without, with_ln)]
        same.append(bool(with_ln.mean() > 0.9 * without.mean()))
        reading.append(
            f"{task}: data {say.mean(data[:1])}, {WITHOUT} {say.mean(without)}, {WITH} {say.mean(with_ln)} of a "
            "corner's norm."
        )
    reading.append(say.holds(far, "The policy's actions are clearly longer than the data's"))
    reading.append(say.holds(same, "With LN they are at least nine tenths as long as without"))
    return Finding(reading=reading)


TABLE1 = Grid(
    "table1",
    "Action norms of a policy that maximises Q alone",
    "maximising Q draws actions to the corners of the box (norms of .94 to .99 against .62 to .84 in the data), and "
    "layer norm alone does not prevent it",
    tasks=("hopper-medium-v2", "pen-cloned-v1", "antmaze-umaze-diverse-v2", "antmaze-ultra-diverse-v0"),
    arms=(Arm(WITHOUT, "max_q", {"layer_norm": "none"}), Arm(WITH, "max_q", {"layer_norm": "before"})),
    quantities=(NORM, DATA),
    published=published,
    show=show,
    small=Small(
        tasks=("hopper-medium-v2", "pen-cloned-v1", "antmaze-umaze-diverse-v2"),
        steps_scale=0.005,
        rows=200_000,
        episodes=2,
    ),
    notes=(
        "Norms are means over 2,048 states of |a| / sqrt(action dimensions): 1 is a corner of the box.",
        "The paper states neither discount nor steps nor scale of the rewards: here the domain's discount, rewards as "
        "they are, one critic, and policy and critic learn at once (the critic never sees the policy).",
    ),
)
