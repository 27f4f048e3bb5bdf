"""Peers beside ours: same shapes, same data, interleaved in one run.

For each shape one process per algorithm is started and warmed up; then each in turn runs for a while and sleeps,
several times over. Environment: PARS_PEERS_REPEATS (5), PARS_PEERS_SECONDS (2) of each turn, PARS_PEERS_ONLY (words of
which a name must have one, separated by commas: "ours,TD3+BC"), PARS_PEERS_SHAPES (likewise: "hopper"), PARS_PEERS_CSV
(a file to write).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.flops import PAPER, Shape
from benchmarks.peers.base import Data
from benchmarks.peers.catalog import ENTRIES, Entry
from benchmarks.peers.table import HEAD, Row, line, write_csv
from benchmarks.peers.wire import PeerError, Worker

ROWS = 100_000
PAUSE = 0.3  # seconds between turns: thread pools spin on for a while after their work

Say = Callable[[str], None]


def write_data(path: Path, shape: Shape, rows: int = ROWS) -> None:
    """Transitions without any meaning, the same for all."""
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(rows, shape.obs)).astype(np.float32)
    action = rng.uniform(-1, 1, (rows, shape.action)).astype(np.float32)
    reward = rng.normal(size=rows).astype(np.float32)
    terminal = np.zeros(rows, np.float32)
    Data(obs, action, reward, np.roll(obs, -1, axis=0), terminal).write(path)


def present(entries: Sequence[Entry], say: Say) -> list[Entry]:
    """Those whose folder is there; of the others one line for each reason."""
    told: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.absent and (entry.peer, entry.absent) not in told:
            told.add((entry.peer, entry.absent))
            say(f"{entry.peer}: skipped; {entry.absent}")
    return [entry for entry in entries if not entry.absent]


def start(entries: Sequence[Entry], shape: Shape, data: Path, say: Say) -> dict[Entry, Worker]:
    """A worker of each that starts; of the others one line."""
    workers: dict[Entry, Worker] = {}
    for entry in entries:
        try:
            workers[entry] = Worker(entry.python, entry.job(data, shape))
        except PeerError as error:
            say(f"{entry.name}: skipped; {error}; its interpreter is {entry.python}, set {entry.variable}_PYTHON")
    return workers


def measure(workers: dict[Entry, Worker], repeats: int, seconds: float, say: Say) -> dict[Entry, list[float]]:
    """Gradient steps/s of each in `repeats` turns, after one to warm up. One that fails is left out, with a line."""
    rates: dict[Entry, list[float]] = {entry: [] for entry in workers}
    for repeat in range(repeats + 1):
        for entry in list(rates):
            try:
                found = workers[entry].ask("run", seconds=seconds if repeat else seconds / 2)
            except PeerError as error:
                say(f"{entry.name}: left out; {error}")
                del rates[entry]
                continue
            if repeat:
                rates[entry].append(found["steps"] / found["seconds"])
            time.sleep(min(PAUSE, seconds))
    return rates


def compare(
    entries: Sequence[Entry], shapes: Sequence[Shape], repeats: int, seconds: float, say: Say = print
) -> list[Row]:
    """All rows, printed shape by shape, so that no more processes live at a time than one shape needs."""
    rows: list[Row] = []
    entries = present(entries, say)
    for shape in shapes:
        with tempfile.TemporaryDirectory(prefix="pars-peers-") as folder:
            data = Path(folder) / "data.npz"
            write_data(data, shape)
            workers = start(entries, shape, data, say)
            try:
                rates = measure(workers, repeats, seconds, say)
            finally:
                for worker in workers.values():
                    worker.close()
        entries = [entry for entry in entries if entry in rates]  # what failed once is told once
        own = [Row(entry, shape, rates[entry], workers[entry].start) for entry in entries]
        for row in own:
            say(line(row, own))
        rows += own
    return rows


def chosen(words: str | None, names: Sequence[str]) -> list[bool]:
    """Which names have one of the words separated by commas; all if there are none."""
    parts = [word.strip().lower() for word in (words or "").split(",") if word.strip()]
    return [not parts or any(part in name.lower() for part in parts) for name in names]


def run() -> None:
    get = os.environ.get
    repeats, seconds = int(get("PARS_PEERS_REPEATS", "5")), float(get("PARS_PEERS_SECONDS", "2"))
    keep = chosen(get("PARS_PEERS_ONLY"), [entry.name for entry in ENTRIES])
    entries = [entry for entry, kept in zip(ENTRIES, keep, strict=True) if kept]
    keep = chosen(get("PARS_PEERS_SHAPES"), [shape.name for shape in PAPER])
    shapes = [shape for shape, kept in zip(PAPER, keep, strict=True) if kept]
    print(f"batch 256, width 256; steps/s: medians of {repeats} interleaved turns of {seconds:g} s [least most]")
    print(
        "ours/peer: steps/s of the same algorithm; per FLOP: GFLOP/s of our PARS over the peer's; start: to first step"
    )
    print(HEAD)
    rows = compare(entries, shapes, repeats, seconds, lambda text: print(text, flush=True))
    if csv := get("PARS_PEERS_CSV"):
        write_csv(Path(csv), rows)
        print(f"written: {csv}")
