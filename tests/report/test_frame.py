"""What runs logged, as one table."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import pars
from pars.errors import UsageError
from tests.report.fabricate import write_group

SCORES = {"offline": {1000: [10.0, 20.0, 30.0]}, "online": {500: [70.0, 80.0, 90.0]}}


def test_a_line_for_each_number_with_settings_and_seed(tmp_path: Path):
    write_group(tmp_path / "a" / "pars-1", scores=SCORES)
    write_group(tmp_path / "b" / "bc-1", "bc", SCORES)
    found = pars.metrics(tmp_path / "a", tmp_path / "b", names="score", frame="dict")
    assert found["value"].tolist() == [10, 70, 20, 80, 30, 90] * 2
    assert found["seed"].tolist() == [0, 0, 1, 1, 2, 2] * 2 and found["step"].tolist() == [1000, 500] * 6
    assert found["algorithm"].tolist() == ["pars"] * 6 + ["bc"] * 6 and set(found["run"]) == {
        str(tmp_path / "a"),
        str(tmp_path / "b"),
    }
    assert set(found["name"]) == {"score"} and {"phase", "member", "task", "group"} < set(found)
    assert len(found) > 10  # settings


def test_frames_of_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_group(tmp_path / "pars-1", scores=SCORES)
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", SimpleNamespace(DataFrame=lambda columns: ("polars", columns)))
    assert pars.metrics(tmp_path)[0] == pars.metrics(tmp_path, frame="polars")[0] == "polars"
    with pytest.raises(UsageError, match="pandas is not installed"):
        pars.metrics(tmp_path, frame="pandas")


def test_wrong_names_are_refused(tmp_path: Path):
    write_group(tmp_path / "pars-1", scores=SCORES)
    for options, said in (({"names": ["scor"]}, "no run has logged 'scor'"), ({"frame": "csv"}, "choose pandas")):
        with pytest.raises(UsageError, match=said):
            pars.metrics(tmp_path, **options)
    with pytest.raises(UsageError, match="name a run"):
        pars.metrics()
