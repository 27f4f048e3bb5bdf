"""Infeasible actions: closed forms, the pictures, and what is said of them."""

import numpy as np
import pytest
from scipy import integrate

from pars.report.stats.comparison import verdict
from pars.reproduce.paper.figure8 import FIGURE8, KINDS, LIMIT, expected_cosine, sample


def test_the_expected_cosine_is_a_double_integral_in_the_plane_and_has_a_limit() -> None:
    assert expected_cosine(1) == pytest.approx(1.0, abs=1e-7)
    plane, _ = integrate.dblquad(lambda x, y: (x + y) / np.sqrt(2 * (x * x + y * y)), 1, 2, 1, 2)
    assert expected_cosine(2) == pytest.approx(plane, abs=1e-7)
    assert expected_cosine(10_000) == pytest.approx(LIMIT, abs=1e-5)
    assert abs(LIMIT - 0.982) < 1e-4


def test_any_leaves_coordinates_feasible_and_all_does_not() -> None:
    every, some = (sample([0], kind, samples=20_000, dimensions=(8,)) for kind in KINDS)
    assert every["inside"].min() == 1.0
    assert some["inside"] == pytest.approx(0.75, abs=0.02)  # the other of two coordinates is out in half of the draws
    assert every["corners"].sum() == pytest.approx(2.0)  # shares, of each of two distances
    assert every["cosine"] == pytest.approx(expected_cosine(8), abs=1e-3)
    assert np.abs(every["actions"]).min() >= 1000


def test_the_study_agrees_with_its_closed_forms() -> None:
    finding = FIGURE8.show({kind: sample([0, 1], kind, samples=20_000, dimensions=(2, 8)) for kind in KINDS})
    assert {verdict(one) for one in finding.comparisons} == {"inside"}
    plane, directions = finding.pictures
    assert plane.csv.count("\n") == 801 and plane.png.startswith(b"\x89PNG")
    assert "all,2,0," in directions.csv
    assert any("0.984" in sentence for sentence in finding.reading)
