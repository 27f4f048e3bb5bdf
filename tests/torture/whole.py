"""Whole commands, in which one operation on the disk fails: they end with 7 and a line or go on, and the same command
ends well afterwards."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.data.files import columns, write_npz
from tests.torture.common import Budget, Tally
from tests.torture.faults import KINDS

ENDS = 300.0  # seconds in which a command must end
TASK = "pointmaze-umaze-diverse"
TINY = ["actor_hidden=8x8", "batch_size=16", "--steps", "40", "--eval-every", "20", "--eval-episodes", "2"]


def commands(root: Path) -> dict[str, list[str]]:
    """What is tried; those behind `train` work on its run."""
    file = root / "own.npz"
    data = [word for own in sorted((root / "data").glob("*.hdf5"))[:1] for word in ("--data", str(own))]
    return {
        "data collect": ["data", "collect", TASK, "--rows", "2000"],
        "data check": ["data", "check", str(file)],
        "train": ["train", "bc", TASK, *TINY, *data, "--quiet", "--out", str(root / "run")],
        "eval": ["eval", str(root / "run"), "--episodes", "2"],
        "report": ["report", str(root / "run")],
    }


def call(root: Path, words: Sequence[str], at: int, kind: str) -> tuple[int, str, int]:
    """Run the command with its `at`-th operation below `root` failing (0: none). -> code, errors, operations"""
    code, lasting = KINDS[kind]
    count = root.parent / "count"
    own = {"TORTURE_UNDER": str(root), "TORTURE_AT": str(at), "TORTURE_ERRNO": str(code)}
    own |= {"TORTURE_LASTING": str(int(lasting)), "TORTURE_COUNT": str(count), "PARS_DATA_DIR": str(root / "data")}
    line = [sys.executable, "-m", "pars.cli", *words]
    try:
        done = subprocess.run(line, env={**os.environ, **own}, capture_output=True, text=True, timeout=ENDS)
    except subprocess.TimeoutExpired:
        return -1, f"no end after {ENDS:.0f} s", 0
    return done.returncode, done.stderr, int(count.read_text()) if count.exists() else 0


def wrong_with(code: int, errors: str, words: Sequence[str]) -> str:
    """What a command that met a fault must not do; empty if it did not."""
    lines = [line for line in errors.splitlines() if not line.startswith("pars: warning: ")]
    if code not in (0, 7):
        return f"{words[0]} ended with {code}: {errors[-300:]}"
    bad = len(lines) > 2 or "Traceback" in errors or "internal error" in errors
    return f"{words[0]} said {errors[-300:]}" if bad else ""


def run(root: Path, budget: Budget, tries: int) -> list[Tally]:
    """Every command with so many faults at random places."""
    root = root / "whole"
    root.mkdir(exist_ok=True)
    write_npz(root / "own.npz", columns())
    os.environ["PARS_CACHE_DIR"] = str(root.parent / "cache")
    return [_tried(root, name, own, tries) for name, own in budget.shared(commands(root))]


def _tried(root: Path, name: str, budget: Budget, tries: int) -> Tally:
    tally, rng, words = Tally(f"a failing operation in `pars {name}`"), random.Random(name), commands(root)[name]
    before = root.parent / "before"
    shutil.rmtree(before, ignore_errors=True)
    shutil.copytree(root, before)
    code, errors, operations = call(root, words, 0, "EIO once")
    if code or not operations:
        tally.add("other", f"ends with {code} without a fault: {errors[-300:]}")
    while not tally.faults and tally.tried < tries and not budget.over:
        shutil.rmtree(root)
        shutil.copytree(before, root)
        kind, at = rng.choice(sorted(KINDS)), rng.randint(1, operations)
        code, errors, _ = call(root, words, at, kind)
        wrong = wrong_with(code, errors, words)
        again, errors, _ = call(root, words, 0, kind)
        wrong += f"; then {again}: {errors[-300:]}" if again else ""
        outcome = {0: "went on unharmed", 7: "exit code 7"}.get(code, "other")
        tally.add(outcome, f"{kind}, operation {at}: {wrong}" if wrong else "")
    return tally
