"""What the benchmark of `pars judge` makes of records."""

import json
from pathlib import Path

import pytest

from benchmarks.judge import compared, run
from pars.judge.estimates import ESTIMATORS


def records() -> list[dict]:
    """Four policies worth 0 to 30, of which fqe sees the order, and misjudges the worst, which it flags."""
    found = []
    for number in range(4):
        said = {
            "estimate": 10.0 * number,
            "low": 10.0 * number - 1,
            "high": 10.0 * number + 1,
            "flags": [],
            "facts": {},
        }
        wrong = said | {"estimate": 30.0 - 10.0 * number, "low": -99.0, "high": 99.0}
        off = {"estimate": -50.0, "low": -51.0, "high": -49.0, "flags": ["overlap"]} if number == 0 else {}
        row = {"label": str(number), "step": 100 * (4 - number), "discounted": 10.0 * number, "return": 10.0 * number}
        row |= {"distance": 1.0, "td_error": 1.0 + number} | dict.fromkeys(ESTIMATORS, wrong) | {"fqe": said | off}
        found.append(row)
    return found


def test_ways_to_choose_are_told_apart():
    rows = {row["by"]: row for row in compared("task", records())}
    assert rows["fqe"]["rank"] == pytest.approx(1.0) and rows["fqe"]["regret1"] == 0.0
    assert rows["fqe"]["held"] == 75.0 and rows["fqe"]["trusted"] == 75.0 and rows["fqe"]["held_trusted"] == 100.0
    assert rows["fqe"]["off_trusted"] == 0.0 and rows["fqe"]["off_not"] == 100.0
    assert rows["dr"]["rank"] == pytest.approx(-1.0) and rows["dr"]["regret1"] == 100.0 and rows["dr"]["held"] == 100.0
    assert rows["last step"]["regret1"] == 100.0 and rows["least TD error"]["regret5"] == 0.0
    assert "rank" not in rows["chance"] and rows["chance"]["regret1"] == pytest.approx(50.0, abs=15.0)


def test_what_is_there_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "CartPlant-v0").mkdir()
    (tmp_path / "CartPlant-v0" / "outcome.json").write_text(json.dumps(records()))
    run(["--show", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "CartPlant-v0" in out and "mean of 1" in out and (tmp_path / "judge.csv").is_file()
