"""Scores at the end, side by side."""

from pathlib import Path

import pytest

from pars.report import comparison
from pars.report.charts import ends
from pars.report.series import all_series
from tests.report.fabricate import write_group

SCORES = {"offline": {1000: [10.0, 11.0, 12.0]}, "online": {500: [30.0, 31.0, 32.0]}}


def test_long_names_leave_room_for_both_panels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    runs = [tmp_path / name for name in ("two", "pointmaze-umaze-diverse")]
    for run in runs:
        write_group(run / "pars-1", scores=SCORES)
    monkeypatch.setattr(ends, "picture", lambda fig, *args, **kwargs: fig)
    fig = ends.ends(all_series(comparison.together(runs)))
    fig.draw_without_rendering()
    left, right = (ax.title.get_window_extent() for ax in fig.axes)
    assert left.x1 < right.x0 and all(ax.get_window_extent().width > fig.dpi for ax in fig.axes)
