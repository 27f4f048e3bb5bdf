"""One case of a benchmark: an algorithm at a shape for so many members, trained as `pars train` does it."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.child import ask
from benchmarks.flops import Shape, work
from pars.config import from_dict, to_dict
from pars.core import Spec, Transition

ROWS = 100_000
TOTAL = 10**6  # gradient steps planned; no case gets there


@dataclass(frozen=True)
class Case:
    algorithm: str
    shape: Shape
    members: int = 1
    precision: str = "float32"  # of matrix products

    @property
    def config(self) -> Any:
        return at_precision(self.shape.config(self.algorithm), self.precision)

    @property
    def gflop(self) -> float:
        """GFLOP per gradient step of one member, by formula."""
        return work(self.algorithm, self.config, self.shape).step / 1e9

    @property
    def sizes(self) -> str:
        """The shape's name, without a number of critics that the algorithm does not have."""
        return self.shape.name if hasattr(self.config, "critics") else re.sub(r", N=\d+", "", self.shape.name)

    def __str__(self) -> str:
        return f"{self.algorithm} {self.sizes}, {self.members} {'seeds' if self.members > 1 else 'seed'}"


def at_precision(cfg: Any, precision: str) -> Any:
    """The config with matrix products of this precision. Raises UsageError where the algorithm has no such setting."""
    if precision == "float32":
        return cfg  # the default everywhere
    return from_dict(type(cfg), to_dict(cfg) | {"precision": precision})


class Trainer:
    """Trains a case from random data; each call goes on where the one before stopped."""

    def __init__(self, case: Case) -> None:
        from pars.algos import find_algorithm
        from pars.packing import pack
        from pars.training.learner import Learner

        self.case, shape = case, case.shape
        seeds = list(range(case.members))
        begin = time.perf_counter()
        algo, data = find_algorithm(case.algorithm), _data(shape)
        names = [column.name for column in algo.columns_of(case.config)]
        extra = dict.fromkeys(names, data.action)  # next actions, of those with a formula
        shapes = tuple((name, (shape.action,)) for name in names)
        self.learner = Learner(algo, [case.config] * case.members, seeds, Spec(shape.obs, shape.action), shapes)
        self.learner.load(pack(data), extra)
        self.learner.start_interval("offline")
        self.learner.run(0, 1, TOTAL)
        self.learner.metrics(1)
        self.first = time.perf_counter() - begin  # seconds to the end of the first step: what compiling takes
        self.at, self.count = 1, 4

    def __call__(self, seconds: float) -> float:
        """Gradient steps per second of all members together, over one dispatch of about so long."""
        begin = time.perf_counter()
        self.dispatch(self.count)
        rate = self.count / (time.perf_counter() - begin)
        self.count = max(2, round(rate * seconds))
        return rate * self.case.members

    def dispatch(self, count: int) -> None:
        """So many gradient steps, to their end."""
        self.learner.run(self.at, count, TOTAL)
        jax.block_until_ready(self.learner.sums["offline"])
        self.at += count

    def compiled(self) -> Any:
        """The block of gradient steps as XLA compiled it, from the cache of programs where there is one."""
        learner, feed = self.learner, self.learner.feed
        ((data, span),) = feed("offline", self.at, 1, TOTAL)
        args = (learner.cfg, learner.seed, learner.state, learner.sums["offline"])
        where = (feed.own, data, feed.episodes, tuple(map(np.int32, span)))
        return learner.program.block("offline", feed.streaming).lower(*args, *where).compile()


def _data(shape: Shape) -> Transition:
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(ROWS, shape.obs)).astype(np.float32)
    action = rng.uniform(-1, 1, (ROWS, shape.action)).astype(np.float32)
    return Transition(obs, action, rng.normal(size=ROWS), np.roll(obs, -1, axis=0), np.zeros(ROWS))


class Alone(NamedTuple):
    """What a process of its own took for a case whose programs had been compiled before."""

    start: float  # seconds from the start of Python to the end of the first gradient step
    peak: int  # bytes: of the GPU, else of the process


def alone(case: Case, cache: Path, steps: int = 20) -> Alone:
    """Train a case briefly in a process of its own that finds compiled programs in the folder `cache`."""
    told = asdict(case) | {"steps": steps, "begin": time.time()}
    return Alone(*ask("case", json.dumps(told), PARS_CACHE_DIR=str(cache)))


def read(told: dict[str, Any]) -> Case:
    """A case from what `dataclasses.asdict` made of it."""
    return Case(**told | {"shape": Shape(**told["shape"])})


def _alone(told: dict[str, Any]) -> Alone:
    from pars import system

    system.setup(cache=True)
    steps, begin = told.pop("steps"), told.pop("begin")
    trainer = Trainer(read(told))
    start = time.time() - begin
    trainer.count = steps
    trainer(0.0)
    return Alone(start, peak_memory())


def peak_memory() -> int:
    """Bytes: the most that the first device held at once, or on a CPU this process."""
    stats = jax.devices()[0].memory_stats() or {}
    return int(stats.get("peak_bytes_in_use") or _peak_of_process())


def _peak_of_process() -> int:
    """ru_maxrss would count what the process that started this one held; /proc does not."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(_alone(json.loads(sys.argv[1]))))
