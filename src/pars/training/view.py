"""Who watches a run while it trains, and who may stop it."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from pars.alarm import hurry

TICK = 1e-6  # seconds, the least that is taken to have passed
GRACE = 5.0  # seconds that an evaluation may take to end after a signal; then it is given up


def seconds_since(moment: float) -> float:
    """Seconds since a time of `time.monotonic`, above zero even where that clock is coarse or stands."""
    return max(time.monotonic() - moment, TICK)


class View(Protocol):
    """Who watches: see pars.training.progress."""

    def start(self, title: str, members: list[str], phases: list[tuple[str, int]]) -> None: ...
    def advance(self, phase: str, step: int, updates_per_second: float | None) -> None: ...
    def scores(self, phase: str, step: int, scores: list[float]) -> None: ...
    def note(self, message: str) -> None: ...
    def close(self) -> None: ...


class Stop:
    """Set by SIGINT and SIGTERM, or by a time; the loop looks at it between dispatches."""

    def __init__(self, at: float | None = None) -> None:
        """at: of `time.monotonic`, when it asks by itself."""
        self.at, self.signalled, self.since = at, False, math.inf

    @property
    def late(self) -> bool:
        """Whether its time has come."""
        return self.at is not None and time.monotonic() >= self.at

    @property
    def asked(self) -> bool:
        return self.signalled or self.late

    @property
    def urgent(self) -> bool:
        """Whether a signal has waited for longer than an evaluation is worth."""
        return time.monotonic() - self.since > GRACE

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch both signals (main thread only); a second one of either kind acts as usual."""
        previous: dict[int, Any] = {}

        def ask(number: int, frame: Any) -> None:
            self.signalled, self.since = True, time.monotonic()
            hurry()
            for one, handler in previous.items():
                signal.signal(one, handler)

        try:
            for number in (int(signal.SIGINT), int(signal.SIGTERM)):
                previous[number] = signal.getsignal(number)
                signal.signal(number, ask)
        except ValueError:
            previous = {}  # not the main thread
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
