"""Bars and lines of plain numbers: what is drawn is what was given, with its interval."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pars.report.charts import bars, lines
from pars.report.charts.bars import bar_chart
from pars.report.charts.lines import line_chart
from pars.report.charts.plot import picture as original
from pars.report.stats.statistics import bootstrap_interval

ARMS, SCALES = ["LN", "LN & PA"], ["1", "100"]
SCORES: list[list[list[float]]] = [[[10.0, 20.0, 60.0], [50.0]], [[40.0, 44.0], []]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures of the pictures made in a test."""
    seen: list[Figure] = []

    def keep(fig: Figure, *args: Any) -> Any:
        seen.append(fig)
        return original(fig, *args)

    monkeypatch.setattr(bars, "picture", keep)
    monkeypatch.setattr(lines, "picture", keep)
    return seen


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_many_groups_stand_in_rows(drawn: list[Figure]) -> None:
    """On a phone a figure has 330 pixels, whatever its width in inches: letters of ten points keep eight of them."""
    groups = [f"walker2d-medium-{i}" for i in range(12)]
    bar_chart("bars", "Many", groups, ARMS, [[[float(i)] for i in range(12)] for _ in ARMS], xlabel="dataset")
    (fig,) = drawn
    assert 10 / 72 * 330 / fig.get_figwidth() > 8
    shown = [label.get_text() for ax in fig.axes for label in ax.get_xticklabels()]
    assert len(fig.axes) > 1 and shown == groups
    heights = [patch.get_height() for ax in fig.axes for patch in ax.patches]  # type: ignore[attr-defined]
    assert sorted(heights) == sorted([float(i) for i in range(12)] * 2)
    assert len({ax.get_ylim() for ax in fig.axes}) == 1 and fig.axes[-1].get_xlabel() == "dataset"


def test_bars_are_means_with_intervals_and_seeds(drawn: list[Figure]) -> None:
    made = bar_chart(
        "bars", "Reward scale", SCALES, ARMS, SCORES, xlabel="reward scale", published=[[None, 55.0], [41.0, 90.0]]
    )
    first, second, third, last = rows(made.csv)
    interval = bootstrap_interval(np.array(SCORES[0][0]))
    assert interval is not None
    assert (first["reward scale"], first["arm"], first["n"], first["seeds"]) == ("1", "LN", "3", "10 20 60")
    assert [float(first[key]) for key in ("mean", "low", "high")] == pytest.approx([30.0, *interval])
    assert (second["arm"], second["published"]) == ("LN & PA", "41")
    assert (third["mean"], third["low"], third["published"]) == ("50", "", "55")  # one seed has no interval
    assert (last["n"], last["mean"], last["seeds"], last["published"]) == ("0", "", "", "90")
    assert "published" in made.caption and "95 %" in made.caption and made.png

    axes = drawn[0].axes[0]
    heights = [patch.get_height() for patch in axes.patches]  # type: ignore[attr-defined]
    assert heights == [30.0, 50.0, 42.0, 0.0]
    names = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert names == [*ARMS, "published"]


def test_lines_follow_the_means_over_x(drawn: list[Figure]) -> None:
    made = line_chart(
        "lines", "", [0.001, 1.0], ARMS, SCORES, xlabel="alpha", log_x=True, published=[[30.0, None], [None, None]]
    )
    assert [row["alpha"] for row in rows(made.csv)] == ["0.001", "0.001", "1", "1"]
    axes = drawn[0].axes[0]
    assert axes.get_xscale() == "log" and [label.get_text() for label in axes.get_xticklabels()] == ["0.001", "1"]
    line = next(line for line in axes.lines if line.get_label() == "LN")
    assert np.asarray(line.get_ydata()).tolist() == [30.0, 50.0]
    assert "Diamonds" in made.caption


def test_a_single_line_needs_no_legend(drawn: list[Figure]) -> None:
    made = line_chart("lines", "", [2, 4, 10], ["hopper"], [[[70, 80], [90, 95], [100, 101]]], xlabel="critics")
    assert not drawn[0].legends and "published" not in made.caption
    assert drawn[0].axes[0].get_xticks().tolist() == [2, 4, 10]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2 rows of 2 lists of seeds, got rows of \[2\]"):
        bar_chart("bars", "", SCALES, ARMS, SCORES[:1], xlabel="")
    with pytest.raises(ValueError, match=r"published must be \[arms, groups\] = \(2, 2\), got \(1, 2\)"):
        bar_chart("bars", "", SCALES, ARMS, SCORES, xlabel="", published=[[1.0, 2.0]])
    with pytest.raises(ValueError, match="nothing to draw"):
        bar_chart("bars", "", [], [], [], xlabel="")
    with pytest.raises(ValueError, match="increasing and positive on a log axis"):
        line_chart("lines", "", [0, 1], ARMS, SCORES, xlabel="", log_x=True)
    with pytest.raises(ValueError, match="increasing, got"):
        line_chart("lines", "", [1, 1], ARMS, SCORES, xlabel="")
