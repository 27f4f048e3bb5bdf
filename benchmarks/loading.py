"""From the start of the command to the first gradient step: `python -m benchmarks loading`.

A file of a million rows (29/8) in D4RL's layout, gzip and all, is trained on in processes of their own: when nothing is
cached, when programs are but not the data, and when both are. Seconds by the clock and of the processor; the peak is of
the process's own memory, beside what was foreseen for it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.memory import Peak

OBS, ACTION = 29, 8  # AntMaze
ROWS = 10**6
REPEATS = 3
EPISODE = 1000
STARTS: dict[str, tuple[tuple[str, ...], int]] = {  # -> what is removed before, members
    "nothing cached": (("data", "programs"), 1),
    "programs cached": (("data",), 1),
    "all cached": ((), 1),
    "all cached, 5 seeds": ((), 5),
}
COMMANDS = ("--help", "algos", "tasks")

SECOND, VERIFIED = "all cached", ("- hash", "- verify")  # a second start, and its parts that look for damage
CALLS = {"digest": "hash", "restore": "verify", "read_columns": "read", "store": "pack, card, write"}  # of data.dataset

Parts = dict[str, tuple[float, float]]  # name -> seconds by the clock, of the processor


def write(path: Path, rows: int) -> None:
    """Normal observations, uniform actions: values that pack as badly as those of D4RL's files."""
    rng = np.random.default_rng(0)
    flags = np.zeros(rows, bool)
    with h5py.File(path, "w") as file:
        for name, values in {
            "observations": rng.normal(size=(rows, OBS)).astype(np.float32),
            "actions": rng.uniform(-1, 1, (rows, ACTION)).astype(np.float32),
            "rewards": (rng.random(rows) < 0.01).astype(np.float32),
            "terminals": flags,
            "timeouts": np.arange(rows) % EPISODE == EPISODE - 1,
        }.items():
            file.create_dataset(name, data=values, compression="gzip")


class FirstStep(Exception):
    """Training has begun; no more is wanted."""


class Until:
    """A view that ends training with its first dispatch."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None

    def advance(self, *args: Any) -> None:
        raise FirstStep


@contextmanager
def part(parts: Parts, name: str) -> Iterator[None]:
    """Add the time of what happens inside to `parts`."""
    clock, processor = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        before = parts.get(name, (0.0, 0.0))
        parts[name] = (before[0] + time.perf_counter() - clock, before[1] + time.process_time() - processor)


def watched(parts: Parts, module: Any, name: str, title: str) -> None:
    """Have every call of a function of `module` timed."""
    function = getattr(module, name)

    def timed(*args: Any, **options: Any) -> Any:
        with part(parts, title):
            return function(*args, **options)

    setattr(module, name, timed)


def start(path: Path, settings: dict[str, list[Any]], members: int) -> dict[str, Any]:
    """In a fresh process: import, load, train to the end of the first dispatch (of one step). What was measured."""
    parts: Parts = {}
    with part(parts, "libraries"):
        from pars import api
        from pars.cli import commands  # noqa: F401  what `pars train` imports
        from pars.data import dataset as loading
        from pars.training.launch import make_groups, train_groups
        from pars.training.parts import needed
        from pars.training.plan import How, Plan
        from pars.training.view import Stop
    for name, title in CALLS.items():
        watched(parts, loading, name, f"- {title}")
    with part(parts, "data"):
        data = api.open_dataset(path, None)
    (group,), plan = make_groups(["pars"], None, settings, range(members)), Plan(1, 0, 1)
    before = own_memory()
    peak = Peak()
    peak.start()
    with part(parts, "to the first step"), tempfile.TemporaryDirectory() as out, suppress(FirstStep):
        train_groups([group], data, None, [plan], Path(out), How(Until(), Stop()))
    foreseen = needed(group, data, plan, "auto").total(members)
    return {"parts": parts, "foreseen": foreseen, "taken": max(peak.bytes, own_memory()) - before}


def measure(folder: Path, path: Path, settings: dict[str, list[Any]], title: str) -> dict[str, Any]:
    """One of `STARTS`, in a process of its own with the caches in `folder`."""
    removed, members = STARTS[title]
    for name in removed:
        shutil.rmtree(folder / name, ignore_errors=True)
    line = [sys.executable, "-m", "benchmarks.loading", str(path), json.dumps(settings), str(members)]
    begin = time.perf_counter()
    done = subprocess.run(line, env=environment(folder), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"whole": time.perf_counter() - begin}


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PARS_DATA_DIR": str(folder / "data"), "PARS_CACHE_DIR": str(folder / "programs")}


def lines(title: str, found: list[dict[str, Any]]) -> list[str]:
    """What was measured in the repeats of one start, to print: medians."""
    whole = statistics.median(one["whole"] for one in found)
    taken = max(one["taken"] for one in found)
    head = f"{title}: {whole:.2f} s, memory {taken / 1e9:.2f} GB, foreseen {found[0]['foreseen'] / 1e9:.2f} GB"
    rows = [head, f"  {'':20} {'seconds':>8} {'processor':>10}"]
    for name in found[0]["parts"]:
        clock, processor = (statistics.median(one["parts"][name][i] for one in found) for i in (0, 1))
        rows.append(f"  {name:20} {clock:8.2f} {processor:10.2f}")
    return rows


def verification(folder: Path, path: Path) -> str:
    """What it costs at a second start that nothing damaged is trained on: the checksums of the source and of its
    converted columns are looked up by size, times and place of the files, and the columns are mapped."""
    for _ in range(2):
        time.sleep(3)  # what has just changed is not remembered
        measure(folder, path, {}, SECOND)
    found = [measure(folder, path, {}, SECOND) for _ in range(REPEATS)]
    whole = statistics.median(one["whole"] for one in found)
    checked = statistics.median(sum(one["parts"][name][0] for name in VERIFIED) for one in found)
    return f"verification: {1000 * checked:.1f} ms of a second start of {whole:.1f} s, {checked / whole:.2%}"


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks loading")
    parser.add_argument("--verify", action="store_true", help="only what verification costs at a second start")
    options = parser.parse_args(args)
    with tempfile.TemporaryDirectory(prefix="pars-loading-") as name:
        folder = Path(name)
        path = folder / "million.hdf5"
        write(path, ROWS)
        time.sleep(3)  # the hash of a file that has just changed is not remembered
        print(f"{ROWS:,} rows of {OBS}/{ACTION} in {path.stat().st_size / 2**20:.0f} MiB; medians of {REPEATS}")
        if options.verify:
            print(verification(folder, path))
            return
        for title in STARTS:
            measure(folder, path, {}, title)  # what is cached for the next ones is there, and Python's own files
            print("\n".join(lines(title, [measure(folder, path, {}, title) for _ in range(REPEATS)])), flush=True)
        for word in COMMANDS:
            seconds = []
            for _ in range(REPEATS):
                begin = time.perf_counter()
                line = [sys.executable, "-m", "pars.cli", word]
                subprocess.run(line, env=environment(folder), stdout=subprocess.DEVNULL, check=True)
                seconds.append(time.perf_counter() - begin)
            print(f"pars {word}: {statistics.median(seconds):.2f} s")


def own_memory() -> int:
    """Bytes of this process's own, as `Peak` counts them."""
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(status["RssAnon"].split()[0])


if __name__ == "__main__":
    print(json.dumps(start(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))))
