"""A little of the torture (tests/torture), of each part that is quick."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import page
from tests.torture.__main__ import WHOLE

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


def test_a_part_that_is_tried_alone_leaves_the_other_rows_of_the_page(tmp_path: Path) -> None:
    target, results = tmp_path / "page.md", tmp_path / "torture.json"
    shutil.copy(ROOT / "docs" / "reliability.md", target)
    before = page.earlier(target.read_text())
    assert before.keys() == WHOLE.keys()
    tally = {"what": "SIGKILL in a loop of saves", "tried": 1234, "outcomes": {"kept all": 1234}, "faults": []}
    found = {"date": "2027-01-02", "seconds": 300, "minutes": 5.0, "tallies": [tally, {**tally, "tried": 0}]}
    results.write_text(json.dumps({"saves": found}))
    page.write(results, target, WHOLE)
    after = page.earlier(target.read_text())
    row = "| saves | SIGKILL in a loop of saves | 1,234 | 1,234 kept all | 0 |"
    assert after.pop("saves") == ([row], "saves 2027-01-02 (5.0 min of at most 5)")
    del before["saves"]
    assert after == before and [*page.earlier(target.read_text())] == [*WHOLE]
    results.write_text("{}")
    page.write(results, target, WHOLE)
    assert page.earlier(target.read_text()).keys() == WHOLE.keys()
