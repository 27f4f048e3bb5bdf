"""What a GPU makes of it: agreement with the processor, exact resume, then rates by precision and population.

    make bench GPU=1, or python -m benchmarks gpu [--short] [--minutes M] [--out runs/bench] [--dry]

Everything is printed and written as it is done, the most telling first. `--minutes` leaves out rows that no longer fit
and names them; `--short` is four minutes. First the checks, side by side in processes of their own:

agreement  each algorithm trained from one state on the processor and on the GPU: how far the states end apart
resume     PARS with deterministic kernels, at once and in two halves with a checkpoint between, in one process and
           over two that compile anew: the states must be equal bit for bit

Then a row for each case of PARS (members are vmapped, and almost free until the GPU is full):

precision  float32, TF32 and bfloat16 operands, as far as the algorithm has the setting
flags      of XLA: `graphs` makes loops and branches part of CUDA graphs, in a process of its own
ms         of a step of all members; `floor`: the least on an H100, for FLOP or bytes (benchmarks/hlo.py)
of peak    FLOP by formula x steps/s, as a share of large square products in the same precision, measured here
kernels, waits      of a step, read from the compiled program (benchmarks/hlo.py)
launched, to host   the same as the profiler saw them; `busy`: their share of the time
T2, T3     hours for Tables 2 and 3 of the paper at this rate, without evaluations: 6.5e17 and 2.7e18 FLOP
memory     of the compiled program, data and state included

`--dry` runs all of it on any machine with tiny networks, to see that it works; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import jax
import numpy as np

from benchmarks import agree, child
from benchmarks.case import Case, Trainer
from benchmarks.case import read as read_case
from benchmarks.flops import PAPER, TINY
from benchmarks.hlo import counts, floor
from benchmarks.launched import launched
from benchmarks.peak import peak
from benchmarks.table import FOLDER, Column, Row, lines, percent, spread, write_csv
from pars import system
from pars.algos import ALGORITHMS
from pars.errors import UsageError
from pars.training.block import CHUNK

ALGORITHM = "pars"
PRECISIONS = ("float32", "tf32", "bfloat16")
PAPER_FLOP = {"T2": 6.5e17, "T3": 2.7e18}
FLAGS = {
    "": "",
    "graphs": "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL --xla_gpu_graph_min_graph_size=2",
}
SHORT = 4.0  # minutes
CHECKS = 0.3  # of the time, at most
PROFILED = 2 * CHUNK  # steps: whole chunks, since those of a chunk that are left out run, too
SIDE_BY_SIDE = max(1, min(8, system.cores() // 2))  # processes
COLUMNS = (
    Column("shape", "shape", left=True),
    Column("precision", "precision", left=True),
    Column("flags", "flags", left=True),
    Column("members", "members"),
    Column("rate", "steps/s", spread),
    Column("ms", "ms", ".3f"),
    Column("floor", "floor", ".3f"),
    Column("tflops", "TFLOP/s", ".3g"),
    Column("of_peak", "of peak", lambda x: percent([x])),
    Column("kernels", "kernels", ".0f"),
    Column("waits", "waits", ".2f"),
    Column("launched", "launched", ".0f"),
    Column("to_host", "to host", ".2f"),
    Column("busy", "busy", lambda x: percent([x])),
    Column("T2", "T2 h", ",.1f"),
    Column("T3", "T3 h", ",.1f"),
    Column("compile", "compile", ".1f"),
    Column("memory", "memory", lambda x: f"{x / 2**20:.0f} MB"),
)


@dataclass(frozen=True)
class Scale:
    """How much of it is done."""

    algorithms: Sequence[str] = tuple(ALGORITHMS)  # whose agreement is looked at
    seconds: float = 0.5  # of a dispatch
    repeats: int = 3
    square: int = 8192  # of the products that give the peak
    steps: int = 100  # before and after a resume


class Budget:
    """Time that is left, and what no longer fitted."""

    def __init__(self, minutes: float) -> None:
        self.begin, self.end = time.monotonic(), time.monotonic() + 60 * minutes
        self.longest, self.left_out = 0.0, list[str]()

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def fits(self, title: str) -> bool:
        """Whether as much as the longest so far still fits; notes the title if not."""
        fits = self.left > self.longest
        self.left_out += [] if fits else [title]
        return fits

    def took(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)


def measure(case: Case, flags: str, top: float, scale: Scale) -> Row:
    """One row of the table, in a process that has these flags. top: GFLOP/s of the peak."""
    trainer = Trainer(case)
    trainer(scale.seconds)
    trainer(scale.seconds)  # the first was too short
    rate = [trainer(scale.seconds) for _ in range(scale.repeats)]
    middle, least = float(np.median(rate)), floor(case)
    row: Row = {"shape": case.shape.name, "precision": case.precision, "flags": flags, "members": case.members}
    row |= {"gflop": case.gflop, "rate": rate, "ms": 1e3 * case.members / middle, "peak_tflops": top / 1e3, **least}
    row |= {"floor": max(least["bytes_us"], least[f"{case.precision}_us"]) / 1e3, "compile": trainer.first}
    row |= {"tflops": case.gflop * middle / 1e3, "of_peak": case.gflop * middle / top}
    row |= {name: flop / (1e9 * case.gflop * middle) / 3600 for name, flop in PAPER_FLOP.items()}
    try:
        row |= seen(trainer, row["ms"])
    except Exception as error:  # a rate is worth keeping without the rest
        row["why"] = in_short(error)
    return row


def seen(trainer: Trainer, ms: float) -> Row:
    """What the compiled program tells, and the profiler where there is a GPU."""
    program = trainer.compiled()
    row, sizes = counts(trainer.learner, "offline", program), program.memory_analysis()
    row["memory"] = sizes.argument_size_in_bytes + sizes.temp_size_in_bytes if sizes else None
    trainer.dispatch(-trainer.at % CHUNK or CHUNK)
    if found := launched(lambda: trainer.dispatch(PROFILED), PROFILED):
        row |= {"launched": found.kernels, "copies": found.copies, "to_host": found.to_host}
        row["busy"] = 1e3 * found.seconds / ms
    return row


def apart(case: Case, flags: str, top: float, scale: Scale, seconds: float) -> Row:
    """The same in a process of its own that has the flags."""
    told = json.dumps({"case": asdict(case), "flags": flags, "top": top, "scale": asdict(scale)})
    return dict(child.ask("gpu", told, seconds=max(1.0, seconds), XLA_FLAGS=child.flags(FLAGS[flags])))


def in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:300]


def offered(case: Case) -> bool:
    try:
        return case.config is not None
    except UsageError:
        return False


def cases(kinds: Sequence[str]) -> Iterator[tuple[Case, str]]:
    """Cases with the name of their flags, the most telling first; the last lines are no part of four minutes."""
    ant, hopper, pen = PAPER
    make = partial(Case, ALGORITHM)
    first = sorted(kinds, key=lambda kind: kind != "tf32")
    yield from ((make(ant, members, first[0]), "") for members in (1, 5, 40))
    yield from ((make(ant, 1, kind), "") for kind in first[1:])
    yield make(ant, 1, first[0]), "graphs"
    more = ((ant, 5), (ant, 40), (hopper, 5), (hopper, 20))
    yield from ((make(*case, kind), "") for kind in first for case in more if kind != first[0] or case[0] != ant)
    rest = ((hopper, 1), (pen, 1), (pen, 5), (pen, 20))
    yield from ((make(*case, kind), "") for kind in first for case in rest)


def rates(todo: Sequence[tuple[Case, str]], scale: Scale, budget: Budget, out: Path) -> list[Row]:
    rows: list[Row] = []
    for case, flags in todo:
        title = f"{case}, {case.precision}{flags and f', {flags}'}"
        if not budget.fits(title):
            continue
        begin = time.monotonic()
        try:
            top = peak(case.precision, scale.square)
            row = apart(case, flags, top, scale, budget.left) if flags else measure(case, flags, top, scale)
            rows.append(row)
        except Exception as error:  # out of memory, an unknown flag: the others are still wanted
            print(f"  {title}: failed: {in_short(error)}", flush=True)
            continue
        finally:
            budget.took(time.monotonic() - begin)
        why = f" ({row['why']})" if "why" in row else ""
        print(f"  {title}: {spread(row['rate'])} steps/s, {row['of_peak']:.0%} of peak{why}", flush=True)
        write_csv(out / "gpu.csv", rows)
    return rows


def checks(case: Case, scale: Scale, budget: Budget, out: Path) -> None:
    """Agreement of each algorithm and resume, side by side: nothing is timed."""
    until, found = time.monotonic() + CHECKS * budget.left, list[Row]()
    with tempfile.TemporaryDirectory(prefix="pars-bench-") as name, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        jobs = {pool.submit(agree.resumes, case, scale.steps, Path(name) / "resume", until): "resume"}
        for algorithm in scale.algorithms:
            jobs[pool.submit(agree.agreement, algorithm, Path(name) / algorithm, until)] = f"agreement of {algorithm}"
        for job in as_completed(jobs):
            try:
                found += (rows := job.result())
            except subprocess.TimeoutExpired:
                budget.left_out.append(jobs[job])
                continue
            except Exception as error:
                found += (rows := [{"check": jobs[job], "found": f"failed: {in_short(error)}"}])
            print("\n".join(f"  {row['check']}: {row['found']}" for row in rows), flush=True)
            write_csv(out / "gpu-checks.csv", found)


def machine() -> Iterator[str]:
    devices = jax.devices()
    yield f"{len(devices)} x {devices[0].device_kind}, JAX {jax.__version__}, {system.cores()} cores"
    ask = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit", "--format=csv"]
    try:
        yield from subprocess.run(ask, capture_output=True, text=True, timeout=30).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        yield "nvidia-smi does not answer"


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help=f"the same as --minutes {SHORT:.0f}")
    parser.add_argument("--minutes", type=float, default=60.0, help="start no row that would end later")
    parser.add_argument("--dry", action="store_true", help="tiny networks, on any machine")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(args)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # leave room for the other processes
    if jax.default_backend() == "cpu" and not given.dry:
        print(f"no GPU that JAX can use here (make bench GPU=1 installs CUDA's); on one this would measure:\n{__doc__}")
        return
    budget = Budget(SHORT if given.short else given.minutes)
    print("\n".join(machine()), flush=True)
    kinds = [kind for kind in PRECISIONS if offered(Case(ALGORITHM, TINY, 1, kind))]
    if missing := set(PRECISIONS) - set(kinds):
        print(f"left out, as the algorithm has no such setting: {', '.join(sorted(missing))}")
    todo, resumed, scale = [*cases(kinds)], Case(ALGORITHM, PAPER[0], 5), Scale()
    if given.dry:
        resumed, scale = Case(ALGORITHM, TINY, 2), Scale(("bc",), 0.02, 1, 64, 5)
        todo = [(replace(resumed, precision=kind), "") for kind in kinds] + [(resumed, "graphs")]
    with tempfile.TemporaryDirectory(prefix="pars-bench-") as folder:
        os.environ["PARS_CACHE_DIR"] = folder  # programs are compiled once, and read once more
        system.setup(cache=True)
        checks(resumed, scale, budget, given.out)
        rows = rates(todo, scale, budget, given.out)
    print("\n".join(["", *lines(COLUMNS, rows)]))
    if budget.left_out:
        print(f"left out, as the time was over: {'; '.join(budget.left_out)}")
    print(f"written: {given.out}/gpu.csv, gpu-checks.csv ({time.monotonic() - budget.begin:.0f} s)")


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    system.setup(cache=True)
    print(json.dumps(measure(read_case(told["case"]), told["flags"], told["top"], Scale(**told["scale"]))))
