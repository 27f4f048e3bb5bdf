"""Results of workers without a shared folder: what comes back is what was trained, checked, and goes on elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pars.errors import CheckpointError
from pars.sweep import post
from pars.sweep.carry import Item, Parcel, pack, unpack
from pars.sweep.post import Box, Post, Sent, work_apart
from pars.sweep.sweep import sweep
from pars.sweep.units import FILE, Order, Unit, is_done, newest, read_order, write_order
from pars.sweep.work import options_of, train_unit
from pars.sweep.workers import Workers
from pars.training.checkpoint import latest
from pars.training.folder import read_status
from tests import runs

SETTINGS = {**runs.TINY_ACTOR, "bc_weight": 0.1}


def options(out: Path) -> dict[str, Any]:
    return dict(
        algorithms=["td3_bc"], task=runs.TASK, data=str(runs.few_rows_file()), settings=SETTINGS, seeds=[0], out=out,
        steps=300, eval_every=100, eval_episodes=1, quiet=True, probes=[],
    )  # fmt: skip


class Remote:
    """A handle of an actor that is called in this process, and remembers what it was given."""

    def __init__(self, box: Box) -> None:
        self.came: list[Parcel] = []
        self.put = SimpleNamespace(remote=lambda number, parcel: (self.came.append(parcel), box.put(number, parcel)))
        self.take = SimpleNamespace(remote=box.take)


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Remote:
    monkeypatch.setattr(post, "EVERY", 0.005)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda result: result))
    return Remote(Box())


def driver(root: Path, box: Remote) -> Post:
    made = Post.__new__(Post)  # without a cluster
    made.ray, made.root, made.box, made.damaged = SimpleNamespace(get=lambda result: result), root, box, {}
    return made


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of one unit, cut and trained by a worker of this machine."""
    out, failures = sweep(Workers(number=1), options(tmp_path_factory.mktemp("whole") / "run"))
    assert not failures
    return out


def unit_of(root: Path) -> Unit:
    order = read_order(root)
    assert order is not None
    return order.units[0]


def test_what_a_worker_trains_elsewhere_comes_back_and_goes_on(ordered: Path, tmp_path: Path, box: Remote) -> None:
    whole, here = read_status(ordered / unit_of(ordered).place), tmp_path / "here"
    here.mkdir()
    (here / FILE).write_bytes((ordered / FILE).read_bytes())
    there = driver(here, box)
    assert work_apart(there.send(0), 0, train_unit.__module__).state == "finished"
    there.receive()
    unit = unit_of(here)
    assert is_done(here, unit) and read_status(here / unit.place)["digest"] == whole["digest"]
    assert [path.name for path in (here / unit.place / "checkpoints").iterdir()] == ["0-offline-000000300"]
    assert (here / unit.place / "metrics.csv").read_bytes() == (ordered / unit.place / "metrics.csv").read_bytes()

    begun = [parcel for parcel in box.came[:-1] if any(name.startswith("checkpoints") for name in parcel)]
    assert begun, "nothing came before the end"
    again = tmp_path / "again"  # the worker was lost after its first parcel
    again.mkdir()
    (again / FILE).write_bytes((ordered / FILE).read_bytes())
    unpack(again / unit.place, begun[0])
    place = newest(again, unit)
    assert place is not None and not is_done(again, unit)
    other = driver(again, box)
    assert work_apart(other.send(0), 0, train_unit.__module__).state == "finished"
    other.receive()
    assert read_status(again / unit.place)["digest"] == whole["digest"]


def test_what_arrives_damaged_is_refused_and_what_was_there_stays(ordered: Path, tmp_path: Path, box: Remote) -> None:
    unit = unit_of(ordered)
    parcel = pack(ordered / unit.place)
    assert "lock" not in parcel and "run.json" in parcel
    name = next(name for name in parcel if name.endswith("state.safetensors"))
    flipped = {**parcel, name: parcel[name]._replace(data=b"x" + parcel[name].data[1:])}
    with pytest.raises(CheckpointError, match="did not arrive whole"):
        unpack(tmp_path / "a", flipped)
    assert not (tmp_path / "a").exists()
    with pytest.raises(OSError, match="leads out"):
        unpack(tmp_path / "a", {"../b": parcel["run.json"]})

    write_order(tmp_path, Order(options_of(options(tmp_path)), (unit,)))
    there = driver(tmp_path, box)
    box.put.remote(0, parcel)
    there.receive()
    box.put.remote(0, flipped)
    there.receive()
    assert there.damaged[0].state == "died" and latest(tmp_path / unit.place / "checkpoints") is not None
    box.put.remote(0, parcel)
    there.receive()
    assert not there.damaged and is_done(tmp_path, unit)


def test_a_unit_that_was_never_begun_is_an_empty_parcel(tmp_path: Path) -> None:
    assert pack(tmp_path / "none") == {}
    unpack(tmp_path / "none", {})
    assert Sent(b"", {}, None).parcel == {} and Item(b"", "").data == b""


@pytest.mark.slow
def test_on_a_cluster_without_a_shared_folder(tmp_path: Path) -> None:
    settings = [f"{name}={value}" for name, (value,) in runs.TINY_ACTOR.items()] + ["bc_weight=0.1"]
    data = ["--data", str(runs.few_rows_file())]
    words = [sys.executable, "-m", "pars.cli", "sweep", "td3_bc", runs.TASK, *settings, *data]
    lengths = ["--steps", "300", "--eval-every", "100", "--eval-episodes", "1", "--probes", "actions", "--cores", "1"]
    for name, where in {"fetched": ["--ray", "local", "--fetch"], "here": ["--workers", "1"]}.items():
        done = subprocess.run([*words, *lengths, *where, "--out", str(tmp_path / name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    unit = unit_of(tmp_path / "here")
    assert is_done(tmp_path / "fetched", unit)
    digests = {read_status(tmp_path / name / unit.place)["digest"] for name in ("fetched", "here")}
    assert len(digests) == 1
