"""What runs logged as one tidy table: a line for each number, with the settings and the seed that it belongs to."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pars.errors import UsageError
from pars.report.load import read_run, tasks_of
from pars.report.records import GroupRecord

FRAMES = ("pandas", "polars")


def metrics(*runs: Path | str, names: Sequence[str] | str | None = None, frame: str | None = None) -> Any:
    """All that `runs` have logged: run, group, algorithm, task, member, seed, phase, step, name, value, and a column
    for each setting.

    Args:
        names: of metrics, such as "score"; all by default.
        frame: "pandas", "polars" or "dict" of NumPy arrays; by default the first of these that is installed.

    Raises UsageError for folders that are no runs, names that none has, and frames that are not installed.
    """
    if not runs:
        raise UsageError("name a run, such as runs/RUN")
    wanted = {names} if isinstance(names, str) else set(names or ())
    rows = [row for run in runs for row in _rows(Path(run)) if not wanted or row["name"] in wanted]
    if missing := wanted - {row["name"] for row in rows}:
        raise UsageError(f"no run has logged {sorted(missing)[0]!r}; the names are in docs/metrics.md")
    columns = dict.fromkeys(key for row in rows for key in row)
    return _framed({key: [row.get(key) for row in rows] for key in columns}, frame)


def _rows(run: Path) -> Iterator[dict[str, Any]]:
    for folder in tasks_of(run) or [run]:
        for group in read_run(folder).groups:
            where = {"run": str(run), "group": group.folder.name, "algorithm": group.algorithm, "task": group.task}
            for number, member in enumerate(group.members):
                settings = {key: _plain(value) for key, value in member.settings.items()}
                for logged in _logged(group, number):
                    yield {**where, "member": number, "seed": member.seed, **logged, **settings}


def _logged(group: GroupRecord, member: int) -> Iterator[dict[str, Any]]:
    for phase, curves in group.metrics.items():
        for name, curve in curves.items():
            for step, value in zip(curve.steps.tolist(), curve.values[member].tolist(), strict=True):
                if not np.isnan(value):
                    yield {"phase": phase, "step": step, "name": name, "value": value}


def _plain(value: Any) -> Any:
    """Widths as they are written on the command line."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else value


def _framed(columns: dict[str, list[Any]], frame: str | None) -> Any:
    if frame not in (None, "dict", *FRAMES):
        raise UsageError(f"frame={frame!r}; choose pandas, polars or dict")
    for name in FRAMES if frame is None else [frame]:
        if name == "dict":
            break
        try:
            return importlib.import_module(name).DataFrame(columns)
        except ImportError:
            if frame is not None:
                raise UsageError(f"frame={frame!r}: {frame} is not installed; install it, or take dict") from None
    return {name: np.array(values) for name, values in columns.items()}
