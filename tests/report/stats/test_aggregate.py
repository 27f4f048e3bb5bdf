"""Aggregates over runs and tasks: by hand, against rliable's numbers, and against the statistics of single tasks.

The numbers of rliable were recorded, not computed here: rliable 1.2.0 (with arch 7.2.0, numpy 2.4.6 and scipy 1.17.1)
cannot be imported beside pandas 3, and takes seconds to import beside older ones. Its 50,000 resamples drew 2.5 and
97.5 percentiles; scores are whole numbers, so quantiles move in steps.
"""

from __future__ import annotations

import numpy as np
import pytest

from pars.report.charts.profiles import profile_picture
from pars.report.stats.aggregate import (
    STATISTICS,
    Aggregate,
    aggregate,
    improvement_over_tasks,
    interquartile_mean,
    matrix,
    mean,
    median,
    optimality_gap,
    profile,
    profile_band,
    resample,
)
from pars.report.stats.statistics import improvement, iqm

X = np.array([[88, 60, 3, 104], [92, 71, 0, 99], [79, 80, 9, 101], [95, 66, -2, 57], [85, 75, 30, 110.0]])
Y = np.array([[90, 40, 1, 95], [70, 66, 3, 101], [81, 50, 0, 88], [60, 71, -1, 104.0]])
RLIABLE = {  # value, low, high
    "IQM": [(75.3, 68.0, 81.9), (65.75, 57.62, 74.0)],
    "mean": [(65.1, 59.5, 69.95), (57.4375, 53.06, 61.75)],
    "median": [(79.1, 72.3, 82.7), (66.0, 57.62, 74.25)],
    "optimality gap": [(35.65, 31.05, 40.85), (42.875, 38.62, 47.19)],
}
TAUS = [0, 3, 50, 75, 100]
PROFILE = ([0.9, 0.85, 0.75, 0.5, 0.15], [0.8, 0.75, 0.75, 0.4, 0.05], [1.0, 0.95, 0.75, 0.6, 0.25])


@pytest.mark.parametrize("name", STATISTICS)
def test_aggregates_are_rliables(name: str) -> None:
    for scores, (value, low, high) in zip((X, Y), RLIABLE[name], strict=True):
        found = aggregate(scores, STATISTICS[name], resamples=20_000)
        assert found.value == pytest.approx(value)
        assert found.interval == pytest.approx((low, high), abs=0.35)
        assert (found.runs, found.tasks) == scores.shape


def test_profile_is_rliables() -> None:
    share, low, high = PROFILE
    assert profile(X, TAUS).tolist() == pytest.approx(share)
    found = profile_band(X, TAUS, resamples=20_000)
    assert found[0].tolist() == pytest.approx(low) and found[1].tolist() == pytest.approx(high)


def test_probability_of_improvement_is_rliables() -> None:
    found = improvement_over_tasks(X, Y, resamples=20_000)
    assert found.value == 0.7125
    assert found.interval == pytest.approx((0.531, 0.869), abs=0.01)
    assert improvement_over_tasks(Y, X).value == pytest.approx(1 - 0.7125)


def test_aggregates_by_hand() -> None:
    scores = np.array([[0.0, 120.0, 40.0], [20.0, 100.0, 60.0]])  # means of the tasks: 10, 110, 50
    assert float(mean(scores)) == pytest.approx(340 / 6)
    assert float(median(scores)) == 50.0
    assert float(interquartile_mean(scores)) == 55.0  # (20 + 40 + 60 + 100) / 4
    assert float(optimality_gap(scores)) == pytest.approx((100 + 80 + 0 + 0 + 60 + 40) / 6)
    assert float(optimality_gap(scores, target=50.0)) == pytest.approx((50 + 30 + 0 + 0 + 10 + 0) / 6)
    assert profile(scores, [-1, 0, 59, 120]).tolist() == pytest.approx([1, 5 / 6, 3 / 6, 0])


