"""Whole commands, in which one operation on the disk fails: they end with 7 and a line or go on, and the same command
ends well afterwards."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.data.files import columns, write_npz
from tests.torture.common import Budget, Tally
from tests.torture.faults import KINDS
from tests.torture.forked import TASK, Ended, call, copied, few_rows, train

SHORT = ["--steps", "40", "--eval-every", "20", "--online-steps", "8", "--online-eval-every", "4"]


def commands(root: Path) -> dict[str, list[str]]:
    """What is tried; those behind `train` work on its run."""
    return {
        "data collect": ["data", "collect", TASK, "--rows", "3000", "--seed", "1"],
        "data check": ["data", "check", str(root / "own.npz")],
        "train": train(root / "run", root / "rows.hdf5", SHORT),
        "train, made longer": train(root / "run", root / "rows.hdf5", [*SHORT[:4], "--online-steps", "12"]),
        "eval": ["eval", str(root / "run"), "--episodes", "2"],
        "report": ["report", str(root / "run")],
        "export": ["export", str(root / "run"), "--out", str(root / "policy")],
    }


def called(root: Path, words: Sequence[str], at: int, kind: str) -> tuple[Ended, int]:
    """Run the command with its `at`-th operation below `root` failing (0: none). -> how it ended, operations"""
    shim, (code, lasting), said = ctypes.CDLL(None), KINDS[kind], root.parent / "said"
    count = root.parent / "count"

    def arm() -> None:
        os.environ["PARS_DATA_DIR"] = str(root / "data")
        shim.torture_arm(os.fsencode(root), ctypes.c_long(at), code, int(lasting))

    return call(words, said, arm, lambda: count.write_text(str(shim.torture_count()))), int(count.read_text())


def run(root: Path, budget: Budget, tries: int) -> list[Tally]:
    """Every command with so many faults at random places."""
    place = root / "whole"
    place.mkdir()
    (root / "count").write_text("0")
    write_npz(place / "own.npz", columns())
    shutil.copy(few_rows(), place / "rows.hdf5")
    return [_tried(place, name, own, tries) for name, own in budget.shared(commands(place))]


def _tried(root: Path, name: str, budget: Budget, tries: int) -> Tally:
    tally, rng, words = Tally(f"a failing operation in `pars {name}`"), random.Random(name), commands(root)[name]
    before = copied(root, root.parent / "before")
    first, operations = called(root, words, 0, "EIO once")
    after = copied(root, root.parent / "after")
    if wrong := first.wrong(0) or ("" if operations else "no operation is seen"):
        tally.add("other", f"without a fault: {wrong}")
    while not tally.faults and tally.tried < tries and not budget.over:
        copied(before, root)
        kind, at = rng.choice(sorted(KINDS)), rng.randint(1, operations)
        ended, _ = called(root, words, at, kind)
        wrong = ended.wrong(0, 7)
        again = called(root, words, 0, kind)[0].wrong(0)
        wrong += f"; then {again}" if again else ""
        outcome = {0: "went on unharmed", 7: "exit code 7"}.get(-1 if ended.code is None else ended.code, "other")
        tally.add(outcome, f"{kind}, operation {at}: {wrong}" if wrong else "")
    copied(after, root)
    return tally
