"""Runs found in folders."""

import json
import math
from pathlib import Path

import pytest

from pars.cli import main
from pars.errors import UsageError
from pars.report.listing import age, listed
from tests.report.fabricate import write_group

SCORES = {"offline": {0: [0, 0], 1000: [40, 60]}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    both = {"seeds": (0, 1)}
    for scale in (1.0, 10.0):
        settings = [{"reward_scale": scale, "critics": 4}] * 2
        write_group(tmp_path / "deep" / f"run{scale:g}" / "pars-1", scores=SCORES, settings=settings, **both)
    write_group(tmp_path / "other" / "td3_bc-1", "td3_bc", SCORES, state="running", task="hopper-medium-v2", **both)
    (tmp_path / "other" / "td3_bc-1" / "checkpoints" / "x").mkdir(parents=True)
    (tmp_path / "other" / "td3_bc-1" / "checkpoints" / "x" / "run.json").write_text("{}")  # no run is in there
    return tmp_path


def test_all_runs_are_found_with_what_differs(home: Path) -> None:
    rows = listed([home])
    assert sorted(row.changed for row in rows) == ["", "reward_scale=1", "reward_scale=10"]
    assert {(row.score, row.seeds, row.state, row.planned) for row in rows if row.changed} == {
        (50.0, 2, "finished", 10_000)
    }
    assert all(row.std == pytest.approx(math.sqrt(200)) and row.at == "offline 1,000" for row in rows)


@pytest.mark.parametrize(
    "options, count",
    [
        ({"algo": "td3_bc"}, 1),
        ({"algo": "pars,td3_bc"}, 3),
        ({"task": "hopper-*"}, 1),
        ({"state": "running"}, 1),
        ({"state": "diverged"}, 0),
    ],
)
def test_runs_are_filtered(home: Path, options: dict[str, str], count: int) -> None:
    assert len(listed([home], **options)) == count


def test_a_damaged_run_is_listed_as_one(home: Path) -> None:
    (home / "other" / "td3_bc-1" / "run.json").write_text("{")
    (bad,) = listed([home], state="damaged")
    assert bad.run.endswith("td3_bc-1") and "cannot be read" in bad.task


def test_the_command_prints_and_writes_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["ls", str(home), "--algo", "pars", "--json", str(home / "a.json"), "--csv", str(home / "a.csv")])
    said = capsys.readouterr().out
    assert "reward_scale=10" in said and "50.0 ± 14.1" in said and "offline 1,000/10,000" in said
    assert [row["algorithm"] for row in json.loads((home / "a.json").read_text())] == ["PARS", "PARS"]
    assert (home / "a.csv").read_text().count("\n") == 3


def test_where_no_run_is_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run below"):
        listed([tmp_path])
    with pytest.raises(UsageError, match="no folder"):
        listed([tmp_path / "nowhere"])


def test_ages_are_round() -> None:
    assert [age(seconds) for seconds in (5.0, 125.0, 7300.0, 200_000.0)] == ["5 s", "2 min", "2 h", "2 d"]
