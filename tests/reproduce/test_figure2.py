"""The drawings of figures 2 and 3: regions of actions, and curves that agree where there are data."""

from __future__ import annotations

import numpy as np
import pytest

from pars.reproduce.paper import figure3
from pars.reproduce.paper.figure2 import FIGURE2, NEAR, REGIONS, actions, regions
from pars.reproduce.paper.figure3 import DATA, FIGURE3, HULL, Q_MIN, linear, wanted

pytestmark = pytest.mark.usefixtures("no_png")


def test_regions_by_hand() -> None:
    triangle = np.array([[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]])
    points = np.array([[0.0, 0.5 + NEAR / 2], [0.0, -0.2], [0.0, 0.8], [0.0, 1.1], [-1.2, 0.0]])
    assert regions(points, triangle).tolist() == [0, 1, 2, 3, 3]
    assert np.abs(actions()).max() < 1.0 and (regions(actions(), actions()) == 0).all()


def test_figure_2_has_all_regions() -> None:
    parts = {name: part((0,)) for name, part in FIGURE2.parts.items()}
    finding = FIGURE2.show(parts)
    (one,) = finding.pictures
    assert {line.rpartition(",")[2] for line in one.csv.splitlines()[1:]} <= {*REGIONS}
    assert (
        finding.reading[0].startswith("Of the feasible box, as it is drawn: ")
        and "% outside the hull" in finding.reading[0]
    )


def test_both_curves_go_through_the_data_and_part_beyond() -> None:
    inside, beyond = np.linspace(*HULL, 50), np.array([-1.5, 1.5])
    np.testing.assert_allclose(linear(inside), wanted(inside))
    step = 1e-6
    for x in (np.array([HULL[1]]), np.array([1.0])):  # one slope from the hull's end on
        np.testing.assert_allclose((linear(x + step) - linear(x)) / step, 0.3 + 1.1 * HULL[1], rtol=1e-3)
    assert (linear(beyond) > linear(np.array(HULL))).all()  # up on both sides, as drawn
    assert (wanted(beyond) < wanted(np.array(HULL))).all() and (wanted(beyond) > Q_MIN).all()
    assert DATA[0][0] == HULL[0] and DATA[-1][1] == HULL[1]


def test_a_policy_leaves_the_data_only_where_q_rises() -> None:
    parts = {"drawing": figure3.compute((0,))}
    assert "ends at 1.00 where Q goes on linearly" in FIGURE3.show(parts).reading[0]
    assert "at 0.45 where it goes down" in FIGURE3.show(parts).reading[0]
