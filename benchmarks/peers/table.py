"""What was measured, as lines, as CSV, and as ratios to ours."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.flops import Shape
from benchmarks.peers.catalog import OURS, PARS, Entry

HEAD = f"{'shape':18} {'peer':25} {'steps/s':>22} {'GFLOP/step':>10} {'GFLOP/s':>8} {'ours/peer':>9}"
HEAD += f" {'per FLOP':>9} {'start':>7}"
COLUMNS = (
    "shape", "peer", "algorithm", "critics", "steps_per_second", "least", "most", "repeats", "gflop_per_step",
    "gflop_per_second", "ours_over_peer", "ours_over_peer_per_flop", "start_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One algorithm of one peer at one shape."""

    entry: Entry
    shape: Shape
    rates: Sequence[float]  # gradient steps/s, one per repeat
    start: float  # seconds to the end of the first step, imports and compiling included

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def gflop(self) -> float:
        return self.entry.flop(self.shape) / 1e9


def ratios(row: Row, rows: Sequence[Row]) -> tuple[float | None, float | None]:
    """How many times faster ours is: in steps/s of the same algorithm (None if we have none), and our PARS in FLOP/s.

    Ratios of medians, at the row's shape. None where ours was not measured.
    """
    ours = {other.entry.title: other for other in rows if other.entry.peer == OURS and other.shape == row.shape}
    same, pars = ours.get(row.entry.same), ours.get(PARS.title)
    steps = same.rate / row.rate if same else None
    return steps, pars.rate * pars.gflop / (row.rate * row.gflop) if pars else None


def line(row: Row, rows: Sequence[Row]) -> str:
    steps, per_flop = ("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios(row, rows))
    spread = f"{row.rate:.1f} [{min(row.rates):.1f} {max(row.rates):.1f}]"
    figures = f"{row.gflop:10.2f} {row.rate * row.gflop:8.1f} {steps:>9} {per_flop:>9} {row.start:6.1f}s"
    return f"{row.shape.name:18} {row.entry.name:25} {spread:>22} {figures}"


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line per row, empty cells where there is no ratio."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            spread = (row.rate, min(row.rates), max(row.rates))
            numbers = [row.gflop, row.rate * row.gflop, *ratios(row, rows), row.start]
            cells = ["" if number is None else f"{number:.4g}" for number in numbers]
            name = (row.shape.name, row.entry.peer, row.entry.title, row.shape.critics)
            writer.writerow([*name, *(f"{rate:.4g}" for rate in spread), len(row.rates), *cells])
