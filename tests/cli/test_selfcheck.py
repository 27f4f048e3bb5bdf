"""The self-check finds nothing on a sound machine and names what is missing on another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import jax
import pytest

from pars.cli import driver, selfcheck
from pars.errors import ResourceError

ROOT = Path(__file__).resolve().parents[2]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this shell script the nvidia-smi that is found."""

    def make(script: str) -> None:
        file = tmp_path / "bin" / "nvidia-smi"
        file.parent.mkdir()
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{file.parent}{os.pathsep}{os.environ['PATH']}")

    return make


def test_sound_machine_misses_nothing() -> None:
    found: list[str] = []
    assert selfcheck.selfcheck(found.append) == []
    assert len(found) == len(selfcheck.CHECKS)
    assert all(line.startswith("  ok ") for line in found)


def test_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 100, selfcheck.GIB // 2))
    monkeypatch.setattr(selfcheck, "CHECKS", {"disk": selfcheck.disk})
    assert len(missing := selfcheck.selfcheck()) == 1
    assert missing[0].startswith("disk: 0.5 GiB free on the disk of ")


def test_low_memory_exits_with_its_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(selfcheck, "free_on_host", lambda: 0.25 * selfcheck.GIB)
    monkeypatch.setattr(selfcheck, "CHECKS", {"memory": selfcheck.memory})
    assert selfcheck.main() == ResourceError.exit_code == 7
    assert "MISSING  memory: 0.2 GiB of memory free, 1 needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("echo 580.65.06", ""),
        ("echo 610.1; echo 610.1", ""),
        ("echo 575.57.08", "driver of the 580 series or newer; here it is 575.57.08"),
        ("echo No devices were found; exit 6", "nvidia-smi says: No devices were found"),
        ("exit 9", "nvidia-smi says: nothing"),
    ],
)
def test_the_driver_must_be_new_enough(nvidia_smi: Callable[[str], None], script: str, line: str) -> None:
    nvidia_smi(script)
    assert driver.missing().endswith(line) and bool(line) == bool(driver.missing())


def test_set_up_with_cuda_ends_before_it_installs(nvidia_smi: Callable[[str], None], tmp_path: Path) -> None:
    nvidia_smi("echo 575.57.08")
    work = tmp_path / "work"
    (work / ".venv").mkdir(parents=True)
    (work / ".venv" / "lock-name").write_text("cpu")
    (work / "src").symlink_to(ROOT / "src")
    line, env = ["bash", str(ROOT / "scripts" / "setup.sh"), "gpu"], os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(line, cwd=work, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (ResourceError.exit_code, "")
    assert done.stderr == f"setup: {driver.missing()}\n"
    assert (work / ".venv" / "lock-name").read_text() == "cpu"  # the environment that was there is kept


def test_cuda_without_a_gpu_is_named(nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    if jax.default_backend() != "cpu" or jax.config.jax_platforms:
        pytest.skip("there is one, or nobody asked for it")
    nvidia_smi("echo 575.57.08")
    monkeypatch.setattr(selfcheck.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(selfcheck, "CHECKS", {"arithmetic": selfcheck.arithmetic})
    (missing,) = selfcheck.selfcheck()
    assert missing.startswith("arithmetic: CUDA 13 needs an NVIDIA GPU") and "JAX_PLATFORMS=cpu" in missing


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ModuleNotFoundError("No module named 'mujoco'"), "part: No module named 'mujoco'; install what is locked"),
        (OSError("libGL.so.1:\ncannot open"), "part: OSError: libGL.so.1: cannot open; reinstall"),
    ],
)
def test_broken_part_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, line: str) -> None:
    def broken() -> str:
        raise error

    monkeypatch.setattr(selfcheck, "CHECKS", {"part": broken})
    (missing,) = selfcheck.selfcheck()
    assert missing.startswith(line)
    assert "\n" not in missing


def test_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "pars.cli.selfcheck"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("self-check:\n")
    assert "nothing is missing" in done.stdout
