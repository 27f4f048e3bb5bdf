"""What every phase of every method costs at the sizes of Figure 19: AntMaze's shape, each method's own networks.

    python -m benchmarks methods [--quick] [--algorithms mcq msg] [--repeats 3] [--seconds 1] [--shared] [--out FOLDER]

GFLOP      of a gradient step by formula (benchmarks/flops), on average over what only some steps have
program    the same read off the program's matrix products, over the formula
steps/s    one seed: median [least most]; a turn counts as steps of mean cost
of limit   GFLOP by formula x steps/s, as a share of matrix products alone (benchmarks/limit.py) just before
compile    seconds until steps can be taken, nothing being compiled yet; that the processors spent; tracing included
memory     the most that the row's process, which is one of its own, held above JAX and the data, compiling included
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import numpy as np

from benchmarks import limit
from benchmarks.child import ask
from benchmarks.flops import FORMULAS
from benchmarks.table import FOLDER, Column, Row, lines, percent, spread, write_csv
from pars import system
from pars.algos import ALGORITHMS
from pars.core import OFFLINE, ONLINE
from pars.reproduce.paper import speed

LIMIT_SECONDS = 0.1
SIZES = {"hidden": (8, 8), "actor_hidden": (8, 8), "critics": 2, "batch_size": 16, "sampled_actions": 2, "horizon": 2}
COLUMNS = (
    Column("algorithm", "method", left=True),
    Column("phase", "phase", left=True),
    Column("gflop", "GFLOP", ".4f"),
    Column("agreement", "program", ".3f"),
    Column("rate", "steps/s", spread),
    Column("gflops", "GFLOP/s", lambda x: f"{np.median(x):.0f}"),
    Column("of_limit", "of limit", percent),
    Column("compile", "compile", ".1f"),
    Column("processor", "processor", ".1f"),
    Column("memory", "memory", lambda x: f"{x / 1e6:.0f} MB"),
)


def cases(algorithms: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Method and phase, of those that it has; online only where the step is another one than offline."""
    for name in algorithms:
        algo, formulas = ALGORITHMS[name], FORMULAS[name]
        for phase in formulas:
            again = phase == ONLINE and algo.offline and formulas[phase] is formulas[OFFLINE]
            if not again and phase in {*(one.name for one in algo.before), *algo.phases}:
                yield name, phase


def paced(rate: Callable[[], float], shared: bool) -> float:
    """What `rate` measures, per second of the clock or, where other work shares the core, of this process."""
    clock, own = time.perf_counter(), time.process_time()
    found = rate()
    return found * (time.perf_counter() - clock) / (time.process_time() - own) if shared else found


def measure(name: str, phase: str, repeats: int, seconds: float, shared: bool = False, quick: bool = False) -> Row:
    """One row of the table. shared: see `paced`; quick: tiny networks."""
    rows = 2000 if quick else speed.ROWS
    speed.synthetic(rows)
    jax.block_until_ready(jax.numpy.zeros(1))
    before = speed.held("VmRSS")
    trainer = speed.Trainer(name, rows, SIZES if quick else None, phase)
    gflop = FORMULAS[name][phase](trainer.cfg, speed.OBS, speed.ACTION).step / 1e9
    trainer.steps(2)
    memory = speed.most_held(before)
    for short in (0.1, 1.0, 1.0):  # to find out how many steps a turn has
        trainer.turn(short * seconds)
    limit.best(0.0)  # compiles
    top, rate = [], []
    for _ in range(repeats):
        top.append(paced(lambda: limit.best(min(seconds, LIMIT_SECONDS)), shared))
        rate.append(paced(lambda: trainer.turn(seconds), shared))
    gflops = [gflop * value for value in rate]
    return {
        "algorithm": name,
        "phase": phase,
        "gflop": gflop,
        "program": trainer.costs.mean / 1e9,
        "agreement": trainer.costs.mean / 1e9 / gflop,
        "rate": rate,
        "gflops": gflops,
        "limit": top,
        "of_limit": [a / b for a, b in zip(gflops, top, strict=True)],
        "compile": trainer.first,
        "processor": trainer.processor,
        "memory": memory,
    }


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks methods", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--algorithms", nargs="+", default=list(FORMULAS), choices=sorted(FORMULAS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--shared", action="store_true", help="rates per second of the process, beside other work")
    parser.add_argument("--quick", action="store_true", help="tiny networks, one short turn, one process")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(args)
    repeats, seconds = (1, 0.01) if given.quick else (given.repeats, given.seconds)
    rows = []
    for name, phase in cases(given.algorithms):
        told = [name, phase, repeats, seconds, given.shared]
        rows.append(measure(*told, quick=True) if given.quick else ask("methods", json.dumps(told)))
        print(f"  {name}, {phase}: {percent(rows[-1]['of_limit'])}", flush=True)
        write_csv(given.out / "methods.csv", rows)  # a run that is cut off leaves what it has
    devices = jax.devices()
    print(f"\n{len(devices)} x {devices[0].device_kind}, one seed; {repeats} turns of {seconds} s")
    print("\n".join(lines(COLUMNS, rows)))
    print(f"limit {spread([x for row in rows for x in row['limit']])} GFLOP/s over the whole run")
    print(f"written: {given.out}/methods.csv")


if __name__ == "__main__":
    system.setup()
    print(json.dumps(measure(*json.loads(sys.argv[1]))))
