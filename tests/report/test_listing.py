"""Runs found in folders."""

import json
import math
from pathlib import Path

import pytest

from pars.cli import main
from pars.errors import UsageError
from pars.files import sealed
from pars.report.listing import age, listed
from pars.system import write_whole
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


def a_search(folder: Path, final: bool) -> None:
    """What a search leaves: a trial's population, its final runs, and the record of both."""
    for place in ("batches/00000", "final"):
        write_group(folder / place / "pars-1", "pars", SCORES, seeds=(0, 1))
    trials = [{"number": 0, "params": {"critics": "4", "bc_weight": 0.5}, "results": [[90.0, None, None]]},
              {"number": 1, "params": {"critics": "2", "bc_weight": 0.1}, "results": []}]  # fmt: skip
    chosen = {"trial": 0, "mark": "chosen by search over 1 trials", "seeds": [0, 1]}
    chosen["values"] = [[40.0, None, None], [60.0, None, None]]
    space = {"critics": {"values": ["2", "4"]}, "bc_weight": {"low": 0.01, "high": 1.0, "log": True}}
    asked = {"algorithm": "pars", "task": "umaze", "objective": "score", "steps": [10], "space": space, "width": 2}
    record = {"format": 1, "asked": asked, "trials": trials, "batches": [], "closed": False, "seconds": 1.0}
    write_whole(folder / "search.json", sealed({**record, "final": chosen if final else None}))


def test_a_search_is_one_row_of_what_it_has_chosen(tmp_path: Path) -> None:
    a_search(tmp_path / "done", final=True)
    a_search(tmp_path / "going", final=False)
    going, done = sorted(listed([tmp_path]), key=lambda row: row.seeds)
    assert (done.run, done.score, done.seeds, done.at) == (
        str(tmp_path / "done" / "final"),
        50,
        2,
        "search of 1 trials",
    )
    assert (
        done.algorithm == "PARS" and done.record()["settings"] == "critics=4 bc_weight=0.5" and done.state == "finished"
    )
    assert (going.run, going.state, going.seeds) == (str(tmp_path / "going"), "searching", 0)
    assert not listed([tmp_path], algo="iql") and len(listed([tmp_path], state="searching")) == 1
    (tmp_path / "done" / "search.json").write_text("{")
    (bad,) = listed([tmp_path], state="damaged")
    assert "search.json cannot be read" in bad.task


def test_a_report_of_a_search_is_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_search(tmp_path, final=True)
    main.main(["report", str(tmp_path)])
    said = capsys.readouterr().out
    assert "critics=4 bc_weight=0.5: 50" in said and (tmp_path / "search.html").is_file()


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["ls", "{}", "--state", "wrong"], 2, "--state wrong: a run is new, running"),
        (["report", "{}/other", "{}/other/../other"], 2, "is named twice"),
        (["report", "{}/deep"], 4, "it holds 2: name them, such as {}/deep/run1"),
    ],
)
def test_what_cannot_be_is_said(
    words: list[str], code: int, line: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main.main([word.format(home) for word in words])
    assert stop.value.code == code and line.format(home) in capsys.readouterr().err


def test_settings_are_listed_as_they_are_given(tmp_path: Path) -> None:
    for number, hidden in enumerate(([128, 128], [256, 256])):
        settings = [{"hidden": hidden, "penalty": bool(number)}]
        write_group(tmp_path / f"r{number}" / "pars-1", scores={"offline": {0: [0]}}, seeds=(0,), settings=settings)
    (tmp_path / "r0" / "pars-1" / "status.json").unlink()
    by_run = {row.run: row for row in listed([tmp_path])}
    assert {row.changed for row in by_run.values()} == {
        "hidden=128x128 penalty=false", "hidden=256x256 penalty=true"
    }  # fmt: skip
    assert by_run[str(tmp_path / "r0" / "pars-1")].state == "new"


def test_where_no_run_is_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run below"):
        listed([tmp_path])
    with pytest.raises(UsageError, match="no folder"):
        listed([tmp_path / "nowhere"])


def test_ages_are_round() -> None:
    assert [age(seconds) for seconds in (5.0, 125.0, 7300.0, 200_000.0)] == ["5 s", "2 min", "2 h", "2 d"]
