"""The kernel's maps: their measures on maps that are known, and that they belong to the networks of figure 5."""

from __future__ import annotations

import numpy as np
import pytest

from pars.reproduce.paper.figure6 import ALIKE, POINT, measure, parts, show
from pars.reproduce.paper.toy import NEAR, Fit, plane

pytestmark = pytest.mark.usefixtures("no_png")

TINY = Fit(hidden=(8, 8), points=50, batch_size=16, steps=2)


def test_measures_by_hand() -> None:
    """1 where x1 > 0 and 0 elsewhere: half of the box, and half outside of the disc."""
    found = measure((plane(NEAR, 200)[None, ..., 0] > 0).astype(float))
    assert [values.tolist() for values in found.values()] == [[pytest.approx(0.5)], [0.5]]


def test_a_point_is_like_itself() -> None:
    found = parts(TINY, grid=51)["before"]((0, 1))["similarity"]
    assert found.shape == (2, 3, 51, 51) and np.abs(found).max() <= 1.0 + 1e-5
    line = np.linspace(-NEAR, NEAR, 51)
    column, row = (int(np.abs(line - x).argmin()) for x in POINT)
    assert found[:, :, row, column].min() > 0.99 and np.isfinite(found).all()


def test_the_reading_follows_the_numbers() -> None:
    box = plane(NEAR, 21)
    wide, narrow = np.full(box.shape[:2], 0.9), np.exp(-30 * ((box - np.array(POINT)) ** 2).sum(-1))
    local = np.stack([np.stack([wide, wide, narrow])] * 2)
    local += 1e-3 * np.arange(2)[:, None, None, None]
    assert show({"before": {"similarity": local}}).reading[0].startswith("The claim holds here: ")
    assert show({"before": {"similarity": local[:, ::-1]}}).reading[0].startswith("The claim does not hold here")
    assert f"above {ALIKE:g} falls" in show({"before": {"similarity": local}}).reading[0]
