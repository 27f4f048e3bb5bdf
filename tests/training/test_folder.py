"""A group's folder: its logs grow with the run, are cut to a checkpoint, and say which training they belong to."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars.errors import CheckpointError
from pars.position import Position
from pars.training.folder import FORMAT, RunFolder, check_description, read_description, read_status
from pars.training.log import METRICS, REPLAY, TIMING

DESCRIPTION: dict[str, Any] = {
    "format": FORMAT,
    "algorithm": "pars",
    "task": "some-task",
    "members": [{"seed": 0, "settings": {"reward_scale": 10.0, "hidden": [8, 8]}}],
    "plan": {"offline_steps": 10},
    "dataset": {"name": "some-data", "fingerprint": "abc", "rows": 5},
    "command": "pars train pars some-task",
    "versions": {"jax": "1"},
}


def two_members(first: float, second: float) -> dict[str, np.ndarray]:
    return {"score": np.array([first, second], np.float32)}


def test_a_fresh_folder_has_a_description_and_headers(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path / "group", DESCRIPTION)) as folder:
        assert folder.checkpoint is None
    assert read_description(tmp_path / "group") == DESCRIPTION
    assert (tmp_path / "group" / METRICS).read_text() == "phase,step,member,name,value\n"
    assert (tmp_path / "group" / TIMING).read_text() == "phase,step,name,value\n"
    assert (tmp_path / "group" / REPLAY).read_bytes() == b""
    assert read_status(tmp_path / "group")["state"] == "new"


def test_logs_are_rows_by_phase_step_and_member(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        folder.metrics(Position(0, "offline", 10), two_members(0.1, 50))
        folder.timing(Position(0, "offline", 10), {"updates_per_second": np.float64(2.5)})
        folder.save(Position(0, "offline", 10), {})
    rows = ["offline,10,0,score,0.10000000149011612", "offline,10,1,score,50.0"]  # float32 to the last bit
    assert (tmp_path / METRICS).read_text().splitlines()[1:] == rows
    assert (tmp_path / TIMING).read_text().splitlines()[1:] == ["offline,10,updates_per_second,2.5"]


def test_opening_again_cuts_every_log_to_the_checkpoint(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        folder.metrics(Position(1, "online", 1), two_members(1, 2))
        folder.timing(Position(1, "online", 1), {"elapsed_seconds": 4.5})
        folder.transitions(rows, np.array([False, True]))
        folder.save(Position(1, "online", 1), {"x": np.ones(1)})
        folder.metrics(Position(1, "online", 2), two_members(3, 4))  # these are lost with the process
        folder.timing(Position(1, "online", 2), {"elapsed_seconds": 9.5})
        folder.transitions(rows + 1, np.array([True, True]))
    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        assert folder.checkpoint is not None and folder.checkpoint.position == Position(1, "online", 1)
        assert folder.elapsed() == 4.5
        found, last = folder.read_transitions(members=2, width=6)
        assert np.array_equal(found, rows[None]) and last.tolist() == [[False, True]]
        folder.transitions(rows + 2, np.array([False, False]))
        found, last = folder.read_transitions(members=2, width=6)
        assert np.array_equal(found, [rows, rows + 2]) and last.tolist() == [[False, True], [False, False]]
        folder.save(Position(1, "online", 2), {"x": np.ones(1)})
    assert (tmp_path / METRICS).read_text().count("\n") == 3  # header and two members


def test_without_a_checkpoint_the_logs_start_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
            folder.metrics(Position(0, "offline", 0), two_members(1, 2))
            assert folder.elapsed() == 0.0
    assert (tmp_path / METRICS).read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"algorithm": "bc"}, "algorithm"),
        ({"task": None}, "task"),
        ({"members": [{"seed": 1, "settings": {"reward_scale": 10.0, "hidden": [8, 8]}}]}, "members"),
        ({"members": [{"seed": 0, "settings": {"reward_scale": 11.0, "hidden": [8, 8]}}]}, "members"),
        ({"plan": {"offline_steps": 10, "updates_per_step": 2}}, "plan"),
        ({"dataset": {"name": "some-data", "fingerprint": "abd", "rows": 5}}, "dataset"),
    ],
)
def test_another_training_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], differs: str) -> None:
    RunFolder(tmp_path, DESCRIPTION).close()
    with pytest.raises(
        CheckpointError, match=rf"holds another run \(its {differs} differs\); use a new --out"
    ) as caught:
        RunFolder(tmp_path, DESCRIPTION | change)
    assert "\n" not in str(caught.value)
    assert read_description(tmp_path) == DESCRIPTION


def test_what_does_not_change_the_training_may_differ(tmp_path: Path) -> None:
    RunFolder(tmp_path, DESCRIPTION).close()
    renamed = {"name": "a copy", "fingerprint": "abc", "rows": 5}
    moved = {"command": "pars train other words", "versions": {"jax": "2"}, "dataset": renamed}
    tuples = {"members": [{"seed": 0, "settings": {"reward_scale": 10, "hidden": (8, 8)}}]}
    check_description(tmp_path, DESCRIPTION | moved | tuples)
    check_description(tmp_path / "absent", {})


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99}', "\x00"])
def test_a_damaged_description_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"run\.json cannot be read: .*; is .* a run folder\?") as caught:
        RunFolder(tmp_path, DESCRIPTION)
    assert "\n" not in str(caught.value)


def test_status_is_replaced_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        folder.status("running", Position(0, "offline", 3))
        folder.status("finished", Position(1, "online", 7), digest="00")
    expected = {"state": "finished", "phase": "online", "step": 7, "message": "", "digest": "00"}
    written = json.loads((tmp_path / "status.json").read_text())
    assert written.pop("sha256") and read_status(tmp_path) == written == expected
    for text in ("", "[]", '"finished"', "{}"):
        (tmp_path / "status.json").write_text(text)
        assert read_status(tmp_path)["state"] == "new", text
