"""The table of ours beside the paper's: what it says of each cell, and what it looks like inside."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pars.report.charts import heat
from pars.report.charts.heat import DIVERGING, NOTHING, heat_table
from pars.report.charts.plot import picture as original

ROWS, COLUMNS = ["IQL", "PARS"], ["pen-cloned-v1", "hopper-medium-v2", "antmaze-umaze-v2"]
OURS = [[80.0, 60.0, None], [100.0, 104.0, 90.0]]
PUBLISHED = [[77.2, 66.3, 87.5], [107.5, 104.1, None]]
ALIKE = [[True, True, True], [True, False, True]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures of the pictures made in a test."""
    seen: list[Figure] = []

    def keep(fig: Figure, *args: Any) -> Any:
        seen.append(fig)
        return original(fig, *args)

    monkeypatch.setattr(heat, "picture", keep)
    return seen


def test_each_cell_is_held_against_its_published_number(drawn: list[Figure]) -> None:
    made = heat_table("heat", "Ours and the paper's", ROWS, COLUMNS, OURS, PUBLISHED, ALIKE)
    rows = {(row["method"], row["dataset"]): row for row in csv.DictReader(io.StringIO(made.csv))}
    assert len(rows) == 6
    assert [rows["IQL", COLUMNS[0]][key] for key in ("ours", "published", "comparable", "difference")] == [
        "80", "77.2", "yes", "2.8",
    ]  # fmt: skip
    assert [rows["PARS", COLUMNS[1]][key] for key in ("ours", "comparable", "difference")] == ["104", "no", ""]
    assert rows["IQL", COLUMNS[2]]["ours"] == rows["PARS", COLUMNS[2]]["published"] == ""
    assert made.svg.startswith("<svg") and made.png.startswith(b"\x89PNG") and "3 of them comparable" in made.alt

    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert texts.count(NOTHING) == 3  # not comparable, ours missing, published missing
    assert {"80.0", "77.2", "60.0", "66.3", "100.0", "107.5"} == set(texts) - {NOTHING}
    assert sum(patch.get_hatch() is not None for patch in drawn[0].axes[0].patches) == 3


def test_colours_end_at_the_largest_difference_or_where_told(drawn: list[Figure]) -> None:
    heat_table("heat", "", ["A"], ["x", "y"], [[10.0, 0.0]], [[0.0, 10.0]])
    heat_table("heat", "", ["A"], ["x", "y"], [[10.0, 0.0]], [[0.0, 10.0]], span=20.0)
    wide, far = ([patch.get_facecolor() for patch in fig.axes[0].patches] for fig in drawn)
    assert wide == [DIVERGING(1.0), DIVERGING(0.0)]
    assert far == [DIVERGING(0.75), DIVERGING(0.25)]


def test_wide_tables_lie_on_their_side_and_say_the_same(drawn: list[Figure]) -> None:
    many = [f"set {i}" for i in range(11)]
    ours = np.arange(22.0).reshape(2, 11)
    made = heat_table("heat", "", ["A", "B"], many, ours, ours - 1)
    assert [label.get_text() for label in drawn[0].axes[0].get_yticklabels()] == many
    assert made.csv.splitlines()[1] == "A,set 0,0,-1,yes,1" and made.csv.splitlines()[-1] == "B,set 10,21,20,yes,1"


def test_nothing_comparable_is_still_a_table() -> None:
    made = heat_table("heat", "", ["A"], ["x"], [[None]], [[1.0]], labels=("arm", "L"))
    assert made.csv == "arm,L,ours,published,comparable,difference\nA,x,,1,yes,\n"


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"published as \[rows, columns\] = \(1, 2\).*got \(1, 1\)"):
        heat_table("heat", "", ["A"], ["x", "y"], [[1.0, 2.0]], [[1.0]])
    with pytest.raises(ValueError, match="at least one cell"):
        heat_table("heat", "", [], ["x"], np.zeros((0, 1)), np.zeros((0, 1)))


def test_ends_of_the_colours_differ_in_more_than_hue() -> None:
    low, middle, high = (DIVERGING(place)[:3] for place in (0.0, 0.5, 1.0))
    assert low[0] > low[2] and high[2] > high[0]  # orange and blue: told apart with any common colour blindness
    assert min(middle) > 0.95 > max(np.mean(low), np.mean(high)) + 0.3
