"""A search with halving beside random search of the same cost, on PointMaze: `python -m benchmarks search`.

Cost is gradient steps of all members, filled places included. What is compared is the chosen setting on fresh seeds,
never the score by which it was chosen. Killed, it goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import FOLDER, Column, Row, lines, write_csv
from pars.algos import find_algorithm
from pars.data import collect_dataset
from pars.sweep import space
from pars.sweep.halving import Ladder
from pars.sweep.search import Record, Search, search

TASK = "pointmaze-umaze-diverse"
WORDS = ("reward_scale=log(1,1e4)", "bc_weight=log(1e-3,1)", "critics={2,4,10}")
FIXED: dict[str, Any] = dict(hidden="32x32", actor_hidden="32x32", batch_size=64, actor_lr=1e-3, critic_lr=1e-3)
COLUMNS = [
    Column("repeat", "repeat"),
    Column("how", "how", left=True),
    Column("trials", "trials"),
    Column("cost", "member steps", ","),
    Column("seconds", "seconds", ",.0f"),
    Column("compiles", "block compiles by critics", left=True),
    Column("chosen_by", "score when chosen", ".0f"),
    Column("final", "on fresh seeds", lambda values: f"{np.mean(values):.0f} [{min(values):.0f} {max(values):.0f}]"),
    Column("setting", "setting", left=True),
]


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """How many training blocks are traced, which is before each is compiled, by the number of critics."""
    from pars.training.program import Program

    found: dict[str, int] = {}
    run = Program._run

    def traced(self: Program, phase: str, streaming: bool, *args: Any) -> Any:
        if self.members > 3:  # populations, not the final seeds
            key = str(self.like.critics)
            found[key] = found.get(key, 0) + 1
        return run(self, phase, streaming, *args)

    Program._run = traced  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Program._run = run  # type: ignore[method-assign]


def row(repeat: int, how: str, what: Search, options: dict[str, Any], out: Path) -> Row:
    """One search."""
    wanted = space.parse(WORDS, find_algorithm("pars").config)
    from pars.training.program import forget_programs

    forget_programs()
    with counted() as compiles:
        _, record = search(what, wanted, {**options, "out": out})
    final = record.final
    assert final is not None
    chosen = record.trials[final["trial"]]
    return {
        "repeat": repeat,
        "how": how,
        "trials": len(record.trials),
        "cost": cost(record),
        "seconds": record.seconds,
        "compiles": " ".join(f"{name}:{count}" for name, count in sorted(compiles.items(), key=lambda x: int(x[0]))),
        "chosen_by": chosen.value(chosen.rung),
        "final": [value for value, _, _ in final["values"]],
        "setting": " ".join(f"{name}={chosen.params[name]:.3g}" if isinstance(chosen.params[name], float)
                            else f"{name}={chosen.params[name]}" for name in wanted),
    }  # fmt: skip


def cost(record: Record) -> int:
    """Gradient steps of all members."""
    return Ladder(record.asked["width"], record.asked["keep"], tuple(record.asked["steps"])).cost(record.batches)


def run(args: Sequence[str] = ()) -> None:
    """Print the table and keep it as CSV."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks search", description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--final-seeds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="tiny, to see that it runs")
    given = parser.parse_args(args)
    if given.dry:
        given.trials, given.steps, given.width, given.rows, given.episodes, given.repeats = 6, 32, 4, 300, 1, 1
    options: dict[str, Any] = dict(
        algorithms=["pars"], task=TASK, data=str(collect_dataset(TASK, rows=given.rows)), settings=FIXED,
        steps=given.steps, eval_episodes=given.episodes, quiet=True,
    )  # fmt: skip
    rows: list[Row] = []
    for repeat in range(given.repeats):
        shared: dict[str, Any] = dict(width=given.width, seed=repeat, final_seeds=given.final_seeds)
        base = FOLDER / "search" / f"{given.trials}-{given.steps}-{repeat}"
        rows.append(row(repeat, "halving", Search(trials=given.trials, **shared), options, base / "halving"))
        print("\n".join(lines(COLUMNS, rows)), flush=True)
        alone = max(1, round(rows[-1]["cost"] / given.steps))
        even = Search(trials=alone, rungs=1, sampler="random", **shared)
        rows.append(row(repeat, "random", even, options, base / "random"))
        print("\n".join(lines(COLUMNS, rows)), flush=True)
    for how in ("halving", "random"):
        found = [float(np.mean(one["final"])) for one in rows if one["how"] == how]
        print(f"{how}: mean of the chosen settings {np.mean(found):.1f}, "
              f"each {', '.join(f'{x:.0f}' for x in found)} (n = {len(found)} searches)")  # fmt: skip
    write_csv(FOLDER / "search.csv", rows)
