"""Budgets of `pars reproduce`: what fits is run, what does not is left, on a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pars.errors import DataError, Interrupted
from pars.reproduce.cost import Seconds
from pars.reproduce.units import Unit, run_units
from pars.training.progress import make_view
from pars.training.view import Stop

VIEW = make_view(quiet=True)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def unit(clock: Clock, name: str, estimate: float, truth: float, divisible: bool = True) -> Unit:
    """Takes `truth` seconds in all, over as many calls as it is stopped."""
    left = [truth]

    def run(stop: Stop, view: Any) -> None:
        until = clock.now + left[0] if stop.at is None else min(clock.now + left[0], stop.at)
        left[0] -= until - clock.now
        clock.now = until
        if left[0] > 1e-9:
            raise Interrupted("stopped")

    return Unit(name, name, Seconds(estimate, 1.0), False, run, divisible)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def test_what_fits_is_run_and_the_rest_is_left(clock: Clock) -> None:
    units = [unit(clock, name, cost, cost) for name, cost in (("a", 40), ("b", 90), ("c", 50))]
    outcome = run_units(units, 110.0, VIEW, clock)
    assert [one.label for one in outcome.finished] == ["a", "c"] and [one.label for one in outcome.left] == ["b"]
    assert clock.now == 90.0


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0, 10.0])
def test_a_budget_is_kept_whatever_the_estimates_are_worth(clock: Clock, truth: float) -> None:
    units = [unit(clock, str(i), 10.0, 10.0 * truth) for i in range(50)]
    outcome = run_units(units, 100.0, VIEW, clock)
    assert 80.0 <= clock.now <= 100.0 and outcome.left
    while outcome.left:
        before = clock.now
        outcome = run_units(units, 100.0, VIEW, clock)
        assert clock.now - before <= 100.0
    assert clock.now == pytest.approx(500.0 * truth)  # nothing was done twice


def test_too_large_for_the_budget_is_begun_and_continued(clock: Clock) -> None:
    big = unit(clock, "big", 250.0, 250.0)
    for turn in range(3):
        outcome = run_units([big], 100.0, VIEW, clock)
        assert bool(outcome.finished) == (turn == 2)
    assert clock.now == 250.0
    whole = unit(clock, "whole", 250.0, 250.0, divisible=False)
    assert run_units([whole], 100.0, VIEW, clock).left == [whole] and clock.now == 250.0


def test_one_that_does_not_fit_does_not_keep_others_from_being_begun(clock: Clock) -> None:
    """An indivisible unit too large for the budget before one that can be continued; a small one behind a big one."""
    whole, big = unit(clock, "whole", 250.0, 250.0, divisible=False), unit(clock, "big", 150.0, 150.0)
    for _ in range(2):
        outcome = run_units([whole, big], 100.0, VIEW, clock)
    assert big.done and outcome.left == [whole]
    small, other = unit(clock, "small", 5.0, 5.0), unit(clock, "other", 150.0, 150.0)
    outcome = run_units([other, small], 100.0, VIEW, clock)
    assert outcome.finished == [small] and outcome.left == [other]


def test_what_waits_for_data_is_left_until_they_are_there(clock: Clock) -> None:
    there: list[str] = []
    data = unit(clock, "data", 80.0, 80.0, divisible=False)
    data.run = lambda stop, view, run=data.run: (run(stop, view), there.append("data"))  # type: ignore[misc]
    waits = replace(unit(clock, "waits", 5.0, 5.0), ready=lambda: bool(there))
    assert run_units([data, waits], 60.0, VIEW, clock).left == [data, waits] and clock.now == 0.0
    assert [one.label for one in run_units([data, waits], 120.0, VIEW, clock).finished] == ["data", "waits"]


def test_estimates_are_corrected_by_what_units_took(clock: Clock) -> None:
    """Each takes a tenth of its estimate; after a few the rest are seen to fit."""
    units = [unit(clock, str(i), 30.0, 3.0) for i in range(20)]
    outcome = run_units(units, 100.0, VIEW, clock)
    assert not outcome.left and clock.now == 60.0


def test_a_small_one_says_little_about_the_others(clock: Clock) -> None:
    """A drawing that took no time at all does not make a long part fit that does not."""
    units = [unit(clock, "drawing", 0.1, 0.0, False), unit(clock, "part", 57.0, 300.0, False)]
    outcome = run_units(units, 60.0, VIEW, clock)
    assert [one.label for one in outcome.left] == ["part"] and clock.now == 0.0


def test_a_signal_stops_all_of_it(clock: Clock) -> None:
    def run(stop: Stop, view: Any) -> None:
        stop.signalled = True
        raise Interrupted("stopped at offline step 3; run the same command to continue")

    asked = Unit("a", "a", Seconds(1.0, 1.0), False, run, True)
    with pytest.raises(Interrupted):
        run_units([asked, unit(clock, "b", 1.0, 1.0)], 100.0, VIEW, clock)
    assert clock.now == 0.0


def test_an_error_ends_its_experiment_and_not_the_others(clock: Clock) -> None:
    def fails(stop: Stop, view: Any) -> None:
        raise DataError("no such file; download it")

    broken = [Unit("a", label, Seconds(1.0, 1.0), False, fails, True) for label in ("first", "second")]
    outcome = run_units([*broken, unit(clock, "b", 1.0, 1.0)], None, VIEW, clock)
    assert [one.label for one in outcome.finished] == ["b"] and [str(one) for one in outcome.errors] == [
        "no such file; download it"
    ]
