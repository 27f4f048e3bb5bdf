"""The piecewise constant fit, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pars.report.stats.comparison import verdict
from pars.reproduce.paper.figure4 import FIGURE4, LINES, Line, error, fit

pytestmark = pytest.mark.usefixtures("no_png")


def test_the_largest_errors_are_those_of_the_paper() -> None:
    """Slope times width of a bin: 1/5, 5/5 and 5 0.2 / 5."""
    part = FIGURE4.parts["fit"]((0,))
    assert [error(part, name) for name in LINES] == pytest.approx([0.2, 1.0, 0.2])
    found = FIGURE4.show({"fit": part})
    assert [verdict(one) for one in found.comparisons] == ["inside"] * 3
    assert "from 0.2 to 1; bins 5 times as narrow take it back to 0.2" in found.reading[0]


def test_two_bins_by_hand() -> None:
    part = fit(Line(2.0, 1.0, 0.0), bins=2, points=3)
    assert part["x"].tolist() == [[0.0, 0.25, 0.5], [0.5, 0.75, 1.0]]
    assert part["y"].tolist() == [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0]]
    assert part["fit"].tolist() == [[0.0] * 3, [1.0] * 3]


def test_constants_in_the_middle_of_the_bins_err_by_half() -> None:
    part = fit(LINES["scaled"], level=0.5)
    assert np.abs(part["y"] - part["fit"]).max() == pytest.approx(0.5)
