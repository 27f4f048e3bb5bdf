"""When a number of ours agrees with another one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pars.report.stats.comparison import Comparison, Reference, verdict


def one(values: list[float], reference: Reference | None) -> Comparison:
    return Comparison("row", "column", np.asarray(values, float), reference)


def test_within_a_tolerance() -> None:
    reference = Reference(0.5, tolerance=0.05)
    assert verdict(one([0.53, 0.55], reference)) == "inside"
    assert verdict(one([0.60, 0.54], reference)) == "above"
    assert verdict(one([0.44], reference)) == "below"


def test_with_spreads_on_both_sides_it_is_welchs_test() -> None:
    theirs = np.array([88.0, 92.0, 90.0, 91.0, 89.0])  # mean 90, std 1.58
    reference = Reference(float(theirs.mean()), float(theirs.std(ddof=1)), len(theirs))
    for shift in np.linspace(-8, 8, 33):
        ours = np.array([89.0, 90.0, 91.5]) + shift
        clear = stats.ttest_ind(ours, theirs, equal_var=False).pvalue < 0.05
        side = "above" if ours.mean() > theirs.mean() else "below"
        assert verdict(one(list(ours), reference)) == (side if clear else "inside")


def test_a_single_seed_is_held_against_one_more_of_theirs() -> None:
    """t.975 with 4 degrees of freedom is 2.776; times 2 sqrt(1 + 1/5) = 2.191 it is 6.08."""
    reference = Reference(90.0, 2.0, 5)
    assert verdict(one([96.0], reference)) == "inside" and verdict(one([96.2], reference)) == "above"


def test_a_reference_without_spread_lies_in_our_interval_or_not() -> None:
    """Of 1, 2, 3: std 1, t.975 with 2 degrees of freedom 4.303, over sqrt(3) 2.48 on both sides of 2."""
    assert verdict(one([1, 2, 3], Reference(4.4))) == "inside"
    assert verdict(one([1, 2, 3], Reference(4.6))) == "below"
    assert verdict(one([2.0], Reference(2.1))) == "not comparable"  # one seed without any spread
    assert verdict(one([1, 2, 3], Reference(9.0, 1.0, alike=False))) == "not comparable"


@pytest.mark.parametrize("reference", [Reference(0.0), Reference(0.0, 1.0), Reference(0.0, tolerance=9.0)])
def test_what_is_not_alike_gets_no_verdict(reference: Reference) -> None:
    assert verdict(one([1.0, 2.0], reference), comparable=False) == "not comparable"
    assert verdict(one([], reference)) == verdict(one([1.0], None)) == "no reference"


def test_equal_numbers_without_spread_agree() -> None:
    assert verdict(one([0.0, 0.0], Reference(0.0, 0.0))) == "inside"
    assert verdict(one([0.0, 0.0], Reference(1.0, 0.0))) == "below"
