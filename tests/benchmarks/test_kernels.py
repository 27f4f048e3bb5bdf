"""Kernels and waits of programs for a GPU that is not there."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.kernels import waits

HLO = """
  %a = (s32[]) while(%t), condition=%c, body=%b, backend_config={"known_trip_count":{"n":"16"}}
  %d = (s32[]) while(%t), condition=%c, body=%b
  %e = f32[] conditional(%p, %x, %y), branch_computations={%f, %g}
"""


def test_unknown_lengths_and_branches_wait() -> None:
    assert waits(HLO) == 2 and waits(HLO.replace(" conditional(", " call(")) == 1


def test_what_is_missing_is_one_line() -> None:
    """The plugin; where it is installed, a phase."""
    line = [sys.executable, "-m", "benchmarks", "kernels", "--algorithm", "bc", "--phase", "online"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100)
    said = done.stderr.splitlines()[-1]
    assert done.returncode != 0 and ("make setup GPU=1 installs it" in said or "bc has no online phase" in said)
