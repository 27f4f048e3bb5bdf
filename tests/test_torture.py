"""A little of the torture (tests/torture), of each part that is quick."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not shutil.which("gcc") or sys.platform != "linux", reason="needs gcc and Linux")
def test_nothing_is_lost_and_nothing_believed() -> None:
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--fast"], cwd=ROOT, env=quiet, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, "\n".join(line for line in lines if not line.endswith("; 0 wrong")) + done.stderr
    assert len(lines) == 26 and not any(": 0 tried" in line for line in lines)
