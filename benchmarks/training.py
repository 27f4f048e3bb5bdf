"""Gradient steps per second at the paper's sizes and at small ones, beside what this machine's matrix products allow.

    python -m benchmarks training [--quick] [--algorithms pars td3_bc] [--repeats 5] [--out runs/bench]

In each repeat of a case the limits are measured and then training, so that a machine that slows down slows both; shares
are medians of the repeats' own ratios.

steps/s    gradient steps of all members together: median [least most]
ms         of a step of the whole population
of limit   FLOP by formula x steps/s, as a share of the limit (benchmarks/limit.py)
of shapes  the same as a share of what the three products of training reach at the network's own width
compile    seconds to the end of the first step, nothing being compiled yet
again      seconds from the start of Python to the end of the first step in a second process, which finds it compiled
memory     the most that this second process held, or on a GPU its device
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from benchmarks import limit
from benchmarks.case import Case, Trainer, alone
from benchmarks.count import Count, count
from benchmarks.flops import FORMULAS, PAPER, SMALL
from benchmarks.table import FOLDER, Column, Row, lines, percent, spread, write_csv, write_png
from pars import system
from pars.report.charts.plot import COLORS, INK, figure, style

SECONDS = 1.0  # of training in each repeat: a dispatch of `pars train`
LIMIT_SECONDS = 0.1  # of each way to measure a limit
ALGORITHMS = ("pars", "td3_bc", "iql")
COLUMNS = (
    Column("algorithm", "algorithm", left=True),
    Column("shape", "shape", left=True),
    Column("members", "seeds"),
    Column("gflop", "GFLOP/step", ".3f"),
    Column("rate", "steps/s", spread),
    Column("ms", "ms", lambda x: f"{np.median(x):.2f}"),
    Column("gflops", "GFLOP/s", lambda x: f"{np.median(x):.0f}"),
    Column("of_limit", "of limit", percent),
    Column("of_shapes", "of shapes", percent),
    Column("compile", "compile", "4.1f"),
    Column("again", "again", "4.1f"),
    Column("memory", "memory", lambda x: f"{x / 2**20:.0f} MB"),
)
COUNTS = (
    Column("algorithm", "algorithm", left=True),
    Column("shape", "shape", left=True),
    Column("formula", "formula", ".4f"),
    Column("program", "program", ".4f"),
    Column("agreement", "program / formula", ".3f"),
    Column("once", "loops once", ".4f"),
    Column("xla", "XLA, loops once", ".4f"),
    Column("elementwise", "XLA beyond products", ".1%"),
)


def cases(algorithms: Sequence[str] = ALGORITHMS) -> list[Case]:
    """The paper's shapes alone and with five seeds, and populations of small PARS networks."""
    large = [Case(name, shape, members) for name in algorithms for shape in PAPER for members in (1, 5)]
    return large + [Case("pars", shape, members) for shape in SMALL for members in (8, 45)]


def measure(case: Case, repeats: int, seconds: float, cache: Path | None) -> Row:
    """One row of the table. cache: where programs are kept compiled, for the second process; None: do without it."""
    trainer = Trainer(case)
    width, rows = case.shape.width, 2 * case.shape.batch
    trainer(seconds)
    trainer(seconds)  # the first was too short
    rate, top, shapes = [], [], []
    for _ in range(repeats):
        top.append(limit.best(LIMIT_SECONDS))
        shapes.append(limit.best(LIMIT_SECONDS, width, rows, "training"))
        rate.append(trainer(seconds))
    gflops = [case.gflop * value for value in rate]
    row: Row = {
        "algorithm": case.algorithm,
        "shape": case.sizes,
        "members": case.members,
        "gflop": case.gflop,
        "rate": rate,
        "ms": [1e3 * case.members / value for value in rate],
        "gflops": gflops,
        "limit": top,
        "of_limit": [a / b for a, b in zip(gflops, top, strict=True)],
        "shapes": shapes,
        "of_shapes": [a / b for a, b in zip(gflops, shapes, strict=True)],
        "compile": trainer.first,
    }
    del trainer
    if cache:
        second = alone(case, cache)
        row |= {"again": second.start, "memory": second.peak}
    return row


def count_row(case: Case) -> Row:
    """GFLOP of a step, counted three ways."""
    found: Count = count(case.algorithm, case.config, case.shape)
    large = {name: getattr(found, name) / 1e9 for name in ("formula", "program", "once", "xla")}
    named = {"algorithm": case.algorithm, "shape": case.sizes}
    return named | large | {"agreement": found.agreement, "elementwise": found.elementwise}


def picture(path: Path, rows: Sequence[Row]) -> None:
    """Share of the limit as bars with the range of the repeats; a tick where products of the same shapes end."""
    algorithms = list(dict.fromkeys(row["algorithm"] for row in rows))
    with style():
        fig = figure((6.6, 0.9 + 0.25 * len(rows)))
        axes = fig.subplots()
        for y, row in enumerate(rows):
            middle, shapes = (
                float(np.median(row["of_limit"])),
                float(np.median(row["shapes"]) / np.median(row["limit"])),
            )
            color = COLORS[algorithms.index(row["algorithm"])]
            axes.barh(y, middle, color=color, height=0.7)
            axes.plot([min(row["of_limit"]), max(row["of_limit"])], [y, y], color=INK, linewidth=1.2)
            axes.plot([shapes, shapes], [y - 0.4, y + 0.4], color=INK, linewidth=2.0)
        names = [f"{row['algorithm']} {row['shape']}, {row['members']} seeds" for row in rows]
        axes.set_yticks(
            range(len(rows)), [name.removesuffix("s") if name.endswith(" 1 seeds") else name for name in names]
        )
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("share of the limit; upright: bare products of these shapes")
        write_png(path, fig)


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--algorithms", nargs="+", default=ALGORITHMS, choices=sorted(FORMULAS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short repeat, no second process")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(args)
    repeats, seconds = (1, 0.1) if given.quick else (given.repeats, SECONDS)
    todo = cases(given.algorithms)
    devices = jax.devices()
    print("GFLOP per gradient step, counted three ways (benchmarks/count.py)")
    singles = list({(case.algorithm, case.shape): case for case in todo}.values())
    counts = [count_row(case) for case in singles]
    print("\n".join(lines(COUNTS, counts)))
    print(f"\n{len(devices)} x {devices[0].device_kind}; {repeats} interleaved repeats of {seconds} s")
    with tempfile.TemporaryDirectory(prefix="pars-bench-") as folder:
        cache = None if given.quick else _keep_compiled(Path(folder))
        rows = []
        for case in todo:
            rows.append(measure(case, repeats, seconds, cache))
            print(f"  {case}: {percent(rows[-1]['of_limit'])}", flush=True)
    print("\n".join(["", *lines(COLUMNS, rows)]))
    print(f"limit {spread([x for row in rows for x in row['limit']])} GFLOP/s over the whole run")
    write_csv(given.out / "flops.csv", counts)
    write_csv(given.out / "training.csv", rows)
    picture(given.out / "training.png", rows)
    print(f"written: {given.out}/training.csv, training.png, flops.csv")


def _keep_compiled(folder: Path) -> Path:
    """Compiled programs of this process go to `folder`, which starts empty, as `pars train` keeps them."""
    os.environ["PARS_CACHE_DIR"] = str(folder)
    system.setup(cache=True)
    return folder
