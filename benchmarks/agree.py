"""Where training ends, compared array by array: on a GPU and on the processor, at once and in two halves.

    python -m benchmarks.agree far|whole|rest WHAT FOLDER

Each of these is a process of its own, since JAX chooses its devices and XLA its flags once; `agreement` and `resumes`
start them. Checkpoints in FOLDER carry states from one to the next.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from benchmarks.case import TOTAL, Case, Trainer, read
from benchmarks.child import ask, flags
from benchmarks.table import Row
from pars import system
from pars.algos import find_algorithm
from pars.training import checkpoint
from pars.training.learner import Learner

STEPS = 20  # of an algorithm on either device
SIZES: dict[str, Any] = dict(hidden=(64, 64), actor_hidden=(64, 64), batch_size=64, critics=4, sampled_actions=4)
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
Arrays = Mapping[str, np.ndarray]


def agreement(algorithm: str, folder: Path, until: float) -> list[Row]:
    """Train `STEPS` steps from one state on the processor and on the GPU, and look at the array that differs most.

    Raises subprocess.TimeoutExpired at `until`, by the monotonic clock.
    """
    _ask("far", algorithm, folder / "cpu", until, JAX_PLATFORMS="cpu", PARS_DEVICES="1")
    shutil.copytree(folder / "cpu" / "start", folder / "gpu" / "start")
    _ask("far", algorithm, folder / "gpu", until)
    name, far = farthest(_load(folder / "gpu" / "end"), _load(folder / "cpu" / "end"))
    check = f"{algorithm}, {STEPS} steps on the GPU and on the processor"
    return [{"check": check, "found": f"differ by {far:.1e} at most, in {name}", "difference": far}]


def farthest(a: Arrays, b: Arrays) -> tuple[str, float]:
    """The array of the state that differs most and by how much, relative to the largest number in it."""
    far = {name: _relative(a[name], b[name]) for name in b if name.startswith("['state']")}
    return max(far.items(), key=lambda pair: np.inf if np.isnan(pair[1]) else pair[1])


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    return float(np.abs(np.subtract(a, b, dtype=np.float64)).max() / (np.abs(b.astype(np.float64)).max() or 1.0))


def resumes(case: Case, steps: int, folder: Path, until: float) -> list[Row]:
    """`2 steps` at once and in two halves with a checkpoint between, in one process and over two that compile anew.

    Raises as `agreement` does.
    """
    what = json.dumps(asdict(case) | {"steps": steps})
    rows = []
    for word, where in (("whole", "one process"), ("rest", "two processes that compile anew")):
        wrong = _ask(word, what, folder, until, XLA_FLAGS=flags(DETERMINISTIC))
        check = f"resume of {case}, {2 * steps} steps with {DETERMINISTIC}, in {where}"
        found = f"{len(wrong)} arrays differ, first {wrong[0]}" if wrong else "equal bit for bit"
        rows.append({"check": check, "found": found, "difference": len(wrong)})
    return rows


def _ask(word: str, what: str, folder: Path, until: float, **environment: str) -> Any:
    left = max(0.1, until - time.monotonic())
    # the tests' cache of programs, of which this process must find none
    return ask("agree", word, what, str(folder), seconds=left, **{"JAX_ENABLE_COMPILATION_CACHE": "0"} | environment)


def far(algorithm: str, folder: Path) -> list[str]:
    """Train from the state in `folder`, or from the first one, which is kept there. Names nothing."""
    from pars import testing

    algo = find_algorithm(algorithm)
    usual = testing.tiny_config(algo)
    cfg = replace(usual, **{name: size for name, size in SIZES.items() if hasattr(usual, name)})
    learner = testing.tiny_learner(algo, [(cfg, 0)])
    learner.start_interval("offline")
    if (folder / "start").exists():
        learner.restore("offline", _saved(folder / "start").restore)
    else:
        _save(learner, folder / "start", 0)
    learner.run(0, STEPS, STEPS)
    _save(learner, folder / "end", STEPS)
    return []


def whole(case: Case, steps: int, folder: Path) -> list[str]:
    """Both ways in this process: names of the arrays that differ. Leaves what `rest` needs."""
    at_once, halves = Trainer(case), Trainer(case)
    at_once.learner.run(1, 2 * steps - 1, TOTAL)
    _save(at_once.learner, folder / "end", 2 * steps)
    halves.learner.run(1, steps - 1, TOTAL)
    _save(halves.learner, folder / "half", steps)
    return second_half(at_once.learner, steps, folder)


def rest(case: Case, steps: int, folder: Path) -> list[str]:
    """The second half in another process than the first."""
    return second_half(Trainer(case).learner, steps, folder)


def second_half(learner: Learner, steps: int, folder: Path) -> list[str]:
    """Names of the arrays that differ from the end at once."""
    learner.restore("offline", _saved(folder / "half").restore)
    learner.run(steps, steps, TOTAL)
    ended, arrays = _load(folder / "end"), checkpoint.flatten(learner.tree("offline", 0))
    return [name for name in ended if not np.array_equal(ended[name], arrays[name], equal_nan=True)]


def _save(learner: Learner, folder: Path, step: int) -> None:
    folder.mkdir(parents=True)
    checkpoint.save(folder, checkpoint.Position(0, "offline", step), learner.tree("offline", 0), {})


def _saved(folder: Path) -> checkpoint.Checkpoint:
    saved = checkpoint.latest(folder)
    assert saved is not None
    return saved


def _load(folder: Path) -> Arrays:
    return load_file(_saved(folder).folder / checkpoint.ARRAYS)


def _main(word: str, what: str, folder: Path) -> list[str]:
    system.setup()
    if word == "far":
        return far(what, folder)
    told = json.loads(what)
    steps = told.pop("steps")
    return {"whole": whole, "rest": rest}[word](read(told), steps, folder)


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
