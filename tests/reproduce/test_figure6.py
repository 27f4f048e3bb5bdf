"""The kernel's maps: their measures on maps that are known, and that they belong to the networks of figure 5."""

from __future__ import annotations

import numpy as np
import pytest

from pars.reproduce.paper.figure6 import ALIKE, POINT, WAYS, measure, parts, show
from pars.reproduce.paper.toy import NEAR, Fit, plane

pytestmark = pytest.mark.usefixtures("no_png")

TINY = Fit(hidden=(8, 8), points=50, batch_size=16, steps=2)


def test_measures_by_hand() -> None:
    """1 where x1 > 0 and 0 elsewhere: half of the box, and half outside of the disc."""
    found = measure((plane(NEAR, 200)[None, ..., 0] > 0).astype(float))
    assert [values.tolist() for values in found.values()] == [[pytest.approx(0.5)], [0.5]]


def test_a_point_is_like_itself() -> None:
    found = parts(TINY, grid=51)["kernel"]((0, 1))
    assert found.keys() == WAYS.keys()
    assert np.abs(found["cosine"]).max() <= 1.0 + 1e-5
    line = np.linspace(-NEAR, NEAR, 51)
    column, row = (int(np.abs(line - x).argmin()) for x in POINT)
    for values in found.values():
        assert values.shape == (2, 3, 51, 51) and np.isfinite(values).all()
        assert np.abs(values[:, :, row, column] - 1).max() < 0.03  # the nearest point of the map


def test_the_reading_follows_the_numbers() -> None:
    box = plane(NEAR, 21)
    wide, narrow = np.full(box.shape[:2], 0.9), np.exp(-30 * ((box - np.array(POINT)) ** 2).sum(-1))
    local = np.stack([np.stack([wide, wide, narrow])] * 2)
    local += 1e-3 * np.arange(2)[:, None, None, None]
    finding = show({"kernel": {"relative": 2 * local, "cosine": local[:, ::-1]}})
    relative, cosine = finding.reading
    assert relative.startswith("K(p, x) / K(p, p): The claim holds here: ") and f"above {ALIKE:g} falls" in relative
    assert cosine.startswith("cosine: The claim does not hold here")
    assert len(finding.comparisons) == 12 and finding.comparisons[0].column.startswith("K(p, x) / K(p, p): mean")
    (one,) = finding.pictures
    assert one.csv.splitlines()[0] == "c,x1,x2,relative,cosine" and len(one.csv.splitlines()) == 1 + 3 * 25
    first = one.csv.splitlines()[1].split(",")
    assert float(first[3]) == pytest.approx(1.801) and float(first[4]) != float(first[3]) / 2
