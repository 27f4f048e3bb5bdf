"""Does the cost of a gradient step grow as its arithmetic does?

    python -m benchmarks scaling [--axes batch width critics members] [--repeats 3] [--quick] [--out runs/bench]

One size of PARS is varied at a time from a base. Every row has the time of a step (of the whole population) relative to
the base, measured beside it in each repeat, and the FLOP by formula relative to the base; excess is the first over the
second: 1 where the cost grows as the arithmetic, less where larger is cheaper per FLOP.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.case import Case, Trainer
from benchmarks.flops import Shape
from benchmarks.table import FOLDER, Column, Row, lines, write_csv, write_png
from pars.report.charts.plot import COLORS, FAINT, figure, plain_log, style

BASE = Case("pars", Shape("29/8, N=4, 3x256", 29, 8, 4), 1)
AXES: dict[str, tuple[int, ...]] = {
    "batch": (64, 128, 256, 512, 1024),
    "width": (64, 128, 256, 512),
    "critics": (2, 4, 8, 16),
    "members": (1, 2, 4, 8),
}
SECONDS = 0.4


COLUMNS = (
    Column("axis", "axis", left=True),
    Column("value", "value"),
    Column("gflop", "GFLOP/step", ".3f"),
    Column("ms", "ms", lambda x: f"{np.median(x):.2f}"),
    Column("flops", "FLOP / base", ".2f"),
    Column("time", "time / base", lambda x: f"{np.median(x):.2f} [{min(x):.2f} {max(x):.2f}]"),
    Column("excess", "excess", lambda x: f"{np.median(x):.2f}"),
)


def vary(base: Case, axis: str, value: int) -> Case:
    """The base with another batch size, width, number of critics or of members."""
    if axis == "members":
        return replace(base, members=value)
    return replace(base, shape=Shape(**asdict(base.shape) | {axis: value}))


def present(case: Case, axis: str) -> int:
    return int(case.members if axis == "members" else getattr(case.shape, axis))


def milliseconds(trainer: Trainer, seconds: float) -> float:
    """Of a gradient step of the whole population."""
    return 1e3 * trainer.case.members / trainer(seconds)


def measure(base: Case, axes: dict[str, Sequence[int]], repeats: int, seconds: float) -> list[Row]:
    """A row for every value of every axis; the base is measured beside each."""
    reference, rows = Trainer(base), []
    milliseconds(reference, seconds)
    for axis, values in axes.items():
        for value in values:
            case = vary(base, axis, value)
            trainer = reference if case == base else Trainer(case)
            milliseconds(trainer, seconds)
            pairs = [(milliseconds(reference, seconds), milliseconds(trainer, seconds)) for _ in range(repeats)]
            flops = case.gflop * case.members / (base.gflop * base.members)
            time = [own / other for other, own in pairs]
            rows.append({
                "axis": axis,
                "value": value,
                "gflop": case.gflop * case.members,
                "ms": [own for _, own in pairs],
                "flops": flops,
                "time": time,
                "excess": [x / flops for x in time],
            })  # fmt: skip
            print(f"  {axis} {value}: {np.median(time):.2f} x the time for {flops:.2f} x the FLOP", flush=True)
    return rows


def picture(path: Path, rows: Sequence[Row], base: Case) -> None:
    """Time against FLOP, both relative to the base, one panel for each axis; the grey line is proportion."""
    axes_names = list(dict.fromkeys(row["axis"] for row in rows))
    with style():
        fig = figure((2.5 * len(axes_names) + 0.5, 3.0))
        panels = np.atleast_1d(fig.subplots(1, len(axes_names)))
        for i, (name, axes) in enumerate(zip(axes_names, panels, strict=True)):
            own = [row for row in rows if row["axis"] == name]
            values = [row["value"] for row in own]
            time = np.array([[np.median(row["time"]), min(row["time"]), max(row["time"])] for row in own])
            axes.plot(values, [row["flops"] for row in own], color=FAINT, label="FLOP")
            axes.plot(values, time[:, 0], "o", color=COLORS[0], label="time")
            axes.vlines(values, time[:, 1], time[:, 2], color=COLORS[0])
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(values, [str(value) for value in values])
            axes.minorticks_off()
            plain_log(axes.yaxis)
            axes.set_title(f"{name} (base {present(base, name)})")
            if i == 0:
                axes.set_ylabel("relative to the base")
                axes.legend()
        write_png(path, fig)


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--axes", nargs="+", default=list(AXES), choices=list(AXES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the two ends of each axis, one short repeat")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(args)
    axes: dict[str, Sequence[int]] = {name: AXES[name] for name in given.axes}
    if given.quick:
        axes = {name: (values[0], values[-1]) for name, values in axes.items()}
    print(f"PARS {BASE.shape.name}, batch {BASE.shape.batch}, one member: {BASE.gflop:.3f} GFLOP a step")
    rows = measure(BASE, axes, 1 if given.quick else given.repeats, 0.1 if given.quick else SECONDS)
    print("\n".join(["", *lines(COLUMNS, rows)]))
    write_csv(given.out / "scaling.csv", rows)
    picture(given.out / "scaling.png", rows, BASE)
    print(f"written: {given.out}/scaling.csv, scaling.png")
