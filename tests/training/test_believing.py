"""What is in a run's folder is believed as far as it can be checked: bits that flipped, lies, links, copies, failing
disks. Nothing is lost, nothing outside of the folder is touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboardX.record_writer import RecordWriter

from pars.errors import CheckpointError, ParsError, ResourceError
from pars.position import Position
from pars.training import checkpoint
from pars.training.checkpoint import ARRAYS, MANIFEST, latest
from pars.training.folder import FORMAT, RunFolder, check_description, note_tasks, read_description, read_status

DESCRIPTION: dict[str, Any] = {"format": FORMAT, "algorithm": "pars", "members": [], "plan": {}, "dataset": {}}
OFFLINE, FIRST, SECOND = Position(0, "offline", 400), Position(1, "online", 10), Position(1, "online", 20)
TIMING, METRICS, REPLAY = "timing.csv", "metrics.csv", "replay/transitions.f32"


def tree(value: float) -> dict[str, Any]:
    return {"state": np.full((1, 3), value, np.float32), "since": np.asarray(0, np.int64)}


def run(path: Path) -> Path:
    """A run at online step 20 with three checkpoints."""
    with closing(RunFolder(path, DESCRIPTION)) as folder:
        for number, position in enumerate((OFFLINE, FIRST, SECOND)):
            folder.metrics(position, {"score": np.array([float(number)])})
            folder.timing(position, {"elapsed_seconds": 10.0 + number})
            if position.phase == "online":
                folder.transitions(np.full((1, 4), number, np.float32), np.array([False]))
            folder.save(position, tree(number))
    return path


def resumed(path: Path) -> Position | None:
    """Where the run goes on."""
    with closing(RunFolder(path, DESCRIPTION)) as folder:
        return folder.checkpoint.position if folder.checkpoint else None


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def contents(path: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file() and one.name != "lock"}


@pytest.mark.parametrize("name", ["saved-best", "0-offline-000000400-best", "9-zzz-000000001.old", "photos-2020"])
def test_a_folder_beside_the_checkpoints_is_no_checkpoint_and_stays(tmp_path: Path, name: str) -> None:
    places = run(tmp_path) / "checkpoints"
    shutil.copytree(places / OFFLINE.name, places / name)
    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        assert folder.checkpoint is not None and folder.checkpoint.position == SECOND
        folder.save(Position(1, "online", 30), tree(3))
    assert (places / name / ARRAYS).is_file() and resumed(tmp_path) == Position(1, "online", 30)


def test_a_copy_under_the_name_of_another_position_is_passed_over(tmp_path: Path) -> None:
    places = run(tmp_path) / "checkpoints"
    shutil.copytree(places / OFFLINE.name, places / "1-online-000000099")
    shutil.copytree(places / SECOND.name, places / "2-best-000000020")
    with pytest.warns(UserWarning, match="manifest.json is of another position"):
        assert resumed(tmp_path) == SECOND
    with pytest.warns(UserWarning, match="falling back"), closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        folder.save(Position(1, "online", 30), tree(3))
    assert {"1-online-000000099", "2-best-000000020"} <= {path.name for path in places.iterdir()}


def test_a_flipped_bit_in_the_replay_goes_back_to_before_it(tmp_path: Path) -> None:
    flip(run(tmp_path) / REPLAY, 25)  # of the second row
    with pytest.warns(UserWarning, match=r"transitions\.f32 differs from what 1-online-000000020 says"):
        assert resumed(tmp_path) == FIRST
    flip(tmp_path / REPLAY, 2)
    with pytest.warns(UserWarning, match="falling back"):
        assert resumed(tmp_path) == OFFLINE


def test_where_nothing_verifies_nothing_is_begun_again(tmp_path: Path) -> None:
    flip(run(tmp_path) / METRICS, 5)
    before = contents(tmp_path)
    with pytest.warns(UserWarning, match="falling back"), pytest.raises(CheckpointError, match="no checkpoint verif"):
        resumed(tmp_path)
    assert contents(tmp_path) == before
    found = latest(tmp_path / "checkpoints", logs=False)  # its policies can still be evaluated
    assert found is not None and found.position == SECOND


def test_every_bit_of_a_manifest_counts(tmp_path: Path) -> None:
    path = run(tmp_path) / "checkpoints" / SECOND.name / MANIFEST
    whole = path.read_bytes()
    facts = json.loads(whole)
    for at in range(0, len(whole), 7):
        flip(path, at)
        try:
            same = json.loads(path.read_bytes()) == facts
        except ValueError:
            same = False
        if not same and b'"sha256"' in path.read_bytes()[-85:]:  # else only its own checksum lost its name
            with pytest.raises(CheckpointError):
                checkpoint.verify(path.parent)
        path.write_bytes(whole)


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a format to come": lambda m: m | {"format": 99},
    "an earlier format": lambda m: m | {"format": 2},
    "a smaller step": lambda m: m | {"position": m["position"] | {"step": 1}},
    "a step without end": lambda m: m | {"position": m["position"] | {"step": 10**30}},
    "half a step": lambda m: m | {"position": m["position"] | {"step": 20.5}},
    "another phase": lambda m: m | {"position": m["position"] | {"phase": "zzz"}},
    "less than nothing": lambda m: m | {"logs": m["logs"] | {METRICS: {"bytes": -5, "sha256": ""}}},
    "a log outside": lambda m: m | {"logs": {"/dev/zero": {"bytes": 0, "sha256": ""}}},
    "a log above": lambda m: m | {"logs": {"../x": {"bytes": 0, "sha256": ""}}},
    "a file without end": lambda m: m | {"files": {"/dev/zero": {"size": 0, "sha256": ""}}},
    "shorter logs": lambda m: (
        m | {"logs": m["logs"] | {METRICS: {"bytes": 30, "sha256": m["logs"][METRICS]["sha256"]}}}
    ),
    "no logs": lambda m: {name: value for name, value in m.items() if name != "logs"},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_not_believed(tmp_path: Path, lie: str) -> None:
    path = run(tmp_path) / "checkpoints" / SECOND.name / MANIFEST
    manifest = json.loads(path.read_text())
    manifest.pop("sha256", None)
    path.write_text(json.dumps(LIES[lie](manifest)))
    with pytest.warns(UserWarning, match="1-online-000000020.*falling back") as seen:
        assert resumed(tmp_path) == FIRST
    assert all("\n" not in str(one.message) for one in seen)


def test_deep_json_is_damage_like_any_other(tmp_path: Path) -> None:
    run(tmp_path)
    for path in (tmp_path / "checkpoints" / SECOND.name / MANIFEST, tmp_path / "status.json"):
        path.write_text("[" * 100_000)
    assert read_status(tmp_path)["state"] == "new"
    with pytest.warns(UserWarning, match="nested too deeply"):
        assert resumed(tmp_path) == FIRST
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match=r"run\.json cannot be read: is nested too deeply"):
        read_description(tmp_path)


def test_run_json_and_status_json_have_a_checksum(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path, DESCRIPTION | {"outputs": [{"high": 1.5}]})) as folder:
        folder.status("finished", SECOND)
    for name in ("run.json", "status.json"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace("1.5", "9.5").replace("finished", "finisheD"))
    assert read_status(tmp_path)["state"] == "new"
    with pytest.raises(CheckpointError, match=r"run\.json cannot be read: does not match its checksum"):
        read_description(tmp_path)


@pytest.mark.parametrize("damage", [b"\x80", b"x", None])
def test_wall_clock_figures_never_stop_a_run(tmp_path: Path, damage: bytes | None) -> None:
    path = run(tmp_path) / TIMING
    text = path.read_bytes()
    path.write_bytes(text[:-20] if damage is None else text.replace(b"12.0", b"1" + damage + b".0"))
    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        assert folder.checkpoint is not None and folder.checkpoint.position == SECOND
        assert folder.elapsed() == 11.0


@pytest.mark.parametrize("instead", ["nothing", "folder", "pipe"])
def test_nor_does_what_stands_in_their_place(tmp_path: Path, instead: str) -> None:
    path = run(tmp_path) / TIMING
    path.unlink()
    {"nothing": lambda: None, "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[instead]()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
            assert folder.checkpoint is not None and folder.checkpoint.position == SECOND and folder.elapsed() == 0.0
            folder.timing(SECOND, {"elapsed_seconds": 13.0})
            folder.save(Position(1, "online", 30), tree(3))
        assert len(said) == (instead != "nothing")
        assert resumed(tmp_path) == Position(1, "online", 30)
    if instead == "nothing":
        assert path.read_text() == "phase,step,name,value\nonline,20,elapsed_seconds,13.0\n"


@pytest.mark.parametrize("parent", [False, True])
def test_a_group_that_is_a_link_is_refused(tmp_path: Path, parent: bool) -> None:
    """Its root may be one, as to a larger disk."""
    elsewhere = run(tmp_path / "elsewhere" / "group")
    (tmp_path / "run").mkdir()
    link = tmp_path / "run" / "group"
    link.symlink_to(elsewhere)
    before = contents(tmp_path)
    with pytest.raises(CheckpointError, match=r"run.group is a link; put what it leads to in its place"):
        note_tasks(tmp_path / "run", ["other", "group"]) if parent else check_description(link, DESCRIPTION)
    assert contents(tmp_path) == before
    (tmp_path / "root").symlink_to(elsewhere.parent)
    assert check_description(tmp_path / "root" / "group", DESCRIPTION)


def test_curves_are_not_written_through_a_link(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (place / "tensorboard").mkdir(parents=True)
    (place / "tensorboard" / "member-0").symlink_to(elsewhere)
    with closing(RunFolder(place, DESCRIPTION)) as folder, pytest.warns(UserWarning, match="is a link"):
        folder.metrics(OFFLINE, {"score": np.array([1.0])})
    assert not [*elsewhere.iterdir()] and (place / METRICS).read_text().count("\n") == 2


LINKS = ["lock", METRICS, TIMING, REPLAY, "replay", "checkpoints", "tensorboard", "probes"]


@pytest.mark.parametrize("name", LINKS)
def test_a_link_in_a_run_folder_is_not_written_through(tmp_path: Path, name: str) -> None:
    place, precious = run(tmp_path / "run"), tmp_path / "precious"
    folders = ("replay", "checkpoints", "tensorboard", "probes")
    target = place / name
    if name in folders:
        (precious / "1-online-000000099").mkdir(parents=True)
        (precious / "1-online-000000099" / "photo").write_text("dear")
        shutil.rmtree(target, ignore_errors=True)
    else:
        precious.write_text("dear")
        target.unlink(missing_ok=True)
    target.symlink_to(precious)
    before = contents(tmp_path)
    refused = pytest.raises(CheckpointError, match=r"run.* is a link; put what it leads to in its place")
    with refused as caught, checkpoint.lock(place), closing(RunFolder(place, DESCRIPTION)) as folder:
        folder.save(Position(1, "online", 30), tree(3))
    assert "\n" not in str(caught.value) and contents(tmp_path) == before


def fail_from(number: int, lasting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the `number`th renaming fail, and if it is `lasting` all that follow."""
    done = [0]
    for name in ("rename", "replace"):
        real = getattr(Path, name)

        def renamed(path: Path, target: Path, real: Callable[..., Path] = real) -> Path:
            done[0] += 1
            if done[0] == number or (lasting and done[0] > number):
                raise OSError(errno.EIO, "Input/output error", str(path))
            return real(path, target)

        monkeypatch.setattr(Path, name, renamed)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_saving_a_position_again_never_loses_it(
    tmp_path: Path, number: int, lasting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(RunFolder(run(tmp_path), DESCRIPTION)) as folder:
        with monkeypatch.context() as patch, pytest.raises(ResourceError, match="Input/output error"):
            fail_from(number, lasting, patch)
            folder.save(SECOND, tree(2))
        found = latest(tmp_path / "checkpoints")
        assert found is not None and found.position == SECOND and found.restore(tree(0))["state"][0, 0] == 2
        folder.save(SECOND, tree(2))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        one.name for one in (OFFLINE, FIRST, SECOND)
    ]


