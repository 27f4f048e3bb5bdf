"""Table 5: IQL with reward scaling under layer norm, and with the penalty on top; both readings of its temperature."""

from __future__ import annotations

from pars.report.stats.comparison import Finding, Reference
from pars.reproduce import say
from pars.reproduce.grid import Arm, Grid, Key, Quantity, Results, Small
from pars.reproduce.pictures import heat
from pars.reproduce.sets import reference

MARGIN = 10.0  # points within which PA is said to change nothing
SCALE, TEMPERATURE = 1000.0, 20.0
BASE = {"discount": 0.995, "expectile": 0.9, "reward_shift": 0.0}
PLAIN = {**BASE, "advantage_scale": TEMPERATURE}
RS_LN = {**BASE, "layer_norm": "before", "reward_scale": SCALE, "advantage_scale": TEMPERATURE}
PA = {"penalty": True, "q_min": 0.0, "infeasible_distance": 1000.0}
DIVIDED = {"advantage_scale": TEMPERATURE / SCALE}
NAMES = ("IQL", "IQL with RS-LN", "IQL with RS-LN & PA")
DIVIDED_NAMES = tuple(f"{name}, advantage / c" for name in NAMES[1:])


def published(key: Key, quantity: Quantity) -> Reference | None:
    return reference("table5", key.task, key.arm.partition(",")[0], alike=key.arm != NAMES[0])


def show(results: Results) -> Finding:
    reading, helps, neutral = [], [], []
    for task in results.telling:
        base = results.last(task, NAMES[0])
        for rs_ln, pa in (NAMES[1:], DIVIDED_NAMES):
            with_ln, with_pa = results.last(task, rs_ln), results.last(task, pa)
            if not (len(base) and len(with_ln) and len(with_pa)):
                continue
            helps.append(say.clearly_above(with_ln, base))
            neutral += [say.alike(with_pa, with_ln, MARGIN)] if say.told([with_pa, with_ln]) else []
            reading.append(f"{task}: {say.against(rs_ln, with_ln, NAMES[0], base)}.")
            reading.append(f"{task}: {say.against(pa, with_pa, rs_ln, with_ln)}.")
        literal, divided = (results.last(task, name) for name in (NAMES[1], DIVIDED_NAMES[0]))
        reading.append(f"{task}: {say.against(NAMES[1], literal, 'the same with advantages divided by c', divided)}.")
    reading.append(say.holds(helps, "RS-LN is clearly above plain IQL"))
    reading.append(say.holds(neutral, f"PA on top changes less than {MARGIN:g} points"))
    return Finding(pictures=heat(results), reading=reading)


TABLE5 = Grid(
    "table5",
    "IQL with reward scaling under layer norm, and with the penalty",
    "RS-LN raises IQL by 15 to 23 points, and PA on top changes little, since IQL never asks for Q outside the data",
    tasks=("antmaze-umaze-diverse-v2", "antmaze-large-play-v2", "antmaze-ultra-play-v0"),
    arms=(
        Arm(NAMES[0], "iql", PLAIN),
        Arm(NAMES[1], "iql", RS_LN),
        Arm(NAMES[2], "iql", {**RS_LN, **PA}),
        Arm(DIVIDED_NAMES[0], "iql", {**RS_LN, **DIVIDED}),
        Arm(DIVIDED_NAMES[1], "iql", {**RS_LN, **PA, **DIVIDED}),
    ),
    published=published,
    show=show,
    small=Small(
        tasks=("pointmaze-medium-diverse", "antmaze-umaze-diverse-v2"), steps_scale=0.01, rows=200_000, episodes=20
    ),
    notes=(
        "At c = 1000 and temperature 20 the weight exp(20 A) meets its cap of 100 at an advantage of 0.23: a gate. "
        "Whether the paper divides advantages by c is not said, so both readings are trained.",
        "The paper's plain IQL is the best of several discounts and temperatures; here it is one of them, so it gets "
        "no verdict. Rewards are not shifted by -1 as in IQL's recipe for AntMaze, in any arm, since PA needs "
        "Q_min = 0; layer norm is in Q alone, not in V.",
    ),
)
