"""The table of a GPU: precisions, populations, kernels, hours for the paper's tables, exact resume.

    make bench GPU=1, or python -m benchmarks gpu [--repeats 3] [--out runs/bench] [--dry]

members    1, 5 and 25 of PARS at the paper's shapes: members are vmapped, and almost free until the GPU is full
precision  float32, TF32 and bfloat16 operands, as far as the algorithm has the setting
kernels    that a gradient step launches, from its compiled program (benchmarks/hlo.py)
of peak    FLOP by formula x steps/s, as a share of large square products in the same precision, measured in each repeat
T2, T3     hours for Tables 2 and 3 of the paper at this rate, without evaluations: 6.5e17 and 2.7e18 FLOP
memory     the most that the GPU held in a second process that trains this case alone (float32)
resume     trained at once and in two halves with a checkpoint between, in a process with deterministic kernels:
           the states must be equal bit for bit

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
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.case import TOTAL, Case, Trainer, alone, read
from benchmarks.flops import PAPER, Shape
from benchmarks.hlo import launches
from benchmarks.table import FOLDER, Column, Row, lines, percent, spread, write_csv, write_png
from pars import system
from pars.errors import UsageError
from pars.report.charts.plot import COLORS, DASHES, figure, plain_log, style
from pars.training import checkpoint

ALGORITHM = "pars"
PRECISIONS = ("float32", "tf32", "bfloat16")
MEMBERS = (1, 5, 25)
PAPER_FLOP = {"T2": 6.5e17, "T3": 2.7e18}
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
TINY = Shape("dry 3/2, N=2", 3, 2, 2, batch=8, width=8, layers=2)
COLUMNS = (
    Column("shape", "shape", left=True),
    Column("precision", "precision", left=True),
    Column("members", "members"),
    Column("gflop", "GFLOP/step", ".3f"),
    Column("kernels", "kernels", ".0f"),
    Column("rate", "steps/s", spread),
    Column("ms", "ms", lambda x: f"{np.median(x):.3f}"),
    Column("tflops", "TFLOP/s", lambda x: f"{np.median(x):.3g}"),
    Column("of_peak", "of peak", percent),
    Column("T2", "T2 h", ",.1f"),
    Column("T3", "T3 h", ",.1f"),
    Column("compile", "compile", ".1f"),
    Column("memory", "memory", lambda x: f"{x / 2**20:.0f} MB"),
)


class Peak:
    """Measures GFLOP/s of large square products in one precision; bfloat16 operands are summed in float32."""

    def __init__(self, precision: str, size: int, turns: int = 20) -> None:
        x = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0].astype(np.float32)
        kind = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
        # by itself XLA takes TF32 for float32 operands on a GPU
        exact = {"float32": "highest", "tf32": "high", "bfloat16": None}[precision]
        dot = partial(jnp.matmul, precision=exact, preferred_element_type=jnp.float32)
        self.x, self.flop = jnp.asarray(x, kind), 2.0 * size**3 * turns
        self.run = jax.jit(lambda x: jax.lax.fori_loop(0, turns, lambda _, y: dot(x, y).astype(kind), x))
        self.run(self.x).block_until_ready()

    def __call__(self, seconds: float) -> float:
        calls, begin = 0, time.perf_counter()
        while not calls or time.perf_counter() - begin < seconds:
            self.run(self.x).block_until_ready()
            calls += 1
        return calls * self.flop / (time.perf_counter() - begin) / 1e9


def measure(case: Case, peak: Peak, repeats: int, seconds: float, cache: Path | None) -> Row:
    """One row of the table; `cache`: where programs are kept compiled, for the memory of a second process."""
    trainer = Trainer(case)
    trainer(seconds)
    trainer(seconds)  # the first was too short
    pairs = [(peak(seconds / 2), trainer(seconds)) for _ in range(repeats)]
    rate = [own for _, own in pairs]
    speed = 1e9 * case.gflop * float(np.median(rate))
    row: Row = {
        "shape": case.shape.name,
        "precision": case.precision,
        "members": case.members,
        "gflop": case.gflop,
        "kernels": launches(case),
        "rate": rate,
        "ms": [1e3 * case.members / value for value in rate],
        "tflops": [case.gflop * value / 1e3 for value in rate],
        "peak": [top / 1e3 for top, _ in pairs],
        "of_peak": [case.gflop * own / top for top, own in pairs],
        "compile": trainer.first,
        **{name: flop / speed / 3600 for name, flop in PAPER_FLOP.items()},
    }
    del trainer
    if cache and case.precision == "float32":
        row["memory"] = alone(case, cache).peak
    return row


def differences(case: Case, steps: int) -> list[str]:
    """Names of the arrays that differ between `2 steps` at once and two halves with a checkpoint between."""
    whole, first = Trainer(case), Trainer(case)
    whole.learner.run(1, 2 * steps - 1, TOTAL)
    first.learner.run(1, steps - 1, TOTAL)
    with tempfile.TemporaryDirectory(prefix="pars-bench-") as folder:
        position = checkpoint.Position(0, "offline", steps)
        saved = checkpoint.save(Path(folder), position, first.learner.tree("offline", 0), {})
        ended = whole.learner.tree("offline", 0)
        whole.learner.restore("offline", saved.restore)
    whole.learner.run(steps, steps, TOTAL)
    a, b = checkpoint.flatten(ended), checkpoint.flatten(whole.learner.tree("offline", 0))
    return [name for name in a if not np.array_equal(a[name], b[name], equal_nan=True)]


def resume(case: Case, steps: int) -> str:
    """What `differences` finds in a process of its own with deterministic kernels, in words."""
    environment = os.environ | {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()}
    line = [sys.executable, "-m", "benchmarks.gpu", json.dumps(asdict(case)), str(steps)]
    done = subprocess.run(line, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    wrong = json.loads(done.stdout.splitlines()[-1])
    told = f"resume {case.shape.name}, {case.members} members, {2 * steps} steps with {DETERMINISTIC}: "
    return told + (f"{len(wrong)} arrays differ, first {wrong[0]}" if wrong else "equal bit for bit")


def picture(path: Path, rows: Sequence[Row]) -> None:
    """Steps per second of all members against their number, a line for each shape and precision."""
    with style():
        fig = figure((6.2, 3.6))
        axes = fig.subplots()
        shapes = list(dict.fromkeys(row["shape"] for row in rows))
        for shape, kind in dict.fromkeys((row["shape"], row["precision"]) for row in rows):
            own = [row for row in rows if (row["shape"], row["precision"]) == (shape, kind)]
            look = {"color": COLORS[shapes.index(shape)], "linestyle": DASHES[PRECISIONS.index(kind)]}
            members, rate = [row["members"] for row in own], [float(np.median(row["rate"])) for row in own]
            axes.plot(members, rate, marker="o", label=f"{shape}, {kind}", **look)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(
            sorted({row["members"] for row in rows}), sorted({str(row["members"]) for row in rows}, key=int)
        )
        axes.minorticks_off()
        plain_log(axes.yaxis)
        axes.set_xlabel("members")
        axes.set_ylabel("steps/s, all members")
        fig.legend(loc="outside right center", handlelength=3.2)
        write_png(path, fig)


def offered(case: Case) -> bool:
    try:
        return case.config is not None
    except UsageError:
        return False


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="tiny networks, on any machine")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(args)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # leave room for the second processes
    if jax.default_backend() == "cpu" and not given.dry:
        print(f"no GPU that JAX can use here (make bench GPU=1 installs CUDA's); on one this would measure:\n{__doc__}")
        return
    shapes, seconds, size = ((TINY,), 0.02, 64) if given.dry else (PAPER, 0.5, 8192)
    members = (2,) if given.dry else MEMBERS
    kinds = [kind for kind in PRECISIONS if offered(Case(ALGORITHM, shapes[0], 1, kind))]
    if missing := set(PRECISIONS) - set(kinds):
        print(f"left out, as the algorithm has no such setting: {', '.join(sorted(missing))}")
    print(f"{len(jax.devices())} x {jax.devices()[0].device_kind}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="pars-bench-") as folder:
        cache = None if given.dry else Path(folder)
        if cache:
            os.environ["PARS_CACHE_DIR"] = folder
            system.setup(cache=True)
        for kind in kinds:
            peak = Peak(kind, size)
            for case in (Case(ALGORITHM, shape, count, kind) for shape in shapes for count in members):
                rows.append(measure(case, peak, given.repeats, seconds, cache))
                print(f"  {case}, {kind}: {spread(rows[-1]['rate'])} steps/s", flush=True)
    print("\n".join(["", *lines(COLUMNS, rows)]))
    print(resume(Case(ALGORITHM, shapes[0], 2 if given.dry else 5), 5 if given.dry else 100))
    write_csv(given.out / "gpu.csv", rows)
    picture(given.out / "gpu.png", rows)
    print(f"written: {given.out}/gpu.csv, gpu.png")


if __name__ == "__main__":
    system.setup()
    print(json.dumps(differences(read(json.loads(sys.argv[1])), int(sys.argv[2]))))
