"""The live view of training in the terminal, and plain lines where there is no terminal.

A view never raises into training: after the first error of its own it falls silent. It keeps no thread, draws only
when it is told something, and gives the terminal back on `close`, which also happens when the process exits.
"""

import atexit
import contextlib
import functools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pars.errors import printable

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
ROWS = 12  # members shown one by one; more are shown as mean and range
POINTS = 24  # scores in a sparkline
REDRAW = 0.2  # seconds between two pictures
PLAIN = 30.0  # seconds between two plain lines without an evaluation
WINDOW = 60.0  # seconds over which the rate behind the ETA is taken

F = TypeVar("F", bound=Callable[..., None])


def sparkline(values: Sequence[float], low: float, high: float, bars: str = BARS) -> str:
    """One character per value, from `low` to `high`; a blank for NaN. A flat range gives the lowest bar."""
    span = high - low
    out = ""
    for value in values:
        share = (value - low) / span if span > 0 else 0.0
        out += bars[min(max(int(share * len(bars)), 0), len(bars) - 1)] if math.isfinite(share) else " "
    return out


def duration(seconds: float | None, hours: bool = False) -> str:
    """0:17, 12:05, 3:02:01, or -:-- if not known. hours: always shown, where 12:05 could be read as such."""
    if seconds is None or not math.isfinite(seconds):
        return "-:--"
    whole = max(round(seconds), 0)
    full, minutes = divmod(whole // 60, 60)
    return f"{full}:{minutes:02d}:{whole % 60:02d}" if full or hours else f"{minutes}:{whole % 60:02d}"


def spread(scores: Sequence[float]) -> str:
    """`63 [43 90] n=3`: mean, least and largest of the finite scores; how many of them if some are not."""
    finite = [score for score in scores if math.isfinite(score)]
    count = f"n={len(finite)}" + (f" of {len(scores)}" if len(finite) < len(scores) else "")
    if not finite:
        return f"none {count}"
    digits = 0 if max(abs(score) for score in finite) >= 10 else 2
    span = f" [{min(finite):.{digits}f} {max(finite):.{digits}f}]" if len(finite) > 1 else ""
    return f"{sum(finite) / len(finite):.{digits}f}{span} {count}"


def _harmless(method: F) -> F:
    """An error of the view ends the view, never the training."""

    @functools.wraps(method)
    def guarded(self: "View", *args: Any, **kwargs: Any) -> None:
        if self.broken:
            return
        try:
            method(self, *args, **kwargs)
        except Exception:
            self.broken = True
            self._release()

    return guarded  # type: ignore[return-value]


class View:
    """What training tells the person who waits. Use `make_view`; call `start` for each group of members.

    Units: a step is a gradient step in the phase "offline" and an environment step in the phase "online".
    """

    def __init__(self, console: Console, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self.clock, self.broken = console, clock, quiet
        self.title = ""
        self.members: list[str] = []
        self.totals: dict[str, int] = {}
        self.phase = ""
        self.step = 0
        self.speed: float | None = None
        self.history: list[list[float]] = []
        self.compiling = False  # the first program of a phase, which gives no sign meanwhile
        self._marks: deque[tuple[float, int]] = deque()  # (time, step) of the current phase
        self._begun = clock()
        self._live: Live | None = None
        self._drawn = self._printed = -math.inf

    @_harmless
    def start(self, title: str, members: list[str], phases: list[tuple[str, int]]) -> None:
        """Begin a group: its title, a name for each member, and each phase with its number of steps."""
        self._release()
        self.title, self.members, self.totals = title, list(members), dict(phases)
        self.phase, self.step, self.speed = (phases[0][0] if phases else ""), 0, None
        self.history = [[] for _ in members]
        self.compiling, self._begun = True, self.clock()
        self._marks.clear()
        self._drawn, self._printed = -math.inf, self.clock()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(console=self.console, auto_refresh=False, get_renderable=self._picture)
            atexit.register(self._release)
            self._live.start(refresh=True)
        else:
            plan = ", ".join(f"{name} {steps} steps" for name, steps in phases)
            count = f"{len(members)} member{'' if len(members) == 1 else 's'}"
            self._print(f"{title}: {count}, {plan}; score is mean [min max] over the members")

    @_harmless
    def advance(self, phase: str, step: int, updates_per_second: float | None = None) -> None:
        """The phase has reached `step`; updates_per_second counts the gradient steps of all who train."""
        self._move(phase, step, updates_per_second)
        self.compiling = False
        if self._live is not None:
            self._redraw()
        elif self.clock() - self._printed >= PLAIN:
            self._print(self._line())

    @_harmless
    def scores(self, phase: str, step: int, scores: list[float]) -> None:
        """An evaluation at `step`: one score per member, NaN for a member without one."""
        self._move(phase, step, None)
        for history, score in zip(self.history, scores, strict=True):
            history.append(float(score))
        if self._live is not None:
            self._redraw(now=True)
        else:
            self._print(f"{self._line()}  score {spread([float(score) for score in scores])}")

    @_harmless
    def note(self, message: str) -> None:
        """A message of one line that stays on the screen, for instance a warning."""
        self._print(message)

    @_harmless
    def close(self) -> None:
        """Leave the last picture on the screen and give the terminal back. May be called twice."""
        if self._live is not None:
            self._redraw(now=True)
        self._release()

    def _move(self, phase: str, step: int, speed: float | None) -> None:
        if phase != self.phase:
            self._marks.clear()
            self.speed, self.compiling = None, True
        self.phase, self.step, self.speed = phase, int(step), self.speed if speed is None else speed
        now = self.clock()
        self._marks.append((now, self.step))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW:
            self._marks.popleft()

    def eta(self) -> float | None:
        """Seconds to the end of the phase at the rate of the last minute; None while unknown."""
        total = self.totals.get(self.phase)
        if total is None or len(self._marks) < 2:
            return None
        (began, first), (now, last) = self._marks[0], self._marks[-1]
        if last <= first or now <= began:
            return 0.0 if self.step >= total else None
        return max(total - last, 0) * (now - began) / (last - first)

    def _rate(self) -> str:
        return "" if self.speed is None else f"{self.speed:.0f} updates/s"

    def _line(self, grouped: bool = False) -> str:
        total = self.totals.get(self.phase)
        place = f"{self.step:,}/{total or 0:,}" if grouped else f"{self.phase}  {self.step}/{total or '?'}"
        doing = "compiling" if self.compiling else self._rate()
        took = f"elapsed {duration(self.clock() - self._begun)}"
        return "  ".join(part for part in (place, doing, took, f"eta {duration(self.eta())}") if part)

    def _print(self, line: str) -> None:
        self._printed = self.clock()
        self.console.print(Text(printable(line, keep="\n")), soft_wrap=True)

    def _redraw(self, now: bool = False) -> None:
        if self._live is not None and (now or self.clock() - self._drawn >= REDRAW):
            self._drawn = self.clock()
            self._live.refresh()

    def _picture(self) -> RenderableType:
        total = self.totals.get(self.phase, 0)
        head = Table.grid(padding=(0, 2))
        head.add_column(no_wrap=True)
        bar = ProgressBar(total=max(total, 1), completed=min(self.step, total), width=24)
        head.add_row(Text(self.phase, style="bold"), bar, Text(self._line(grouped=True)))
        return Group(Text(self.title, style="bold cyan"), head, self._score_table())

    def _score_table(self) -> RenderableType:
        """One row per member with its last score and all of them as a sparkline, or one row for many members."""
        seen = [score for history in self.history for score in history if math.isfinite(score)]
        if not seen:
            return Text("no score yet", style="dim")
        bars = ASCII_BARS if self.console.options.ascii_only else BARS
        low, high = min(0.0, *seen), max(seen)
        table = Table.grid(padding=(0, 2))
        if len(self.members) <= ROWS:
            for name, history in zip(self.members, self.history, strict=True):
                last = f"{history[-1]:.1f}" if history and math.isfinite(history[-1]) else "none"
                table.add_row(
                    Text(name), Text(last, justify="right"), Text(sparkline(history[-POINTS:], low, high, bars))
                )
            return table
        last_scores = [history[-1] for history in self.history if history]
        columns = [[score for score in column if math.isfinite(score)] for column in zip(*self.history, strict=True)]
        means = [sum(column) / len(column) if column else math.nan for column in columns]
        line = sparkline(means[-POINTS:], low, high, bars)
        table.add_row(Text(f"{len(self.members)} members, mean [min max]"), Text(spread(last_scores)), Text(line))
        return table

    def _release(self) -> None:
        """Stop drawing and restore the cursor, whatever happens."""
        live, self._live = self._live, None
        if live is not None:
            atexit.unregister(self._release)
            try:
                live.stop()
            except Exception:
                self.broken = True
                try:
                    self.console.show_cursor(True)
                except Exception:  # the terminal is gone: there is nothing left to restore
                    pass


def make_view(console: Console | None = None, quiet: bool = False) -> View:
    """A view on `console`, by default on standard output. quiet: a view that says nothing at all."""
    return View(console if console is not None else Console(), quiet)


@contextlib.contextmanager
def sign_of_life(say: Callable[[str], None], doing: str) -> Iterator[None]:
    """A line every `PLAIN` seconds while something goes on that gives no sign itself."""
    begun, done = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not done.wait(PLAIN):
            say(f"{doing}; elapsed {duration(time.monotonic() - begun)}")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal: comes with the first `advance(done, total)` and is gone at the end."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line there
    )
    task: TaskID | None = None

    def advance(done: int, total: int) -> None:
        nonlocal task
        if task is None:
            bar.start()
            task = bar.add_task(label, total=total)
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        if task is not None:
            bar.stop()