def test_resamples_stay_within_their_task_and_are_seeded() -> None:
    drawn = resample(X, 500, seed=3)
    assert drawn.shape == (500, 5, 4)
    for task in range(4):
        assert set(np.unique(drawn[:, :, task])) == set(X[:, task])
    assert (drawn == resample(X, 500, seed=3)).all() and (drawn != resample(X, 500, seed=4)).any()
    # tasks are drawn on their own: were whole rows drawn, equal rows would go together
    assert len({tuple(np.searchsorted(np.sort(X[:, t]), row[t]) for t in range(4)) for row in drawn[:, 0]}) > 100
    assert aggregate(X, mean) == aggregate(X, mean)


def test_interval_of_the_mean_has_the_width_of_its_standard_error() -> None:
    scores = np.random.default_rng(0).normal([50, 80], [10, 1], (40, 2))
    found = aggregate(scores, mean, resamples=20_000)
    error = np.sqrt((scores.var(axis=0) / 40).sum()) / 2  # of independent tasks
    assert found.interval == pytest.approx(
        (scores.mean() - 1.96 * error, scores.mean() + 1.96 * error), abs=0.1 * error
    )


def test_one_task_is_the_statistic_of_that_task() -> None:
    assert float(interquartile_mean(X[:, :1])) == iqm(X[:, 0])
    one, many = improvement(X[:, 0], Y[:, 0]), improvement_over_tasks(X[:, :1], Y[:, :1])
    assert one.value == many.value and one.interval == pytest.approx(many.interval, abs=0.05)
    ties = improvement_over_tasks(np.full((3, 2), 7.0), np.full((2, 2), 7.0))
    assert ties.text() == "0.50 [0.50 0.50]"


def test_a_single_run_has_no_interval() -> None:
    assert aggregate(X[:1], mean) == Aggregate(63.75, None, 1, 4)
    assert aggregate(X[:1], mean).text() == "64" and aggregate(np.full((2, 2), 5.0), mean).text() == "5.0 [5.0 5.0]"
    assert improvement_over_tasks(X[:1], Y).interval is None
    with pytest.raises(ValueError, match="two runs of each task, got 1"):
        profile_band(X[:1], TAUS)


def test_unequal_and_missing_runs_are_refused_or_cut_when_told() -> None:
    ragged = {"hopper": [1.0, 2.0, 3.0], "pen": [4.0, 5.0]}
    with pytest.raises(ValueError, match=r"unequal numbers of runs \(hopper 3, pen 2\); pass runs=2"):
        matrix(ragged)
    assert matrix(ragged, runs=2).tolist() == [[1, 4], [2, 5]]
    with pytest.raises(ValueError, match="at least 3 runs, not so: pen"):
        matrix(ragged, runs=3)
    with pytest.raises(ValueError, match="at least 1 runs, not so: door"):
        matrix({"door": []})
    with pytest.raises(ValueError, match="at least 1 runs, not so: no task at all"):
        matrix({})
    with pytest.raises(ValueError, match="not a finite number among the scores of pen"):
        matrix({"hopper": [1.0], "pen": [np.nan]})
    with pytest.raises(ValueError, match="run 1 on task 0 is nan"):
        aggregate(np.array([[1.0], [np.nan]]), mean)
    with pytest.raises(ValueError, match=r"\[runs, tasks\] with at least one of each, got \(3,\)"):
        profile(np.zeros(3), TAUS)
    with pytest.raises(ValueError, match="same tasks in the same order, got 4 and 3"):
        improvement_over_tasks(X, Y[:, :3])


def test_profiles_as_a_picture() -> None:
    made = profile_picture("profiles", "Profiles", {"X": X, "Y": Y, "one": Y[:1]}, taus=TAUS)
    lines = made.csv.splitlines()
    assert lines[0] == "algorithm,runs,tau,share,low,high" and len(lines) == 1 + 3 * len(TAUS)
    assert lines[3].startswith("X,5,50,0.75,0.75,0.75") and lines[-1] == "one,1,100,0,,"
    assert "4 tasks" in made.caption and "X 5, Y 4, one 1" in made.caption and made.png
    with pytest.raises(ValueError, match="the same tasks"):
        profile_picture("profiles", "", {"X": X, "Y": Y[:, :2]})
    with pytest.raises(ValueError, match="no algorithm"):
        profile_picture("profiles", "", {})
