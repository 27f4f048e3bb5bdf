"""A checkpoint is whole or passed over; a log ends where its checkpoint says; a folder belongs to one process."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pars.errors import CheckpointError, ResourceError
from pars.files import deserted
from pars.position import Position
from pars.training import checkpoint
from pars.training.checkpoint import ARRAYS, MANIFEST, Checkpoint, latest, lock, save, verify
from pars.training.log import Log, Prefix

PHASES = ("offline", "online")


class Pair(NamedTuple):
    first: Any
    second: Any


def tree(value: float = 0.0) -> dict[str, Any]:
    return {
        "net": Pair(np.full((2, 3), value, np.float32), {"bias": np.arange(4, dtype=np.int32)}),
        "since": np.asarray(7, np.int64),
    }


def save_at(folder: Path, *places: tuple[str, int]) -> list[Checkpoint]:
    """Checkpoints of (phase, step)."""
    return [save(folder, Position(PHASES.index(phase), phase, step), tree(step), {}) for phase, step in places]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_restores_by_key_path_what_was_saved(tmp_path: Path) -> None:
    save(tmp_path / "checkpoints", Position(0, "offline", 5), tree(1.5), {})
    saved = latest(tmp_path / "checkpoints")
    assert saved is not None and saved.position == Position(0, "offline", 5)
    assert list(checkpoint.flatten(tree())) == ["['net'].first", "['net'].second['bias']", "['since']"]
    back = saved.restore(tree())
    assert isinstance(back["net"], Pair)
    assert back["net"].first.tolist() == [[1.5] * 3] * 2
    assert back["net"].second["bias"].tolist() == [0, 1, 2, 3]
    assert back["since"].dtype == np.int64 and int(back["since"]) == 7


def test_equal_trees_have_equal_digests(tmp_path: Path) -> None:
    first, second = (save(tmp_path / name, Position(0, "offline", 1), tree(2.0), {}) for name in "ab")
    assert first.digest == second.digest != save(tmp_path / "c", Position(0, "offline", 1), tree(3.0), {}).digest


def test_positions_sort_by_phase_then_step() -> None:
    places = [Position(1, "online", 3), Position(0, "offline", 1000), Position(0, "offline", 20)]
    assert [p.name for p in sorted(places)] == ["0-offline-000000020", "0-offline-000001000", "1-online-000000003"]
    assert sorted(p.name for p in places) == [p.name for p in sorted(places)]
    # a model that is trained first, whatever the alphabet says, and a place between two updates of one environment step
    places = [Position(0, "world", 9), Position(1, "offline", 0), Position(2, "online", 3, 6), Position(2, "online", 4)]
    places.insert(3, Position(2, "online", 3, 7))
    assert sorted(places) == places and sorted(p.name for p in places) == [p.name for p in places]
    assert [p.name for p in places[2:4]] == ["2-online-000000003-000000006", "2-online-000000003-000000007"]


def test_keeps_the_newest_two_and_the_last_of_the_phase_before(tmp_path: Path) -> None:
    save_at(tmp_path, *[("offline", step) for step in (0, 10, 20)])
    assert names(tmp_path) == ["0-offline-000000010", "0-offline-000000020"]
    save_at(tmp_path, *[("online", step) for step in (5, 10, 15)])
    assert names(tmp_path) == ["0-offline-000000020", "1-online-000000010", "1-online-000000015"]


def test_leftovers_of_a_killed_save_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".writing-0-offline-000000010").mkdir()
    assert latest(tmp_path) is None
    save_at(tmp_path, ("offline", 20))
    assert names(tmp_path) == ["0-offline-000000020"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "a flipped bit": lambda folder: flip(folder / ARRAYS),
    "half the arrays": lambda folder: (folder / ARRAYS).write_bytes((folder / ARRAYS).read_bytes()[:50]),
    "no arrays": lambda folder: (folder / ARRAYS).unlink(),
    "half a manifest": lambda folder: (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:40]),
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "a manifest of another kind": lambda folder: (folder / MANIFEST).write_text("[]"),
    "a manifest that lists nothing": lambda folder: (folder / MANIFEST).write_text(
        json.dumps({"format": 2, "position": {"number": 0, "phase": "offline", "step": 20}, "files": {}, "logs": {}})
    ),
    "an empty manifest": lambda folder: (folder / MANIFEST).write_text(""),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, kind: str) -> None:
    older, newer = save_at(tmp_path, ("offline", 10), ("offline", 20))
    DAMAGE[kind](newer.folder)
    with pytest.warns(UserWarning, match="0-offline-000000020.*falling back") as seen:
        found = latest(tmp_path)
    assert found is not None and found.position == older.position
    assert found.restore(tree())["net"].first[0, 0] == 10
    assert all("\n" not in str(warning.message) for warning in seen)


def test_nothing_is_left_when_all_are_damaged(tmp_path: Path) -> None:
    for saved in save_at(tmp_path, ("offline", 10), ("offline", 20)):
        flip(saved.folder / ARRAYS)
    with pytest.warns(UserWarning) as seen:
        assert latest(tmp_path) is None
    assert len(seen) == 2
    assert latest(tmp_path / "absent") is None


def test_damaged_ones_never_push_out_a_good_one(tmp_path: Path) -> None:
    save_at(tmp_path, ("offline", 10), ("offline", 20), ("offline", 30))
    for step in (20, 30):
        flip(tmp_path / f"0-offline-{step:09d}" / ARRAYS)
    save_at(tmp_path, ("offline", 5))  # resumed from before both
    found = latest(tmp_path)
    assert found is not None and found.position.step == 5


def test_a_log_that_is_shorter_than_the_manifest_says_falls_back(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_bytes(b"x" * 10)
    save(tmp_path / "checkpoints", Position(0, "offline", 10), tree(), {"metrics.csv": Prefix(4)})
    save(tmp_path / "checkpoints", Position(0, "offline", 20), tree(), {"metrics.csv": Prefix(10)})
    log.write_bytes(b"x" * 9)
    with pytest.warns(UserWarning, match=r"metrics\.csv is shorter than 0-offline-000000020 says"):
        found = latest(tmp_path / "checkpoints")
    assert found is not None and found.position.step == 10


def test_a_tree_of_another_structure_is_refused_in_one_line(tmp_path: Path) -> None:
    (saved,) = save_at(tmp_path, ("offline", 1))
    with pytest.raises(CheckpointError, match=r"holds another kind of run: \['extra'\] is not in both") as caught:
        saved.restore({**tree(), "extra": np.zeros(1)})
    assert "\n" not in str(caught.value)


def test_a_tree_of_another_shape_is_refused_in_one_line(tmp_path: Path) -> None:
    (saved,) = save_at(tmp_path, ("offline", 1))
    with pytest.raises(CheckpointError, match=r"\['since'\] has shape \(\), this run needs \(2,\)") as caught:
        saved.restore({**tree(), "since": np.zeros(2)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("leaf", "fault"), [(np.zeros((2, 3)), "float64"), (np.full((2, 3), np.nan, np.float32), "NaN")]
)
def test_an_array_of_another_type_or_with_nan_is_refused(tmp_path: Path, leaf: np.ndarray, fault: str) -> None:
    saved = save(tmp_path, Position(0, "offline", 1), {"net": leaf}, {})
    with pytest.raises(CheckpointError, match=rf"\['net'\] .*{fault}"):
        saved.restore({"net": np.zeros((2, 3), np.float32)})


def test_nothing_that_is_loaded_executes_code(tmp_path: Path) -> None:
    (saved,) = save_at(tmp_path, ("offline", 1))
    assert names(saved.folder) == [MANIFEST, ARRAYS]
    (saved.folder / ARRAYS).write_bytes(
        b"cbuiltins\nopen\n(V" + str(tmp_path / "mark").encode() + b"\nVw\ntR."  # a pickle that creates the file
    )
    manifest = json.loads((saved.folder / MANIFEST).read_text())
    file = saved.folder / ARRAYS
    manifest["files"][ARRAYS] = {"size": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    del manifest["sha256"]
    (saved.folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        verify(saved.folder).restore(tree())
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("call", ["pars.training.checkpoint.save_file", "pars.system.sync"])
def test_a_full_disk_leaves_the_checkpoint_before_it_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    save_at(tmp_path, ("offline", 10))

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, full)
    with pytest.raises(
        ResourceError, match=r"cannot write checkpoint .*0-offline-000000020: .*No space left"
    ) as caught:
        save_at(tmp_path, ("offline", 20))
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["0-offline-000000010"]
    found = latest(tmp_path)
    assert found is not None and found.position.step == 10


def test_a_file_that_may_not_grow_is_a_resource_error_too(tmp_path: Path) -> None:
    """The real thing: the system refuses to write more than 4 kB, and safetensors reports it with its own class."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ResourceError, match="cannot write checkpoint"):
            save(tmp_path, Position(0, "offline", 1), {"big": np.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_a_log_is_cut_to_what_the_checkpoint_knows(tmp_path: Path) -> None:
    path = tmp_path / "below" / "log"
    log = Log(path)
    log.append(b"kept")
    assert log.sync() == Prefix(4, hashlib.sha256(b"kept").hexdigest())
    log.append(b" lost")
    log.close()
    assert path.read_bytes() == b"kept lost"
    again = Log(path, 4)
    assert path.read_bytes() == b"kept"
    again.append(b" again")
    assert again.sync() == Prefix(10, hashlib.sha256(b"kept again").hexdigest())
    again.close()
    assert path.read_bytes() == b"kept again"
    Log(path).close()
    assert path.read_bytes() == b""


HOLD = """
import sys, time
from pathlib import Path
from pars.training.checkpoint import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_belongs_to_one_process_and_is_free_after_its_death(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(CheckpointError, match=rf"is in use by process {process.pid}; wait"), lock(tmp_path):
            pass
        assert not deserted(tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert deserted(tmp_path) and not deserted(tmp_path / "never held")
    with lock(tmp_path), pytest.raises(CheckpointError, match="in use"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass


def test_a_look_at_who_holds_a_folder_does_not_keep_others_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock(tmp_path):
        pass
    look = os.open(tmp_path / "lock", os.O_RDONLY)
    fcntl.flock(look, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda seconds: seconds and os.close(look))  # it ends meanwhile
    with lock(tmp_path):
        pass
