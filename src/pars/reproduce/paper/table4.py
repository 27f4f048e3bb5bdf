"""Table 4: PARS beside methods that are given the goal, on AntMaze."""

from __future__ import annotations

from pars.report.stats.comparison import Finding, Reference
from pars.reproduce import say
from pars.reproduce.grid import Arm, Grid, Key, Quantity, Results, Small
from pars.reproduce.paper.table2 import PARS, beside_the_best
from pars.reproduce.pictures import heat
from pars.reproduce.sets import ANTMAZE, reference

GOALS = (
    Arm("GC-IQL", "gc_iql"),
    Arm("WGCSL", "wgcsl"),
    Arm("DWSL", "dwsl"),
    Arm("HIQL", "hiql"),
    Arm("GCPC", "gcpc"),
)


def published(key: Key, quantity: Quantity) -> Reference | None:
    """A number of Table 4, of PARS that of Table 2. On ultra only HIQL's and GCPC's authors have published settings."""
    alike = key.arm in (PARS.label, "HIQL", "GCPC") or "ultra" not in key.task
    return reference("table2" if key.arm == PARS.label else "table4", key.task, key.arm, alike)


def show(results: Results) -> Finding:
    """Where PARS stands beside the best method that knows the goal."""
    reading, best = beside_the_best(results)
    reading.append(say.holds(best, "PARS, which is not told the goal, has the highest mean of the methods run here"))
    return Finding(pictures=heat(results), reading=reading)


TABLE4 = Grid(
    "table4",
    "Goal-conditioned methods on AntMaze",
    "PARS's average on AntMaze (81.6) is above those of goal-conditioned methods, the best of which is HIQL (75.3)",
    tasks=ANTMAZE,
    arms=(PARS, *GOALS),
    published=published,
    show=show,
    small=Small(
        tasks=("pointmaze-umaze-diverse",),
        steps_scale=0.005,
        episodes=20,
        settings={"batch_size": 256, "actor_hidden": (256, 256), "token_width": 64},
    ),
    notes=(
        "The goal-conditioned methods see where to go and none of the rewards, PARS the rewards and no goal.",
        "Each trains as long as its own recipe says: 80,000 steps of 512 rows, HIQL a million of 1,024, GCPC 52,000 "
        "and 70,000 of 1,024 windows, PARS a million of 256. The paper took the printed numbers from other papers, "
        "which choose among evaluations in other ways.",
        "GC-IQL is the version of DWSL's authors, from whose paper the printed numbers most probably come.",
    ),
)
