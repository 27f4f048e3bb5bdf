"""Estimates by hand, and against scipy where a law says so."""

import math

import numpy as np
import pytest
from scipy import stats

from pars.report.stats.statistics import (
    bootstrap_band,
    bootstrap_interval,
    decimals,
    difference,
    estimate,
    improvement,
    iqm,
    number,
    probability_of_improvement,
    sample_std,
    signed,
)


def test_standard_deviations_by_hand():
    values = np.array([2.0, 4.0, 9.0])  # mean 5, squares 9 + 1 + 16
    assert sample_std(values) == pytest.approx(math.sqrt(26 / 2))
    assert sample_std(values, ddof=0) == pytest.approx(math.sqrt(26 / 3))
    assert math.isnan(sample_std(np.array([3.0])))
    assert sample_std(np.array([3.0]), ddof=0) == 0.0


def test_iqm_leaves_out_the_outer_quarters():
    assert iqm(np.array([100.0, 2.0, 4.0, -50.0])) == 3.0
    assert iqm(np.array([1.0, 2.0, 3.0])) == 2.0  # less than one value per quarter: the mean
    assert math.isnan(iqm(np.array([])))


def test_probability_of_improvement_by_hand():
    assert probability_of_improvement(np.array([1.0, 3.0]), np.array([1.0, 2.0])) == (0.5 + 0 + 1 + 1) / 4
    x, y = np.array([5.0, 1.0, 7.0]), np.array([4.0, 4.0])
    u = stats.mannwhitneyu(x, y).statistic
    assert probability_of_improvement(x, y) == pytest.approx(u / 6)
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1.0)


def test_bootstrap_interval_is_seeded_and_encloses_the_mean():
    values = np.array([60.0, 70.0, 95.0])
    low, high = bootstrap_interval(values)
    assert (low, high) == bootstrap_interval(values)
    assert 60 <= low < 75 < high <= 95
    assert bootstrap_interval(np.array([60.0])) is None
    assert bootstrap_interval(np.array([60.0, np.nan])) is None
    assert bootstrap_interval(np.array([5.0, 5.0, 5.0])) == (5.0, 5.0)


def test_bootstrap_interval_equals_quantiles_of_all_resamples():
    # two seeds: the mean of a resample is 0, 5 or 10 with probability 1/4, 1/2, 1/4
    assert bootstrap_interval(np.array([0.0, 10.0])) == (0.0, 10.0)
    assert bootstrap_interval(np.array([0.0, 10.0]), level=0.4) == (5.0, 5.0)


def test_bootstrap_band_shifts_with_the_values_and_keeps_holes():
    values = np.array([[1.0, 11.0, np.nan], [3.0, 13.0, 1.0]])
    low, high = bootstrap_band(values)
    assert (low[1] - low[0], high[1] - high[0]) == (10.0, 10.0)
    assert np.isnan(low[2]) and np.isnan(high[2])
    with pytest.raises(ValueError, match="n >= 2"):
        bootstrap_band(values[:1])


def test_difference_is_welch():
    x, y = np.array([88.0, 80.0, 93.0]), np.array([3.0, 9.0, 0.0, 1.0])
    oracle = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    found = difference(x, y)
    assert found.interval == pytest.approx((oracle.low, oracle.high))
    assert found.clear and found.value == pytest.approx(87 - 3.25)


def test_difference_of_pairs():
    x, y = np.array([90.0, 80.0, 70.0]), np.array([88.0, 79.0, 67.0])
    oracle = stats.ttest_rel(x, y).confidence_interval(0.95)
    assert difference(x, y, paired=True).interval == pytest.approx((oracle.low, oracle.high))
    assert not difference(x, y).clear  # not paired, seeds differ by more than that


def test_difference_without_spread():
    assert difference(np.array([1.0]), np.array([2.0, 3.0])).interval is None
    assert not difference(np.array([1.0]), np.array([2.0, 3.0])).clear
    assert difference(np.array([5.0, 5.0]), np.array([5.0, 5.0])).clear is False
    assert difference(np.full(2, 55.0), np.full(2, 50.0)).interval is None  # two of a few steps are soon alike
    assert difference(np.full(3, 100.0), np.zeros(3)).clear
    assert difference(np.full(3, 5.0), np.full(3, 4.0)).text() == "+1.0 [+1.0 +1.0]"
    assert difference(np.array([1.0]), np.array([2.0])).text() == "−1.0, too few seeds for an interval"


