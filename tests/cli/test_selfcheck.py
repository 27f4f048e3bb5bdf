"""The self-check finds nothing on a sound machine and names what is missing on another."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import namedtuple

import pytest

from pars.cli import selfcheck
from pars.errors import ResourceError

Usage = namedtuple("Usage", "total used free")


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
