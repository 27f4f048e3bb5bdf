"""Which runs there are in folders: a row for each setting of each, with how far it is and what it scores."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.config import as_text
from pars.errors import CheckpointError, UsageError
from pars.files import read_sealed
from pars.report.load import read_group
from pars.report.parts import whole
from pars.report.records import PHASES, SEARCH, GroupRecord, Run
from pars.report.series import Series, all_series
from pars.report.stats.statistics import finite_mean, sample_std

INSIDE = ("checkpoints", "policies", "probes", "replay", "tensorboard", "figures")  # of a run: holds no others


STATES = ("new", "running", "interrupted", "stopped", "diverged", "finished", "searching", "damaged")


class Row(NamedTuple):
    """One setting of one run, or what a search has chosen. score: mean over seeds at the last evaluation, NaN without
    one."""

    run: str
    algorithm: str
    task: str
    settings: dict[str, Any]  # that are not the same in all runs listed of this algorithm and task
    seeds: int
    score: float
    std: float
    at: str
    planned: int
    state: str
    age: float  # seconds since it last said how it stands

    @property
    def changed(self) -> str:
        """As they are written on a command line."""
        return " ".join(f"{name}={as_text(value)}" for name, value in self.settings.items())

    def record(self) -> dict[str, Any]:
        """A flat record, its settings as they are written."""
        return {**self._asdict(), "settings": self.changed, "age": round(self.age)}


def listed(folders: Sequence[Path], algo: str = "*", task: str = "*", state: str = "*") -> list[Row]:
    """The rows of all runs below `folders` that fit, those that changed last first; patterns as file names have them,
    several with commas between. Of a search there is one row, of what it has chosen.

    Raises UsageError if a folder is not there or none holds a run, and for a state that there is not.
    """
    for pattern in state.split(","):
        if not any(fnmatch(one, pattern.strip()) for one in STATES):
            raise UsageError(f"--state {pattern}: a run is {', '.join(STATES[:-1])} or {STATES[-1]}")
    searches = dict.fromkeys(path for folder in folders for path in _searches(folder))
    found = [path for folder in folders for path in _group_folders(folder)]
    if not (found or searches):
        raise UsageError(f"no run below {', '.join(map(str, folders))}; name the folder that holds yours")
    whole_ones, damaged = [], []
    for path in dict.fromkeys(found):
        try:
            group = read_group(path, looks=False)
        except CheckpointError as error:
            damaged.append(_damaged(path, error))
            continue
        if _fits(group.algorithm, algo) and _fits(group.task or str(group.dataset.get("name")), task):
            whole_ones.append(group)
    rows = [_row(one) for one in all_series(Run(Path(), whole(whole_ones)))]
    rows += damaged if (algo, task) == ("*", "*") else []
    rows += [row for path in searches if (row := _searched(path, algo, task))]
    return sorted((row for row in rows if _fits(row.state, state)), key=lambda row: row.age)


def age(seconds: float) -> str:
    """12 s, 3 min, 5 h, 2 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(seconds, 0))} s"


def _searches(folder: Path) -> Iterator[Path]:
    return (place for place, files in _places(folder) if SEARCH in files)


def _group_folders(folder: Path) -> Iterator[Path]:
    return (place for place, files in _places(folder) if "run.json" in files)


def _places(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders where runs may be, each with its files; not those of a search, nor what is inside of a run."""
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}")
    for place, below, files in os.walk(folder):
        yield Path(place), files
        below[:] = sorted(name for name in below if name not in INSIDE and not name.startswith("."))
        if SEARCH in files:
            below.clear()


def _fits(value: str, patterns: str) -> bool:
    return any(fnmatch(value, pattern.strip()) for pattern in patterns.split(","))


def _row(one: Series) -> Row:
    group = one.group
    phase = next((name for name in reversed(PHASES) if one.final(name) is not None), group.phase)
    score, planned = one.final(phase), group.plan.get(f"{group.phase}_steps")
    return Row(
        run=str(group.folder.parent) if group.parts else str(group.folder),
        algorithm=group.title,
        task=group.task or str(group.dataset.get("name", "unknown")),
        settings=one.setting,
        seeds=len(one.members),
        score=score.mean if score else float("nan"),
        std=score.std if score else float("nan"),
        at=f"{group.phase} {group.step:,}",
        planned=planned if isinstance(planned, int) else 0,
        state="new" if group.state == "unknown" else group.state,
        age=_since(group),
    )


def _searched(folder: Path, algo: str, task: str) -> Row | None:
    """One row of a search: what it has chosen, by its runs on fresh seeds; None if it does not fit."""
    try:
        record = read_sealed(folder / SEARCH)
        asked, trials, final = record["asked"], record["trials"], record["final"]
        if not (_fits(asked["algorithm"], algo) and _fits(asked["task"], task)):
            return None
        scores = np.array([value for value, *_ in final["values"]] if final else [], float)
        tried = sum(bool(one["results"]) for one in trials)
        trained = next(folder.glob("batches/*/*/run.json"), None)
        title = read_sealed(trained)["title"] if trained else asked["algorithm"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _damaged(folder, CheckpointError(f"{folder / SEARCH} cannot be read: {error}"))
    return Row(
        run=str(folder / "final" if final else folder),
        algorithm=title,
        task=asked["task"],
        settings=trials[final["trial"]]["params"] if final else {},
        seeds=len(scores),
        score=finite_mean(scores).item() if len(scores) else float("nan"),
        std=sample_std(scores),
        at=f"search of {tried} trials",
        planned=0,
        state="finished" if final else "searching",
        age=time.time() - (folder / SEARCH).stat().st_mtime,
    )


def _since(group: GroupRecord) -> float:
    paths = [part.folder / name for part in group.programs for name in ("status.json", "run.json")]
    return time.time() - max((path.stat().st_mtime for path in paths if path.exists()), default=time.time())


def _damaged(path: Path, error: CheckpointError) -> Row:
    nan = float("nan")
    since = time.time() - path.stat().st_mtime
    return Row(str(path), "?", str(error).partition(";")[0], {}, 0, nan, nan, "-", 0, "damaged", since)
