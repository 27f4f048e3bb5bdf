"""What a benchmark found: a table to print, the same as CSV with all digits, and a picture."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from pars.report.charts.plot import to_csv

FOLDER = Path("runs/bench")
Row = dict[str, Any]


class Column(NamedTuple):
    key: str
    title: str
    show: str | Callable[[Any], str] = ""  # a format, or a function of the value
    left: bool = False


def lines(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """The table as text, a title above each column; a cell without a value shows as a dash."""
    cells = [[column.title for column in columns], *([_cell(column, row) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return [
        "  ".join(
            cell.ljust(width) if column.left else cell.rjust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in cells
    ]


def _cell(column: Column, row: Row) -> str:
    value = row.get(column.key)
    if value is None:
        return "-"
    return column.show(value) if callable(column.show) else format(value, column.show)


def spread(values: Sequence[float]) -> str:
    """The median with the range of the repeats."""
    digits = 0 if min(values) >= 100 else 1
    middle, least, most = (f"{x:,.{digits}f}" for x in (statistics.median(values), min(values), max(values)))
    return f"{middle} [{least} {most}]"


def percent(values: Sequence[float]) -> str:
    """Median of fractions, as a percentage."""
    return f"{statistics.median(values):.0%}"


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line for each row; repeats become `name`, its median, `name_min` and `name_max`."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_csv(names, [[row.get(name, "") for name in names] for row in flat]), encoding="utf-8")


def _flat(row: Row) -> Row:
    found: Row = {}
    for name, value in row.items():
        if isinstance(value, list | tuple):
            found |= {name: statistics.median(value), f"{name}_min": min(value), f"{name}_max": max(value)}
        else:
            found[name] = "" if value is None else value
    return found


def write_png(path: Path, fig: Figure) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"savefig.facecolor": "white"}):
        fig.savefig(path, dpi=160, metadata={"Software": None})
