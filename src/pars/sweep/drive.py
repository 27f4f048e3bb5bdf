"""The driver of a sweep: hands out units, takes them back, tries again what died, and says how it stands."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pars.errors import Interrupted, ResourceError
from pars.position import Position
from pars.sweep.units import Unit, is_done, newest, share
from pars.sweep.work import Ended
from pars.training.progress import duration
from pars.training.view import Stop

LOOK = 0.5  # seconds between two looks at workers
SPOKEN = 30.0  # seconds between two lines while nothing ends
BUSY, AGAIN = 600.0, 5.0  # seconds in which another process may let go of a unit's folder, and between two tries


class Pool(Protocol):
    """Workers, each with so many cores and a GPU or none. room: units that may be given to it at a time."""

    workers: int
    cores: int
    gpu: bool
    room: int

    def start(self, number: int) -> None: ...
    def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]: ...
    def close(self) -> None: ...


def in_words(pool: Pool) -> str:
    each = "a GPU" if pool.gpu else "a core" if pool.cores == 1 else f"{pool.cores} cores"
    return f"{pool.workers} workers with {each} each"


@dataclass
class Drive:
    """Args:
    retries: how often in a row a unit's worker may die without a new checkpoint of it.
    say: is told a line now and then.
    """

    root: Path
    units: Sequence[Unit]
    pool: Pool
    stop: Stop
    retries: int
    say: Callable[[str], None]
    failed: dict[int, Ended] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)  # of workers, by unit, since its last checkpoint
    killed: int = 0  # workers in all

    def run(self) -> None:
        """All units that are not done. Raises Interrupted on a signal."""
        self.done = {i for i, unit in enumerate(self.units) if is_done(self.root, unit)}
        self.waiting, self.running = deque(i for i in range(len(self.units)) if i not in self.done), set[int]()
        self.shares = [share(self.root, unit) for unit in self.units]
        self.seen: dict[int, Position | None] = {}
        self.busy: dict[int, float] = {}  # since when
        self.again: dict[int, float] = {}  # when one that was busy is tried again
        self.begun, self.at_first = time.monotonic(), self._gone()
        self._speak()
        try:
            while (self.waiting or self.running) and not self.stop.asked:
                self._give()
                for number, ended in self.pool.wait(LOOK):
                    self.running.discard(number)
                    self._take(number, ended)
                if time.monotonic() - self.spoken > SPOKEN:
                    self._speak()
        finally:
            self.pool.close()
        if self.stop.asked:
            raise Interrupted(f"{self._line()}; run the same command to continue")

    def _give(self) -> None:
        """Units to as many workers as there are."""
        for number in [i for i in self.waiting if self.again.get(i, 0.0) <= time.monotonic()]:
            if len(self.running) >= self.pool.room:
                return
            self.waiting.remove(number)
            self.running.add(number)
            self.seen[number] = self._newest(number)
            self.pool.start(number)

    def _take(self, number: int, ended: Ended) -> None:
        now, place = time.monotonic(), self.units[number].place
        if ended.state == "busy" and now - self.busy.setdefault(number, now) < BUSY:
            self.waiting.append(number)  # held by a worker whose driver was killed: it stops after its next checkpoint
            self.again[number] = now + AGAIN
            return
        self.busy.pop(number, None)
        if ended.state == "finished":
            self.done.add(number)
            self.shares[number] = 1.0
        elif ended.state == "interrupted":
            self.waiting.append(number)
        elif ended.state == "died" and not self._is_too_often(number):
            self.say(f"{place}: {ended.message}; it goes on from {self._newest(number) or 'its start'}")
            self.waiting.append(number)
        else:
            self.failed[number] = ended._replace(code=ended.code or ResourceError.exit_code)
            self.say(f"failed: {place}: {ended.message}")
        self._speak()

    def _is_too_often(self, number: int) -> bool:
        """Whether a unit's worker died once more than it may."""
        self.killed += 1
        if self._newest(number) != self.seen[number]:
            self.deaths[number] = 0
        self.deaths[number] += 1
        return self.deaths[number] > self.retries

    def _newest(self, number: int) -> Position | None:
        return newest(self.root, self.units[number])

    def _gone(self) -> float:
        """Members' shares of their steps that are done, in all."""
        for number in self.running:
            self.shares[number] = share(self.root, self.units[number])
        return sum(len(unit.members) * own for unit, own in zip(self.units, self.shares, strict=True))

    def _line(self) -> str:
        gone, whole = self._gone(), sum(len(unit.members) for unit in self.units)
        lost = sum(len(self.units[i].members) * (1.0 - self.shares[i]) for i in self.failed)
        rate = max(gone - self.at_first, 0.0) / max(time.monotonic() - self.begun, 1e-3)
        left = (whole - lost - gone) / rate if rate > 0 else None
        parts = [f"{len(self.done)} of {len(self.units)} units done", f"{len(self.running)} given to workers"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{self.killed} workers lost"] if self.killed else []
        return ", ".join(parts) + (f"; {duration(left)} left" if self.waiting or self.running else "")

    def _speak(self) -> None:
        self.say(self._line())
        self.spoken = time.monotonic()
