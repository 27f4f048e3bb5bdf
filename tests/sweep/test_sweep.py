"""A sweep with real workers: killed, it ends as `pars train` in this process does, each trial once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pars import api, system
from pars.errors import ResourceError, UsageError
from pars.report import load
from pars.sweep.on_ray import OnRay
from pars.sweep.sweep import sweep
from pars.sweep.units import read_order, write_order
from pars.sweep.work import work
from pars.sweep.workers import Workers, gpus_here, layout_of
from pars.training.folder import read_description, read_status
from tests import runs

PLAN: dict[str, Any] = dict(steps=400, eval_every=100, eval_episodes=1, quiet=True, probes=[])


def options(out: Path, **changes: Any) -> dict[str, Any]:
    settings = {**runs.TINY_ACTOR, "bc_weight": [0.1, 0.5]}
    return dict(
        algorithms=["td3_bc"], task=runs.TASK, data=str(runs.few_rows_file()), settings=settings, seeds=[0, 1], out=out,
        **PLAN | changes,
    )  # fmt: skip


def digests(out: Path) -> dict[str, str]:
    return {path.parent.name: read_status(path.parent)["digest"] for path in out.glob("*/run.json")}


def kill_when_it_trains(out: Path, killed: list[int], locks: str = "*/lock") -> None:
    """The first worker that has written a checkpoint."""
    while not killed:
        for lock in out.glob(locks):
            said = lock.read_text()
            if [*lock.parent.glob("checkpoints/*-*")] and said.startswith("process "):
                killed.append(int(said.split()[1]))
                os.kill(killed[0], signal.SIGKILL)
                return
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_it_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    killed: list[int] = []
    thread = threading.Thread(target=kill_when_it_trains, args=(tmp_path / "a", killed), daemon=True)
    thread.start()
    out, failures = sweep(Workers(number=1, members=2), options(tmp_path / "a"))
    thread.join()
    assert killed and not failures
    order = read_order(out)
    assert order is not None and [unit.members for unit in order.units] == [(0, 1), (2, 3)]

    write_order(tmp_path / "b", replace(order, options={**order.options, "out": str(tmp_path / "b")}))
    assert [work(tmp_path / "b", i).state for i in (0, 1)] == ["finished", "finished"]
    assert digests(tmp_path / "a") == digests(tmp_path / "b")

    (group,) = load.read_run(out).groups
    assert len({(member.seed, member.settings["bc_weight"]) for member in group.members}) == len(group.members) == 4
    assert {read_description(path.parent)["part_of"] for path in out.glob("*/run.json")} == {group.part_of}
    before = digests(out)
    api.train(**options(out))  # plain training finds the parts that a sweep has made
    assert digests(out) == before


def test_a_worker_says_what_is_wrong(tmp_path: Path) -> None:
    assert work(tmp_path, 0).message.endswith("needs a shared folder as --out, or --fetch")


def test_each_worker_has_cores_and_a_gpu_or_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4}, raising=False)
    monkeypatch.setenv("PARS_MEMORY", "10GB")
    half = {"PARS_MEMORY": "5000000000"}
    assert layout_of(Workers(number=2), []) == ([[0, 1], [2, 3]], [half, half])
    assert layout_of(Workers(), []) == ([[0, 1, 2, 3, 4]], [{"PARS_MEMORY": "10000000000"}])
    assert layout_of(Workers(), ["0", "3"]) == (
        [[0, 1], [2, 3]],
        [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}],
    )
    with pytest.raises(UsageError, match="there are 2 GPUs"):
        layout_of(Workers(number=3), ["0", "1"])
    with pytest.raises(UsageError, match="--cores 6: this machine has 5"):
        layout_of(Workers(cores=6), [])
    monkeypatch.setattr(system, "has_gpu", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert gpus_here() == ["2", "5"]


def test_a_cluster_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def init(**options: Any) -> None:
        os.write(2, b"W gcs_client.cc: Failed to get cluster ID\n")
        raise ConnectionError("Failed to connect")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with pytest.raises(ResourceError, match="Failed to connect; start one"):
        OnRay(tmp_path, "1.2.3.4:99")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


@pytest.mark.slow
@pytest.mark.parametrize("where", [[], ["--ray"]], ids=["here", "ray"])
def test_workers_and_driver_are_killed(tmp_path: Path, where: list[str]) -> None:
    words = ["--kills", "4", "--drivers", "1", "--seeds", "2", "--steps", "4000", *where]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "sweep", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 trials in the result, 4 different; 4 of 4 end with the bits" in done.stdout


def test_what_does_not_fit_is_said_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--workers=0 must be"):
        Workers(number=0).check()
    with pytest.raises(UsageError, match="--workers is for this machine"):
        Workers(ray="auto", number=2).check()
    with pytest.raises(UsageError, match="--fetch is for the machines of a cluster"):
        Workers(fetch=True).check()
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with pytest.raises(ResourceError, match=r"pip install 'pars\[sweep\]'"):
        OnRay(tmp_path, "local")
