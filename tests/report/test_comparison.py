"""Several runs on one page."""

from pathlib import Path

from pars.report import comparison
from pars.report.series import all_series
from tests.report.fabricate import write_group
from tests.report.pages.test_page import Page

LOW, HIGH = ({"offline": {1000: [x, x + 1.0, x + 2.0]}} for x in (10.0, 60.0))


def test_what_one_run_has_is_compared_with_what_the_other_has(tmp_path: Path):
    write_group(tmp_path / "A" / "pars-1", scores=LOW)
    write_group(tmp_path / "B" / "pars-1", scores=HIGH)
    runs = [tmp_path / "A", tmp_path / "B"]
    labels = [one.label for one in all_series(comparison.together(runs))]
    assert len(labels) == 2 and labels[0].endswith("[A]") and labels[1].endswith("[B]")
    lines = comparison.summary(runs)
    assert any("[A]" in line for line in lines) and any(line.startswith("beside") and "[B]" in line for line in lines)
    page = Page(comparison.write(runs, tmp_path / "both.html").read_text())
    assert "A + B" in page.text and "[B]" in page.text


def test_runs_of_one_name_go_by_their_paths(tmp_path: Path):
    for place in ("x", "y"):
        write_group(tmp_path / place / "run" / "bc-1", "bc", LOW)
    labels = [one.label for one in all_series(comparison.together([tmp_path / "x" / "run", tmp_path / "y" / "run"]))]
    assert "x/run]" in labels[0] and "y/run]" in labels[1]
