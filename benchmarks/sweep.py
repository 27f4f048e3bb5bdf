"""A sweep whose workers and driver are killed, beside one that is left alone: `python -m benchmarks sweep`.

Counted: that every trial is in the result once, and that its bits are those of the undisturbed sweep. `--ray`: on a
cluster of several nodes, all of this machine.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.table import FOLDER
from pars.data import collect_dataset
from pars.report.load import read_run
from pars.sweep.units import read_order
from pars.training.folder import read_status

TASK = "pointmaze-umaze-diverse"
EARLY = 0.3  # of the workers are killed before their first checkpoint, perhaps, the others after it,
MOST_SECONDS = 2.0  # at most so much later
TINY = ("hidden=16x16", "actor_hidden=16x16", "batch_size=64")


def command(out: Path, given: argparse.Namespace, rows: Path, address: str | None) -> list[str]:
    """The words of the sweep: two settings of each seed, a unit each."""
    lengths = ["--steps", str(given.steps), "--eval-every", str(given.steps // 10), "--eval-episodes", "2"]
    where = ["--ray", address] if address else ["--workers", str(given.workers)]
    seeds = f"seed=0..{given.seeds - 1}"
    words = [sys.executable, "-m", "pars.cli", "sweep", "td3_bc", TASK, "bc_weight=0.1,0.5", seeds, *TINY]
    options = ["--members", "1", "--cores", "1", "--retries", str(given.kills), "--probes", "actions"]
    return [*words, "--data", str(rows), *lengths, *where, *options, "--out", str(out)]


def training(out: Path) -> list[tuple[int, Path]]:
    """Processes that train now and have written a checkpoint, with the folders that they hold."""
    found = []
    for lock in out.glob("*/lock"):
        said = lock.read_text()
        state = read_status(lock.parent)["state"]
        if said.startswith("process ") and state == "running" and _lives(int(said.split()[1])):
            found.append((int(said.split()[1]), lock.parent))
    return found


def _lives(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"pars.sweep" in words or b"ray::" in words


def disturb(words: list[str], out: Path, kills: int, drivers: int) -> tuple[list[str], int, float]:
    """Run the sweep, kill workers and its driver with SIGKILL. -> the newest checkpoint of the unit of each worker that
    was killed, how many drivers were, seconds"""
    begun, chance, dead, ended = time.monotonic(), random.Random(0), list[str](), 0
    log = (out.parent / f"{out.name}.log").open("w")
    driver = subprocess.Popen(words, stdout=log, stderr=log)
    turn = kills // (drivers + 1)
    begin, due = dict[tuple[int, Path], str](), dict[tuple[int, Path], float]()  # by process and its unit
    while driver.poll() is None:
        time.sleep(0.05)
        if len(dead) >= turn * (ended + 1) and ended < drivers:
            driver.kill()
            driver.wait()
            ended += 1
            driver = subprocess.Popen(words, stdout=log, stderr=log)
        for pid, folder in training(out) if len(dead) < kills else ():
            newest = max((path.name for path in folder.glob("checkpoints/[0-9]*")), default="none")
            at = pid, folder
            early = chance.random() < EARLY if at not in begin else False
            if early or newest != begin.setdefault(at, newest):
                due.setdefault(at, time.monotonic() + chance.uniform(0.0, MOST_SECONDS))
            if time.monotonic() > due.get(at, float("inf")):
                dead.append(newest)
                os.kill(pid, signal.SIGKILL)
                time.sleep(0.5)  # the next one may have the number of its process
                break
    log.close()
    print(f"the last driver ended with code {driver.returncode}", flush=True)
    return dead, ended, time.monotonic() - begun


def digests(out: Path) -> dict[str, str]:
    order = read_order(out)
    assert order is not None
    return {unit.place: str(read_status(out / unit.place).get("digest")) for unit in order.units}


def once(out: Path) -> tuple[int, int]:
    """Trials in the result, and different ones among them."""
    members = [(one.seed, str(one.settings)) for group in read_run(out).groups for one in group.members]
    return len(members), len(set(members))


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """A Ray cluster of so many nodes with a core each, all of this machine. -> its address"""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = importlib.import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    for _ in range(nodes - 1):
        made.add_node(num_cpus=1)
    try:
        yield made.address
    finally:
        made.shutdown()


def run(args: Sequence[str] = ()) -> None:
    """Print what was counted. Exits with 1 if a trial is missing, there twice, or other than undisturbed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sweep", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of workers")
    parser.add_argument("--drivers", type=int, default=3, help="kills of the driver")
    parser.add_argument("--workers", type=int, default=2, help="or nodes of the cluster")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--ray", action="store_true", help="on a cluster of this machine")
    given: Any = parser.parse_args(args)
    base = FOLDER / ("sweep-ray" if given.ray else "sweep")
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    rows = collect_dataset(TASK, rows=2000)
    alone, killed = base / "alone", base / "killed"

    def both(address: str | None) -> tuple[list[str], int, float, float]:
        begun = time.monotonic()
        subprocess.run(command(alone, given, rows, address), check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        return *disturb(command(killed, given, rows, address), killed, given.kills, given.drivers), seconds

    if given.ray:
        with cluster(given.workers) as address:
            found = both(address)
    else:
        found = both(None)
    dead, ended, seconds, undisturbed = found
    count, different = once(killed)
    expected, there = digests(alone), digests(killed)
    gone_on = sum(not name.endswith("-000000000") and name != "none" for name in dead)
    alike = sum(there.get(place) == digest for place, digest in expected.items())
    print(
        f"{len(dead)} workers ({gone_on} of them after a first checkpoint) and {ended} drivers killed; {len(there)} "
        f"units, {count} trials in the result, {different} different; {alike} of {len(expected)} end with the bits of "
        f"the undisturbed sweep; {seconds:.0f} s, undisturbed {undisturbed:.0f} s",
        flush=True,
    )
    if not count == different == alike == len(expected) == 2 * given.seeds:
        sys.exit(1)
