"""What the parts of the torture share: tallies, a budget of time, children that are watched, a run to work on."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pars.cli.explain import explain
from pars.errors import ParsError
from pars.position import Position
from pars.training.folder import FORMAT, RunFolder

T = TypeVar("T")
HANGS = 30.0  # seconds after which a child is taken to hang
DESCRIPTION: dict[str, Any] = {"format": FORMAT, "algorithm": "pars", "members": [], "plan": {}, "dataset": {}}
PLACES = (Position(0, "offline", 400), Position(1, "online", 10), Position(1, "online", 20))


@dataclass
class Tally:
    """What was tried, and what was wrong with it."""

    what: str
    tried: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, outcome: str, fault: str = "") -> None:
        self.tried += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if fault:
            self.faults.append(fault)

    def line(self) -> str:
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return f"{self.what}: {self.tried:,} tried: {outcomes}; {len(self.faults)} wrong"


class Budget:
    """Time that a part may take; none: as long as it needs."""

    def __init__(self, seconds: float | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return self.end is not None and time.monotonic() > self.end

    def shared(self, items: Iterable[T]) -> Iterator[tuple[T, Budget]]:
        """Each item with its part of the time that is left."""
        every = [*items]
        for number, item in enumerate(every):
            left = self.end and (self.end - time.monotonic()) / (len(every) - number)
            yield item, Budget(left)


def tree(value: float) -> dict[str, Any]:
    return {"state": np.full((1, 300), value, np.float32), "since": np.asarray(0, np.int64)}


def value_of(position: Position) -> float:
    """What the arrays of a checkpoint hold."""
    return position.number * 1e5 + position.step


def advance(folder: RunFolder, position: Position) -> None:
    """A little training up to a position, and its checkpoint."""
    folder.metrics(position, {"score": np.array([value_of(position)])})
    folder.timing(position, {"elapsed_seconds": float(position.step)})
    if position.phase == "online":
        folder.transitions(np.full((1, 40), position.step, np.float32), np.array([False]))
    folder.save(position, tree(value_of(position)))


def make_run(path: Path) -> Path:
    """A run at online step 20."""
    with closing(RunFolder(path, DESCRIPTION)) as folder:
        for position in PLACES:
            advance(folder, position)
        folder.status("running", PLACES[-1])
    return path


def code_of(act: Callable[[], object]) -> int:
    """The exit code that the command would end with."""
    try:
        act()
    except ParsError as error:
        return error.exit_code
    except Exception as error:
        return explain(error)
    return 0


def watched(act: Callable[[Callable[[object], None]], object], wait: float = HANGS) -> tuple[int | None, list[Any]]:
    """Run `act` in a child, told how to report. -> its exit code, None if it was killed or hung, and its reports."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 2)
        code = 70
        try:
            code = code_of(lambda: act(lambda fact: os.write(writing, json.dumps(fact).encode() + b"\n")))
        finally:
            os._exit(code)
    os.close(writing)
    data, end = b"", time.monotonic() + wait
    while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0] and (part := os.read(reading, 65536)):
        data += part
    if time.monotonic() >= end:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    reports = [json.loads(line) for line in data.split(b"\n")[:-1]]
    return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else None), reports
