"""Training, evaluation and report again and again in one process: its memory and its open files must not grow."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.torture.common import Budget, Tally, watched
from tests.torture.forked import TASK, few_rows

MINUTES = 30.0
PAGE = resource.getpagesize()
MEMORY, FILES = 0.1, 2.0  # growth over the second half of the time that is taken for none: of the memory, files


def loop(root: Path, minutes: float, report: Callable[[object], None]) -> None:
    """Go round and report memory [bytes] and open files after each round."""
    import pars

    settings = {"hidden": "8x8", "actor_hidden": "8x8", "critics": 2, "batch_size": 16, "updates_per_step": 2}
    data, until = few_rows(), time.monotonic() + 60.0 * minutes
    while time.monotonic() < until:
        out = root / "soak"
        shutil.rmtree(out, ignore_errors=True)
        lengths = dict(steps=40, eval_every=20, online_steps=8, online_eval_every=4, eval_episodes=1)
        pars.train("pars", TASK, data=data, settings=settings, out=out, quiet=True, **lengths)  # type: ignore[arg-type]
        pars.evaluate(out, 1)
        pars.write_report(out)
        memory = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
        report([time.monotonic(), memory, len(os.listdir("/proc/self/fd"))])


def growth(times: np.ndarray, values: np.ndarray) -> float:
    """By how much `values` [n] grow in the second half of the time, by a straight line through it."""
    half = times >= (times[0] + times[-1]) / 2
    slope = np.polyfit(times[half] - times[0], values[half], 1)[0]
    return float(slope * (times[-1] - times[0]) / 2)


def run(root: Path, budget: Budget, minutes: float = MINUTES) -> list[Tally]:
    """One tally with a round for each try."""
    left = 1e9 if budget.end is None else (budget.end - time.monotonic()) / 60
    wanted = min(minutes, left)
    code, rounds = watched(lambda report: loop(root, wanted, report), 120 * wanted + 600)
    tally = Tally(f"a soak of {wanted:.0f} minutes in one process: train, eval, report")
    if code or len(rounds) < 8:
        tally.add("other", f"ended with {code} after {len(rounds)} rounds")
        return [tally]
    times, memory, files = np.array(rounds).T
    grown = growth(times, memory) / memory[-1], growth(times, files)
    for _ in rounds:
        tally.add("rounds")
    tally.what += f"; memory {memory[-1] / 2**20:,.0f} MB ({grown[0]:+.1%} in the second half), {files[-1]:.0f} files"
    if grown[0] > MEMORY or grown[1] > FILES:
        tally.faults.append(json.dumps({"memory": grown[0], "files": grown[1]}))
    return [tally]
