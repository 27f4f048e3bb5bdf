"""scripts/gpu-bundle.sh asks for what the lock has, with its hashes, and keeps to its size."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# stands for the interpreter whose pip downloads: keeps what it is asked for, and makes wheels of SIZE bytes
PIP = """#!/usr/bin/env bash
echo "$*" >"$KEPT/words"
while [ $# -gt 0 ]; do
    case $1 in --dest) out=$2 ;; -r) cat "$2" >"$KEPT/asked" ;; esac
    shift
done
for name in $(grep -oE '^[a-z0-9-]+==' "$KEPT/asked"); do head -c "$SIZE" /dev/zero >"$out/${name%==}.whl"; done
$AFTER
"""


def bundle(folder: Path, size: int, *words: str, after: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "python").write_text(PIP.replace("$AFTER", after))
    (folder / "python").chmod(0o755)
    env = os.environ | {"PYTHON": str(folder / "python"), "KEPT": str(folder), "SIZE": str(size)}
    line = ["bash", str(ROOT / "scripts" / "gpu-bundle.sh"), *words, str(folder / "out")]
    return subprocess.run(line, env=env, capture_output=True, text=True, timeout=60)


def test_what_is_locked_is_asked_for_with_its_hashes(tmp_path: Path) -> None:
    done = bundle(tmp_path, 10)
    asked = re.split(r"\n(?=[a-z])", (tmp_path / "asked").read_text())
    names = {part.partition("==")[0] for part in asked}
    assert {"mujoco", "mujoco-core", "gymnasium", "tyro", "tensorboardx", "protobuf", "jinja2"} <= names
    assert not names & {"jax", "numpy", "mujoco-studio", "gymnasium-robotics"}
    lock = (ROOT / "requirements" / "cpu.txt").read_text()
    assert all("--hash=sha256:" in part and part.strip() in lock for part in asked)
    words = (tmp_path / "words").read_text()
    assert "--require-hashes" in words and "--no-deps" in words and "--python-version 3.12" in words
    assert done.returncode == 0 and done.stdout.endswith(f"gpu-bundle: {10 * len(names)} bytes in {tmp_path}/out\n")
    assert len(done.stdout.splitlines()) == len(names) + 1
    bundle(tmp_path, 10, "--robotics")
    assert "\ngymnasium-robotics==" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("size", "after", "line"),
    [
        (4_000_000, "", "more than the 40000000 that are carried along; leave something out"),
        (10, 'rm "$out/tyro.whl"', "requirements/cpu.txt no longer has them all"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, size: int, after: str, line: str) -> None:
    done = bundle(tmp_path, size, after=after)
    assert done.returncode == 7
    assert done.stderr.startswith("gpu-bundle: ") and done.stderr.endswith(f"{line}\n") and done.stderr.count("\n") == 1
