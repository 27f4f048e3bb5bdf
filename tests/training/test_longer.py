"""A run that is made longer ends as one that was so long from the start."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pars.algos import find_algorithm
from pars.errors import CheckpointError, UsageError
from pars.training.checkpoint import ARRAYS, latest
from pars.training.folder import read_description, read_status, write_whole
from pars.training.longer import in_words, is_longer
from tests.runs import PLAN, SESSION, finished_run, group, train

SHORT = PLAN | {"steps": 40, "online_steps": 0}
ALONE = {"offline_steps": 40, "online_steps": 0, "eval_every": 20}
WHOLE = {"offline_steps": 60, "online_steps": 30, "eval_every": 20}


@pytest.fixture(scope="module")
def short() -> Path:
    return train(SESSION / "runs" / "to-lengthen", seeds=(0, 1), **SHORT)


@pytest.mark.shipped
def test_a_run_in_three_parts_ends_as_the_whole(short: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(short, tmp_path / "run"))
    train(out, seeds=(0, 1), **SHORT | {"steps": 60})
    assert read_status(group(out))["step"] == 60
    train(out, seeds=(0, 1), **PLAN | {"online_steps": 20})
    train(out, seeds=(0, 1))
    whole, own = group(finished_run()), group(out)
    states = [load_file(latest(folder / "checkpoints").folder / ARRAYS) for folder in (own, whole)]  # type: ignore[union-attr]
    for name, array in states[1].items():
        np.testing.assert_array_equal(states[0][name], array, err_msg=name)
    assert (own / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    assert read_status(own)["digest"] == read_status(whole)["digest"]
    plans = [(plan["offline_steps"], plan["online_steps"]) for plan in read_description(own)["lengthened"]]
    assert plans == [(40, 0), (60, 0), (60, 20)]


def test_a_shorter_command_says_what_is_there_and_changes_nothing(short: Path) -> None:
    before = {path: path.read_bytes() for path in group(short).glob("*.*")}
    with pytest.raises(CheckpointError, match=r"is a longer run: give --steps 40 --online-steps 0 or more"):
        train(short, seeds=(0, 1), **SHORT | {"steps": 20})
    assert {path: path.read_bytes() for path in group(short).glob("*.*")} == before


def test_what_is_stopped_while_it_is_lengthened_is_still_the_shorter_run(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two files that change, the run is unfinished and asks for what it asked for."""
    out, written = Path(shutil.copytree(short, tmp_path / "run")), []

    def write(path: Path, text: str) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path.name)
        write_whole(path, text)

    monkeypatch.setattr("pars.training.folder.write_whole", write)
    with pytest.raises(KeyboardInterrupt):
        train(out, seeds=(0, 1), **SHORT | {"steps": 60})
    monkeypatch.undo()
    assert written == ["status.json"] and read_description(group(out))["plan"]["offline_steps"] == 40
    train(out, seeds=(0, 1), **SHORT)
    assert read_status(group(out))["state"] == "finished" and read_status(group(out))["step"] == 40


def test_weights_of_all_transitions_take_no_more(tmp_path: Path) -> None:
    train(tmp_path, "off2on", **SHORT)
    before = read_description(group(tmp_path, "off2on"))
    with pytest.raises(UsageError, match="off2on keeps a weight for each transition it will ever take, 0 online here"):
        train(tmp_path, "off2on", **SHORT | {"online_steps": 100_000})
    assert read_description(group(tmp_path, "off2on")) == before


@pytest.mark.parametrize(
    ("asked", "there", "longer"),
    [
        (ALONE | {"offline_steps": 41}, ALONE, True),
        (ALONE | {"online_steps": 1}, ALONE, True),
        (WHOLE, ALONE, True),
        (WHOLE | {"online_steps": 31}, WHOLE, True),
        (ALONE | {"offline_steps": 80, "eval_every": 40}, ALONE, True),
        (ALONE, ALONE, False),
        (ALONE | {"eval_every": 40}, ALONE, False),
        (ALONE, WHOLE, False),
        (ALONE | {"offline_steps": 39, "online_steps": 9}, ALONE, False),
        (WHOLE | {"offline_steps": 61}, WHOLE, False),
        (ALONE | {"offline_steps": 80, "updates_per_step": 2}, ALONE, False),
    ],
)
def test_what_may_be_made_longer(asked: dict[str, int], there: dict[str, int], longer: bool) -> None:
    assert is_longer(asked, there) is longer


def test_what_a_cosine_does_is_said() -> None:
    plain = find_algorithm("pars").configure({})
    falling = replace(plain, actor_cosine=True)
    said = in_words(ALONE | {"offline_steps": 4000}, ALONE, [plain])
    assert said == "lengthened offline from 40 to 4,000 steps"
    assert "decays" in in_words(ALONE | {"offline_steps": 80}, ALONE, [falling])
    assert "decays" not in in_words(ALONE | {"online_steps": 80}, ALONE, [falling])
    assert "decays" in in_words(WHOLE | {"online_steps": 80}, WHOLE, [plain])
