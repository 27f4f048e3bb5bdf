"""Processes are killed at random moments. What was acknowledged before must be there afterwards, with the right
content, and the work goes on."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from pars.data import load_dataset
from pars.position import Position
from pars.training.checkpoint import latest
from pars.training.folder import RunFolder
from tests.data.files import columns, write_npz
from tests.torture.common import DESCRIPTION, PLACES, Budget, Tally, advance, make_run, tree, value_of

ROWS = 50_000  # of the file whose conversion is killed


def killed(act: Callable[[int], object], after: float) -> str:
    """Start `act` in a child, which writes lines to a pipe, and kill it `after` seconds from its first. -> its last
    whole line"""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            act(writing)
        finally:
            os._exit(0)
    os.close(writing)
    data = os.read(reading, 65536)
    end = time.monotonic() + after
    while (left := end - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        if not (part := os.read(reading, 65536)):
            break
        data += part
    os.kill(child, signal.SIGKILL)
    while part := os.read(reading, 65536):
        data += part
    os.close(reading)
    os.waitpid(child, 0)
    lines = data.decode().split("\n")[:-1]
    return lines[-1] if lines else ""


def saving(root: Path, budget: Budget, tries: int) -> Tally:
    """In a loop of saves, each of which is acknowledged."""
    tally, rng = Tally("SIGKILL in a loop of saves"), random.Random(0)
    folder, acknowledged = make_run(root / "saving"), PLACES[-1].step

    def act(out: int) -> None:
        with closing(RunFolder(folder, DESCRIPTION)) as run:
            assert run.checkpoint is not None
            step = run.checkpoint.position.step
            os.write(out, f"{step}\n".encode())
            while True:
                step += 1
                advance(run, Position(1, "online", step))
                os.write(out, f"{step}\n".encode())

    while tally.tried < tries and not budget.over:
        acknowledged = max(acknowledged, int(killed(act, rng.uniform(0, 0.05)) or 0))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = latest(folder / "checkpoints")
        step = found.position.step if found else -1
        right = found and np.all(found.restore(tree(0))["state"] == value_of(found.position))
        wrong = "" if step >= acknowledged and right and not said else f"{acknowledged} saved, {step} there; {said}"
        tally.add("kept all", wrong)
    return tally


def converting(root: Path, budget: Budget, tries: int) -> Tally:
    """In a conversion; afterwards it is made again, the same."""
    tally, rng = Tally("SIGKILL in a conversion"), random.Random(1)
    source, data = write_npz(root / "large.npz", columns(ROWS)), root / "converting"
    os.environ["PARS_DATA_DIR"] = str(data)
    begin = time.monotonic()
    good = load_dataset(source).fingerprint
    needed = time.monotonic() - begin

    def act(out: int) -> None:
        os.write(out, b"begun\n")
        load_dataset(source)

    while tally.tried < tries and not budget.over:
        shutil.rmtree(data)
        killed(act, rng.uniform(0, needed))
        tally.add("made again the same", "" if load_dataset(source).fingerprint == good else "other data")
    return tally
