"""How fast every algorithm of the library trains, and in how much memory.

Transitions are synthetic and of AntMaze's shape, networks those of the large maze's preset. In a round every algorithm
trains for a short turn, so that a machine that slows down slows all of them. Memory is measured in a process of its own
for each algorithm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pars import presets, system
from pars.algos import ALGORITHMS
from pars.core import OFFLINE, ONLINE
from pars.data import Dataset, from_arrays
from pars.errors import ResourceError
from pars.probes.flops import Costs, step_costs
from pars.reproduce.base import Arrays
from pars.training.estimate import product_rate
from pars.training.learner import Learner
from pars.training.memory import BASE, predict

TASK = "antmaze-large-diverse-v2"  # whose presets are used
OBS, ACTION, EPISODE = 29, 8, 1000
ROWS = 50_000
REPLAY = 10_000  # transitions of a replay
TOTAL = 10**6  # gradient steps planned; nothing gets there
SECONDS = 2.0  # of a turn
LIMIT_SECONDS = 0.1  # in which the limit is measured


@cache
def synthetic(rows: int) -> Dataset:
    """Normal observations, uniform actions and rare rewards, with every column that an algorithm asks for."""
    rng = np.random.default_rng(0)
    number = np.arange(rows)
    arrays = {
        "observations": rng.normal(size=(rows, OBS)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (rows, ACTION)).astype(np.float32),
        "rewards": (rng.random(rows) < 0.01).astype(np.float32),
        "terminals": np.zeros(rows, bool),
        "timeouts": number % EPISODE == EPISODE - 1,
    }
    asked = sorted({name for algo in ALGORITHMS.values() for name in algo.stored_columns(algo.configure())})
    return from_arrays(arrays, name="synthetic", columns=asked)


def prepared(name: str, rows: int = ROWS, changes: Mapping[str, Any] | None = None) -> tuple[Any, Dataset]:
    """An algorithm's config, and the transitions as it trains on them.

    Args:
        changes: settings over the preset's, as far as the algorithm has them.
    """
    algo = ALGORITHMS[name]
    own = {key: value for key, value in (changes or {}).items() if hasattr(algo.configure(), key)}
    cfg = algo.configure(presets.settings(name, TASK) | own)
    return cfg, algo.data_for(cfg, synthetic(rows))


class Trainer:
    """One algorithm with one seed; each turn goes on where the one before stopped. Arguments: see `prepared`.

    phase: by name; online it learns from a replay that is filled with the dataset's rows.
    """

    def __init__(
        self, name: str, rows: int = ROWS, changes: Mapping[str, Any] | None = None, phase: str = OFFLINE
    ) -> None:
        begin, algo = (time.perf_counter(), time.process_time()), ALGORITHMS[name]
        self.name, self.phase = name, phase
        self.cfg, data = prepared(name, rows, changes)
        capacity = min(REPLAY, len(data.last)) if phase == ONLINE else 0
        self.learner = Learner.on(data, algo, [self.cfg], [0], capacity=capacity)
        spec = self.learner.spec
        self.need = predict(algo, self.cfg, spec, capacity, self.learner.width, 4 * len(data.last) * self.learner.width)
        if capacity:
            self.learner.go_online(capacity, data.packed[:capacity, None])
        self.learner.start_interval(phase)
        self.at, self.count = 0, 1
        self.steps(0)
        # until steps can be taken, compiling included: seconds, and those of processors
        self.first = time.perf_counter() - begin[0]
        self.processor = time.process_time() - begin[1]

    @cached_property
    def costs(self) -> Costs:
        """FLOP of its gradient steps, read off the program."""
        return step_costs(ALGORITHMS[self.name], self.cfg, OBS, ACTION, self.phase)

    def steps(self, count: int) -> float:
        """Take so many gradient steps and wait for them; seconds."""
        begin = time.perf_counter()
        self.learner.run(self.at, count, TOTAL, self.phase)
        self.learner.metrics(count, self.phase)
        self.at += count
        return time.perf_counter() - begin

    def turn(self, seconds: float) -> float:
        """Gradient steps per second over one dispatch of about so long.

        A turn may have more or less than its share of the work that falls due in every so many steps only: it counts
        as so many steps of mean cost.
        """
        work, taken = self.costs.of(self.at, self.count), self.steps(self.count)
        self.count = max(2, round(self.count / taken * seconds))
        return work / self.costs.mean / taken


trainer = cache(Trainer)  # rounds share what is compiled


def measure_round(seeds: Sequence[int], number: int, seconds: float = SECONDS, names: Sequence[str] = ()) -> Arrays:
    """A turn of every algorithm, in an order that rotates with the round's number. One seed is trained, whatever the
    study's seeds are: times do not depend on them.

    names [A]; rate [A] gradient steps per second; flop [A] of a step's matrix products; limit [A] FLOP/s of matrix
    products alone, just before; load: of the machine, processes that want to run, mean of the turns; first [A] seconds
    until the first step; need [A, 3] bytes that are foreseen: data, states, activations; base: for the
    program itself; device: what it ran on.
    """
    names = list(names or ALGORITHMS)
    rates, limits, loads = np.zeros(len(names)), np.zeros(len(names)), list[float]()
    for name in names:
        if trainer(name).at < 3:
            trainer(name).turn(0.1)  # the first step was compiling: find out how long a turn is
            trainer(name).turn(seconds)
    for i in np.roll(np.arange(len(names)), number):
        limits[i] = product_rate(LIMIT_SECONDS)
        rates[i] = trainer(names[i]).turn(seconds)
        loads.append(os.getloadavg()[0])
    needs = [trainer(name).need for name in names]
    return {
        "names": np.array(names),
        "rate": rates,
        "flop": np.array([trainer(name).costs.mean for name in names]),
        "limit": limits,
        "load": np.array(np.mean(loads)),
        "first": np.array([trainer(name).first for name in names]),
        "base": np.array(BASE),
        "device": np.array(f"{len(jax.devices())} x {jax.devices()[0].device_kind}"),
        "need": np.array([[need.data, need.total(1) - BASE - need.data - need.work, need.work] for need in needs]),
    }


def measure_memory(seeds: Sequence[int], name: str) -> Arrays:
    """Bytes that training one seed of an algorithm takes at most, in a process of its own."""
    trainer.cache_clear()  # what the rounds have left
    line = [sys.executable, "-m", __name__, name]
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # a GPU's memory is not taken whole
    done = subprocess.run(line, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise ResourceError(
            f"{name} could not be trained in a process of its own (exit {done.returncode}); free memory"
        )
    return {"bytes": np.array(json.loads(done.stdout.splitlines()[-1]))}


def _alone(name: str) -> int:
    """Bytes above what the process holds once JAX has started; on a GPU the most that it held there."""
    system.setup(cache=True)
    synthetic(ROWS)
    jax.block_until_ready(jax.numpy.zeros(1))
    before = held("VmRSS")
    Trainer(name).steps(10)
    return most_held(before)


def most_held(before: int) -> int:
    """Bytes: the most that a GPU held, else this process above what it did `before`."""
    stats = jax.devices()[0].memory_stats() or {}
    return int(stats.get("peak_bytes_in_use") or held("VmHWM") - before)


def held(field: str) -> int:
    """Bytes of this process as Linux tells them; 0 elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return 1024 * next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


if __name__ == "__main__":
    print(json.dumps(_alone(sys.argv[1])))
