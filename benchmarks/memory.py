"""Training on data larger than memory: `python -m benchmarks.memory`, or `python -m benchmarks memory`.

Writes a file whose packed rows take PARS_MEMORY_GB gigabytes (1 by default), converts it and
trains PARS on it in a process whose own memory is limited (RLIMIT_DATA: what is not the map of a file), beside the same
training on a part that is in memory. The file's pages are dropped from the system's cache before, so reads are cold.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

OBS, ACTION = 45, 24  # Adroit's pen: 464 bytes a packed row
ROW = 4 * (2 * OBS + ACTION + 2)
LIMIT = 2 * 10**9  # bytes
PART = 10**5  # rows of the part in memory
REPEATS, SECONDS = 5, 4.0
EPISODE = 200


def write(path: Path, rows: int) -> None:
    """A file in D4RL's layout without compression, written a chunk at a time."""
    rng, chunk = np.random.default_rng(0), 1 << 18
    widths: dict[str, tuple[int, ...]] = {"observations": (OBS,), "actions": (ACTION,), "rewards": ()}
    with h5py.File(path, "w") as file:
        columns = {key: file.create_dataset(key, (rows, *width), np.float32) for key, width in widths.items()}
        flags = {key: file.create_dataset(key, (rows,), bool) for key in ("terminals", "timeouts")}
        for begin in range(0, rows, chunk):
            part = slice(begin, min(begin + chunk, rows))
            count = part.stop - begin
            for key, width in widths.items():
                columns[key][part] = 2 * rng.random((count, *width), np.float32) - 1
            flags["terminals"][part] = False
            flags["timeouts"][part] = np.arange(begin, part.stop) % EPISODE == EPISODE - 1


class Peak(threading.Thread):
    """The most memory of its own that this process held: bytes, sampled 20 times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        while True:
            status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
            self.bytes = max(self.bytes, 1024 * int(status["RssAnon"].split()[0]))
            time.sleep(0.05)


def limited(path: Path, settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Convert, then train on all of it and on a part, in turn. What was measured, by name."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    peak = Peak()
    peak.start()
    from pars.algos import ALGORITHMS
    from pars.core import Spec
    from pars.data import from_file
    from pars.data.cache import data_folder
    from pars.training.learner import Learner

    begin = time.monotonic()
    size = from_file(path).packed.nbytes
    converted = time.monotonic() - begin
    for copy in data_folder().glob("converted/*/packed.npy"):
        with copy.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    begin = time.monotonic()
    data = from_file(path)
    opened = time.monotonic() - begin

    algo = ALGORITHMS["pars"]
    learners = []
    for rows, where in ((data.packed, "stream"), (np.array(data.packed[:PART]), "memory")):
        learner = Learner(algo, [algo.config(**settings)], [0], Spec(OBS, ACTION, data.obs_mean, data.obs_std))
        learner.load(rows, data_in="auto" if size > LIMIT and where == "stream" else where)  # type: ignore[arg-type]
        assert learner.feed is not None and learner.feed.streaming == (where == "stream")
        learner.start_interval("offline")
        learners.append(Rate(learner))
    rates: list[list[float]] = [[], []]
    for _ in range(REPEATS):
        for values, learner in zip(rates, learners, strict=True):
            values.append(learner(seconds))
    return {"bytes": size, "converted": converted, "opened": opened, "rates": rates, "peak": peak.bytes}


class Rate:
    """Gradient steps a second of one learner; each call goes on where the one before stopped."""

    def __init__(self, learner: Any) -> None:
        self.learner, self.at, self.count = learner, 0, 8
        self(0.0)
        self(0.0)

    def __call__(self, seconds: float) -> float:
        begin, first = time.perf_counter(), self.at
        while self.at == first or time.perf_counter() - begin < seconds:
            self.learner.run(self.at, self.count, 10**6)
            self.learner.metrics(1)
            self.at += self.count
        rate = (self.at - first) / (time.perf_counter() - begin)
        self.count = max(8, int(rate / 2))  # dispatches of half a second
        return rate


def measure(gigabytes: float, settings: dict[str, Any] | None = None, seconds: float = SECONDS) -> dict[str, Any]:
    """Write the file to a temporary folder, run `limited` in a process of its own, and remove all of it."""
    with tempfile.TemporaryDirectory(prefix="pars-memory-") as folder:
        path = Path(folder) / "large.hdf5"
        write(path, int(gigabytes * 1e9 / ROW))
        time.sleep(3)  # the hash of a file that has just changed is not remembered
        line = [sys.executable, "-m", "benchmarks.memory", str(path), json.dumps(settings or {}), str(seconds)]
        environment = os.environ | {"PARS_DATA_DIR": str(Path(folder) / "data")}
        done = subprocess.run(line, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def lines(found: dict[str, Any]) -> list[str]:
    """What was measured, to print; rates are medians with the range of the repeats."""
    stream, memory = (
        f"{statistics.median(values):.1f} [{min(values):.1f} {max(values):.1f}]" for values in found["rates"]
    )
    return [
        f"packed rows {found['bytes'] / 1e9:.2f} GB, limit of own memory {LIMIT / 1e9:.1f} GB, "
        f"peak RssAnon {found['peak'] / 1e9:.2f} GB",
        f"converted in {found['converted']:.1f} s, opened again in {found['opened']:.2f} s",
        f"steps/s streaming {stream}, in memory {memory}, n = {len(found['rates'][0])}; ratio {ratio(found):.2f}",
    ]


def ratio(found: dict[str, Any]) -> float:
    """Of the median step rates, streaming to in memory."""
    stream, memory = (statistics.median(values) for values in found["rates"])
    return stream / memory


def run() -> None:
    print("\n".join(lines(measure(float(os.environ.get("PARS_MEMORY_GB", "1"))))))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        run()
    else:
        print(json.dumps(limited(Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3]))))
