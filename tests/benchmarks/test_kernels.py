"""Kernels and waits of programs for a GPU that is not there."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: it changes which platforms JAX looks at."""
    line = [sys.executable, "-m", "benchmarks", "kernels", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_counts_need_no_gpu(tmp_path: Path) -> None:
    done = run("--dry", "--out", str(tmp_path), "--hlo", str(tmp_path / "hlo.txt"))
    assert done.returncode == 0, done.stderr
    assert "compiled for " in done.stdout and (tmp_path / "hlo.txt").read_text().startswith("HloModule")
    with (tmp_path / "kernels.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert 20 < float(row["kernels"]) < 1000 and 0 < float(row["waits"]) < 5
    assert float(row["moved"]) > float(row["least"]) > 0


def test_a_phase_that_is_not_there_is_one_line() -> None:
    done = run("--dry", "--algorithm", "bc", "--phase", "online")
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == "bc has no online phase; it has offline"
