"""The operator of appendix C.1 by hand, and an operator that is no contraction."""

from __future__ import annotations

import numpy as np
import pytest

from pars.report.stats.comparison import verdict
from pars.reproduce.paper.appendix_c import (
    APPENDIX_C,
    BOUNDS,
    DISCOUNT,
    Operator,
    cases,
    distances,
    random_operator,
    ratios,
    violations,
    weights,
)

pytestmark = pytest.mark.usefixtures("no_png")

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [0.5, 0.4], [3.0, 0.0]])
DATA = np.arange(4)


def test_cases_by_the_hull_of_the_data() -> None:
    assert cases(SQUARE, DATA).tolist() == [0, 0, 0, 0, 1, 2]


def test_weights_by_hand() -> None:
    """The pair at (0.5, 0.4) averages its two nearest, (0, 0) and (2, 0); outside nothing is averaged."""
    found = weights(SQUARE, DATA, cases(SQUARE, DATA), nearest=2)
    assert found[:4, :4].tolist() == np.eye(4).tolist()
    assert found[4].tolist() == [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    assert found[5].tolist() == [0.0] * 6


def test_a_chain_of_two_pairs() -> None:
    """Pair 0 earns 1 and leads to itself: 1 / (1 - 0.5) = 2. Pair 1, outside, stays at -3."""
    operator = Operator(np.array([1.0, -3.0]), np.array([[0.5, 0.0], [0.0, 0.0]]), np.array([0, 2]))
    assert operator(np.array([[4.0, 7.0]])).tolist() == [[3.0, -3.0]]
    assert operator.fixed_point().tolist() == [2.0, -3.0]
    found = distances(operator, np.random.default_rng(0), iterations=3)
    assert found[1:] / found[1] == pytest.approx([1.0, 0.5, 0.25])


def test_the_random_operator_contracts_and_its_draws_come_near_the_bound() -> None:
    rng = np.random.default_rng(7)
    operator = random_operator(rng)
    assert set(operator.case) == {0, 1, 2}
    found = ratios(operator, rng)
    assert found.shape == (1000, 3) and not violations(found[None]).any()
    assert found[:, 0].max() > 0.98 * DISCOUNT and found[:, 1].max() > 0.98 * DISCOUNT and found[:, 2].max() == 0.0


def test_an_operator_that_extrapolates_is_found_out() -> None:
    """Inside the hull 2 q1 - q2 of two neighbours in place of their average: differences grow by up to three."""
    rng = np.random.default_rng(0)
    operator = random_operator(rng)
    matrix = operator.matrix.copy()
    first, second = np.flatnonzero(operator.case == 0)[:2]
    matrix[operator.case == 1] = 2 * matrix[first] - matrix[second]
    broken = violations(ratios(operator._replace(matrix=matrix), rng)[None])[0]
    assert broken[0] == 0 and broken[1] > 10


def test_a_bootstrapped_outside_is_found_out() -> None:
    rng = np.random.default_rng(0)
    operator = random_operator(rng)
    matrix = operator.matrix.copy()
    matrix[operator.case == 2] = matrix[operator.case == 0][0]
    assert violations(ratios(operator._replace(matrix=matrix), rng)[None])[0].tolist() == [0, 0, 1000]


def test_the_study_agrees_with_the_paper() -> None:
    part = APPENDIX_C.parts["processes"]((0, 1))
    assert part["ratio"].shape == (2, 1000, len(BOUNDS)) and part["pairs"].sum(1).tolist() == [240, 240]
    found = APPENDIX_C.show({"processes": part})
    held = [verdict(one) for one in found.comparisons if one.reference is not None]
    assert held == ["inside"] * 4
    assert found.reading[0].startswith("The claim holds here: of 2,000 draws")
