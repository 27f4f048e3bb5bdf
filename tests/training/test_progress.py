"""The terminal view: sparklines and lines by hand, silence after errors, a terminal that is given back."""

import io
import math
import time

import pytest
from rich.console import Console

from pars.training.progress import PLAIN, View, duration, make_view, sparkline, spread
from pars.training.view import seconds_since


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def plain_view() -> tuple[View, Clock, io.StringIO]:
    out, clock = io.StringIO(), Clock()
    return View(Console(file=out, force_terminal=False, width=120), clock=clock), clock, out


def terminal_view() -> tuple[View, Clock, io.StringIO]:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=True, width=100, color_system=None, _environ={"TERM": "xterm"})
    return View(console, clock=clock), clock, out


def test_sparkline_by_hand():
    assert sparkline([0, 50, 100], 0, 100) == "▁▅█"
    assert sparkline([0, 12.5, 25, 37.5, 50, 62.5, 75, 87.5], 0, 100) == "▁▂▃▄▅▆▇█"
    assert sparkline([-5, 200, math.nan], 0, 100) == "▁█ "
    assert sparkline([7, 7], 7, 7) == "▁▁"
    assert sparkline([], 0, 1) == ""


def test_duration_by_hand():
    assert duration(725, hours=True) == "0:12:05"
    assert [duration(s) for s in (0, 17, 65, 3600 + 61, None, math.inf)] == [
        "0:00",
        "0:17",
        "1:05",
        "1:01:01",
        "-:--",
        "-:--",
    ]


def test_spread_by_hand():
    assert spread([43, 56, 90]) == "63 [43 90] n=3"
    assert spread([63]) == "63 n=1"
    assert spread([0.25, 0.75]) == "0.50 [0.25 0.75] n=2"
    assert spread([50, math.nan]) == "50 n=1 of 2"
    assert spread([math.nan]) == "none n=0 of 1"


def test_plain_line_of_an_evaluation():
    view, clock, out = plain_view()
    view.start("PARS", ["seed 0", "seed 1", "seed 2"], [("offline", 10000), ("online", 3000)])
    view.advance("offline", 0, None)
    clock.now = 7.3
    view.advance("offline", 3000, 412.0)
    view.scores("offline", 3000, [43.0, 56.0, 90.0])
    lines = out.getvalue().splitlines()
    assert (
        lines[0] == "PARS: 3 members, offline 10000 steps, online 3000 steps; score is mean [min max] over the members"
    )
    assert lines[1:] == ["offline  3000/10000  412 updates/s  elapsed 0:07  eta 0:17  score 63 [43 90] n=3"]


def test_plain_view_prints_one_line_per_interval_otherwise():
    view, clock, out = plain_view()
    view.start("BC", ["seed 0"], [("offline", 1000)])
    for second in range(100):
        clock.now = float(second)
        view.advance("offline", second, 5.0)
    assert len(out.getvalue().splitlines()) == 1 + int(99 // PLAIN)


def test_it_says_that_it_compiles_until_the_first_step_of_a_phase():
    view, clock, out = plain_view()
    view.start("PARS", ["seed 0"], [("offline", 100), ("online", 10)])
    clock.now = 9.0
    view.scores("offline", 0, [1.0])
    view.advance("offline", 8, None)
    view.scores("offline", 8, [1.0])
    view.scores("online", 0, [1.0])
    lines = [line.partition("  score")[0] for line in out.getvalue().splitlines()[1:]]
    assert lines == [
        "offline  0/100  compiling  elapsed 0:09  eta -:--",
        "offline  8/100  elapsed 0:09  eta -:--",
        "online  0/10  compiling  elapsed 0:09  eta -:--",
    ]


def test_eta_restarts_with_the_phase_and_with_a_resumed_step():
    view, clock, _ = plain_view()
    view.start("PARS", ["seed 0"], [("offline", 100), ("online", 10)])
    view.advance("offline", 60, None)  # resumed
    assert view.eta() is None
    clock.now = 2.0
    view.advance("offline", 80, None)
    assert view.eta() == pytest.approx(2.0)
    view.advance("online", 0, None)
    assert view.eta() is None
    clock.now = 5.0
    view.advance("online", 2, None)
    assert view.eta() == pytest.approx(12.0)


def test_terminal_shows_phase_rate_scores_and_gives_the_cursor_back():
    view, clock, out = terminal_view()
    view.start("PARS on umaze", ["seed 0", "seed 1"], [("offline", 1000)])
    view.advance("offline", 0, None)
    clock.now = 10.0
    view.advance("offline", 500, 333.0)
    view.scores("offline", 500, [0.0, 50.0])
    view.scores("offline", 750, [25.0, 100.0])
    view.note("a checkpoint was damaged")
    view.close()
    view.close()
    text = out.getvalue()
    for part in ("PARS on umaze", "offline", "500/1,000", "333 updates/s", "eta 0:10", "seed 1", "▁▃", "▅█"):
        assert part in text, part
    assert "a checkpoint was damaged" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_many_members_are_shown_as_mean_and_range():
    view, _, out = terminal_view()
    view.start("sweep", [f"member {i}" for i in range(45)], [("offline", 10)])
    view.scores("offline", 5, [float(i) for i in range(45)])
    view.close()
    assert "45 members, mean [min max]" in out.getvalue()
    assert "22 [0 44] n=45" in out.getvalue()
    assert "member 7" not in out.getvalue()


def test_markup_in_names_is_text():
    view, _, out = plain_view()
    view.note("settings [bold]x[/bold] [/oops]")
    assert out.getvalue() == "settings [bold]x[/bold] [/oops]\n"


def test_quiet_says_nothing():
    out = io.StringIO()
    view = make_view(Console(file=out), quiet=True)
    view.start("PARS", ["seed 0"], [("offline", 10)])
    view.advance("offline", 1, None)
    view.scores("offline", 1, [1.0])
    view.note("hidden")
    view.close()
    assert out.getvalue() == ""


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("the terminal is gone")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_broken_terminal_never_stops_training(terminal: bool):
    view = make_view(Console(file=Gone(), force_terminal=terminal, _environ={"TERM": "xterm"}))
    view.start("PARS", ["seed 0"], [("offline", 10)])
    view.advance("offline", 1, None)
    view.scores("offline", 1, [1.0])
    view.close()
    assert view.broken


def test_a_wrong_number_of_scores_never_stops_training():
    view, _, _ = plain_view()
    view.start("PARS", ["seed 0"], [("offline", 10)])
    view.scores("offline", 1, [1.0, 2.0])
    view.advance("offline", 2, None)
    view.close()
    assert view.broken


def test_an_ascii_terminal_gets_ascii_bars():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=out, force_terminal=True, width=80, color_system=None, _environ={"TERM": "xterm"})
    view = View(console)
    view.start("PARS", ["seed 0"], [("offline", 10)])
    view.scores("offline", 5, [0.0])
    view.scores("offline", 10, [100.0])
    view.close()
    assert not view.broken


def test_no_time_has_passed_without_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are counts by seconds, and a clock may be coarse or stand."""
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    assert 0.0 < seconds_since(5.0) < 1e-3 and seconds_since(2.0) == 3.0
