"""The library runs with each JAX that pyproject.toml allows, not only with the one that is locked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# networks with their own backward passes, placement, the policy's compiler options, and an algorithm's contract
PART = ["tests/nn", "tests/training/test_placement.py", "tests/training/test_policy.py", "tests/algos/test_all.py"]
CHOSEN = "not test_all or iql"


def others() -> list[str]:
    """JAX versions such as 0.11 that are allowed and not installed."""
    (bounds,) = (found for line in PROJECT["dependencies"] if (found := re.match(r"jax>=0\.(\d+),<0\.(\d+)", line)))
    here = ".".join(jax.__version__.split(".")[:2])
    return [name for minor in range(int(bounds[1]), int(bounds[2])) if (name := f"0.{minor}") != here]


def interpreters() -> Iterator[str]:
    """This Python, and newer ones on the path or beside it: a JAX may not run on all."""
    yield sys.executable
    for minor in range(sys.version_info.minor + 1, sys.version_info.minor + 5):
        name = f"python3.{minor}"
        yield from filter(None, [shutil.which(name)])
        yield from map(str, sorted(Path(sys.base_prefix).parent.glob(f"*/bin/{name}")))


def environment(folder: Path, version: str) -> Path:
    """The interpreter of an environment with this JAX and the newest of all else. Skips where it cannot be had."""
    rest = [line for line in PROJECT["dependencies"] if not line.startswith("jax")]
    python, why = folder / "bin" / "python", "no interpreter makes an environment"
    for interpreter in interpreters():
        if subprocess.run([interpreter, "-m", "venv", "--clear", str(folder)], capture_output=True).returncode:
            continue
        pip = [str(python), "-m", "pip", "install", "--quiet", f"jax=={version}.*", *rest, "pytest", "pytest-xdist"]
        got = subprocess.run(pip, capture_output=True, text=True)
        if not got.returncode:
            return python
        why = got.stderr.strip().rpartition("\n")[2]
    pytest.skip(f"no environment with JAX {version} to be had: {why}")


@pytest.mark.slow
@pytest.mark.parametrize("version", others())
def test_a_part_of_the_suite_runs_with_another_jax(version: str, tmp_path: Path) -> None:
    python = environment(tmp_path / "env", version)
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}  # it may lack one, and ends then
    ask = [str(python), "-c", "import jax; print(jax.__version__)"]
    assert subprocess.run(ask, env=env, capture_output=True, text=True, check=True).stdout.startswith(f"{version}.")
    line = [str(python), "-m", "pytest", "-n", "0", "-q", *PART, "-k", CHOSEN]
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