def test_estimates_print_themselves():
    assert estimate(np.array([82.0, 88.0, 94.0])).text() == "88 ± 6"
    assert estimate(np.array([0.0, 3.3, 6.7])).text() == "3.3 ± 3.4"
    assert estimate(np.array([88.0])).text() == "88"
    assert estimate(np.array([88.0])).interval_text() == "none (n < 2)"
    assert estimate(np.array([2500.0, 3500.0])).text() == "3,000 ± 707"
    lost = estimate(np.array([82.0, np.nan, 94.0]))
    assert (lost.n, lost.missing, lost.text()) == (2, 1, "88 ± 8")
    assert estimate(np.array([np.nan])).text() == "none"


def test_numbers_print_about_two_digits():
    assert [number(x) for x in (12345.0, 88.4, 3.33, 0.914, 0.0, 1e-5, 3e7)] == [
        "12,345", "88", "3.3", "0.91", "0", "1.0e-05", "3.0e+07",
    ]  # fmt: skip
    assert [decimals(x) for x in (9.96, 9.9, 1.0, 0.5, 0.05)] == [0, 1, 1, 2, 3]
    assert number(math.nan) == "none" and number(math.inf) == "infinite"


def test_improvement_by_hand():
    # ones beat twos in 0 of 4 pairs of (0, 2) and (1, 3) but for 2 > 1: 1/4
    found = improvement(np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    assert found.value == 0.25
    # a resample of each side is (a a), (a b) or (b b) with probability 1/4, 1/2, 1/4; the probability is
    # drawn share of the 2 times drawn share of the 1: 1 with probability 1/16, 1/2 with 1/4, 1/4 with 1/4, 0 with 7/16
    assert found.interval == (0.0, 1.0)
    narrow = improvement(np.array([0.0, 2.0]), np.array([1.0, 3.0]), level=0.6)  # quantiles 0.2 and 0.8
    assert narrow.interval == (0.0, 0.5)
    assert found.text() == "0.25 [0.00 1.00]" and found.flipped.text() == "0.75 [0.00 1.00]"
    assert narrow.flipped.interval == (0.5, 1.0)


def test_improvement_is_seeded_and_knows_ties_and_few_runs():
    x, y = np.array([60.0, 70.0, 95.0, 71.0]), np.array([65.0, 70.0, 40.0])
    assert improvement(x, y) == improvement(x, y)
    assert improvement(x, y).value == probability_of_improvement(x, y) == (1 + 2.5 + 3 + 3) / 12
    assert improvement(y, y).value == 0.5
    assert improvement(np.full(3, 7.0), np.full(3, 7.0)).text() == "0.50 [0.50 0.50]"
    assert improvement(x, y[:1]).text() == "0.75" and improvement(x, y[:1]).flipped.interval is None
    assert improvement(np.array([np.nan]), y).text() == "none"
    assert improvement(np.append(x, np.nan), y) == improvement(x, y)


def test_improvement_resamples_each_side_like_scipy():
    rng = np.random.default_rng(1)
    x, y = rng.normal(1, 1, 8), rng.normal(0, 1, 6)
    oracle = stats.bootstrap(
        (x, y), lambda a, b, axis: np.mean(a[..., :, None] > b[..., None, :], axis=(-2, -1)), vectorized=True,
        n_resamples=20_000, method="percentile", rng=rng,
    ).confidence_interval  # fmt: skip
    found = improvement(x, y, resamples=20_000).interval
    assert found == pytest.approx((oracle.low, oracle.high), abs=0.02)


def test_differences_from_the_other_side():
    x, y = np.array([88.0, 80.0, 93.0]), np.array([3.0, 9.0, 0.0, 1.0])
    assert difference(x, y).flipped.interval == pytest.approx(difference(y, x).interval)
    assert difference(x, x).flipped.text().startswith("+0 [")
    assert signed(-0.04, 1) == "+0.0" and signed(-1234.0, 0) == "−1,234"