def test_a_disk_that_does_not_answer_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed over as damaged, the newest checkpoint would be deleted by the next save."""
    run(tmp_path)

    def failing(path: Path) -> dict[str, Any]:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(checkpoint, "read_sealed", failing)
    with pytest.raises(ResourceError, match=r"cannot read .*manifest\.json: Input/output error \(error 5\)") as caught:
        resumed(tmp_path)
    assert isinstance(caught.value, ParsError) and caught.value.exit_code == 7


def test_curves_that_cannot_be_written_never_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tensorboardX's own SummaryWriter waits for ever once its thread has met an error."""

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with closing(RunFolder(tmp_path, DESCRIPTION)) as folder:
        folder.metrics(OFFLINE, {"score": np.array([1.0])})
        monkeypatch.setattr(RecordWriter, "write", full)
        with pytest.warns(UserWarning, match="no more curves for TensorBoard: No space left on device") as seen:
            for step in range(40):
                folder.metrics(Position(1, "online", step), {"score": np.array([1.0])})
    (one,) = (tmp_path / "tensorboard").glob("*/*")
    assert one.name.startswith("events.out.tfevents.") and b"offline/score" in one.read_bytes()
    assert len(seen) == 1 and (tmp_path / METRICS).read_text().count("\n") == 42


def test_colleagues_may_read_all_of_a_checkpoint(tmp_path: Path) -> None:
    place = run(tmp_path) / "checkpoints" / SECOND.name
    assert len({path.stat().st_mode for path in (tmp_path / "run.json", place / ARRAYS, place / MANIFEST)}) == 1
