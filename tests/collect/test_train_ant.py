"""`pars data train-ant`, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pars.cli.main import main
from pars.collect import train_ant
from pars.collect.skill import load
from pars.errors import UsageError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_ant, "LOOK_EVERY", 32)
    monkeypatch.setattr(train_ant, "WALKS", 3)
    monkeypatch.setattr("pars.collect.ant.TIME_LIMIT", 20)


def test_trains_examines_and_writes_an_ant(small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "train-ant", "--out", str(tmp_path / "ant.safetensors"), "--steps", "96"])  # an error would exit
    said = capsys.readouterr().out
    assert "m/s along the wanted direction" in said and "walks end in a fall" in said
    skill = load(tmp_path / "ant.safetensors")
    assert skill.facts["planned"] == 96 and skill.facts["steps"] in (64, 96) and 0 <= skill.facts["fallen"] <= 1
    assert skill(np.zeros((2, 27), np.float32)).shape == (2, 8)


def test_an_examination_is_the_same_for_all_and_tells_falling_from_walking(small: None) -> None:
    shipped = load()
    walk = train_ant.examine(shipped)
    assert walk == train_ant.examine(shipped) and walk != train_ant.examine(shipped, seed=2)
    still = shipped._replace(layers=(*shipped.layers[:-1], tuple(0 * part for part in shipped.layers[-1])))
    assert walk.speed > 0.3 > abs(train_ant.examine(still).speed)


@pytest.mark.parametrize("options", [{"steps": 0}, {"seed": -1}])
def test_numbers_that_make_no_ant(options: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"=(0|-1) must be a whole number from (16|0) on"):
        train_ant.train_ant(tmp_path / "ant.safetensors", **options)
    assert not list(tmp_path.iterdir())
