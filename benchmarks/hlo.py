"""Kernels, waits and bytes of a gradient step, read from a compiled program; beside what an H100 needs at least.

kernels    fusions, library calls and copies of a step on average: a GPU launches each of them
waits      loops of a length that only the program finds out, and branches: a GPU's host copies the predicate and waits
MB/step    bytes that XLA counts for the step, and the least: the state read and written once, and the batch read
us         the least time on an H100, for the least bytes and for the FLOP in each precision
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any, NamedTuple

import jax

from benchmarks.case import Case
from benchmarks.table import Column, Row
from pars.algos import find_algorithm
from pars.core import ONLINE
from pars.nn.spread import in_turn
from pars.probes.flops import update
from pars.training.block import chunk_length
from pars.training.learner import Learner

PEAK = {"float32": 67e12, "tf32": 495e12, "bfloat16": 990e12}  # FLOP/s of an H100 SXM, dense
BANDWIDTH = 3.35e12  # bytes/s of its memory

COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = .*?[\s)]([a-z][\w\-]*)\(")
CALLED = re.compile(r"(?:to_apply|body|condition|calls|true_computation|false_computation)=%?([\w.\-]+)")
BODY = re.compile(r"body=%?([\w.\-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "opt-barrier", "partition-id"}
COLUMNS = (
    Column("case", "case", left=True),
    Column("kernels", "kernels", ".0f"),
    Column("waits", "waits", ".2f"),
    Column("moved", "MB/step", ".1f"),
    Column("least", "least", ".1f"),
    Column("bytes_us", "us: bytes", ".1f"),
    *(Column(f"{kind}_us", kind, ".1f") for kind in PEAK),
)


class Counts(NamedTuple):
    """Of one run of a computation."""

    kernels: float = 0.0
    waits: float = 0.0

    def __add__(self, other: Any) -> Counts:
        return Counts(self.kernels + other.kernels, self.waits + other.waits)

    def times(self, often: float) -> Counts:
        return Counts(often * self.kernels, often * self.waits)


class Module:
    """An optimised HLO module. A fusion is one kernel, of branches the longest counts.

    Args:
        often: how often the body of a loop of unknown length runs: what happens in every `delay`-th step is one.
    """

    def __init__(self, text: str, often: float = 1.0) -> None:
        self.often, self.entry = often, ""
        self.computations: dict[str, list[tuple[str, str]]] = {}
        own: list[tuple[str, str]] = []
        for line in text.splitlines():
            if head := COMPUTATION.match(line):
                own = self.computations[head[2]] = []
                self.entry = head[2] if head[1] else self.entry
            elif instruction := INSTRUCTION.match(line):
                own.append((instruction[1], line))
        self.total = cache(self._total)

    def _total(self, name: str) -> Counts:
        return sum((self._cost(*instruction) for instruction in self.computations[name]), Counts())

    def _cost(self, opcode: str, line: str) -> Counts:
        if opcode in FREE or opcode.endswith("-done"):
            return Counts()
        inner = CALLED.findall(line)
        if opcode == "conditional":
            branches = BRANCHES.search(line)
            return Counts(0, 1) + max(map(self.total, branches[1].replace("%", "").split(", ") if branches else inner))
        if opcode == "while":
            body, known = sum(map(self.total, inner), Counts()), TRIPS.search(line)
            if known and "f32[" not in line.partition(" while(")[0]:
                return Counts(1)  # random bits, which a GPU has without a loop
            return body.times(int(known[1])) if known else body.times(self.often) + Counts(0, 1 + self.often)
        return sum(map(self.total, inner), Counts()) if opcode == "call" else Counts(1)

    def step(self, steps: int = 1) -> Counts:
        """Of a gradient step: a turn of the longest loop of unknown length, which has so many steps."""
        bodies = [BODY.search(line)[1] for line in self._loops(self.entry) if not TRIPS.search(line)]  # type: ignore[index]
        if not bodies:
            return self.total(self.entry).times(1 / steps)
        return (self.total(max(bodies, key=self.total)) + Counts(0, 1)).times(1 / steps)

    def _loops(self, name: str) -> list[str]:
        """The loops of a computation, not those within others."""
        found = []
        for opcode, line in self.computations[name]:
            if opcode == "while":
                found.append(line)
            elif opcode == "call":
                found += [loop for inner in CALLED.findall(line) for loop in self._loops(inner)]
        return found


def counts(learner: Learner, phase: str, compiled: Any) -> Row:
    """Of a population's block of gradient steps. XLA counts the bytes of a loop's body once: about those of one cycle
    of delayed updates."""
    cfg, delays = learner.configs[0], learner.program.delays(phase)
    steps = 1 if in_turn() else chunk_length(cfg, delays, phase == ONLINE)
    found = Module(compiled.as_text() or "", 1 / math.lcm(*delays)).step(steps)
    cost = compiled.cost_analysis() or {}
    moved = (cost[0] if isinstance(cost, list) else cost).get("bytes accessed", math.nan)
    cycle = 1 if in_turn() else math.lcm(*delays)
    return {"kernels": found.kernels, "waits": found.waits, "moved": moved / 1e6 / cycle}


def floor(case: Case) -> Row:
    """What a step of all members needs at least on an H100: MB, and us for bytes and for FLOP."""
    state, batch, _ = update(find_algorithm(case.algorithm), case.config, case.shape.obs, case.shape.action).args
    size = [sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)) for tree in (state, batch)]
    least, flop = case.members * (2 * size[0] + size[1]), 1e9 * case.members * case.gflop
    times = {f"{kind}_us": 1e6 * flop / peak for kind, peak in PEAK.items()}
    return {"least": least / 1e6, "bytes_us": 1e6 * least / BANDWIDTH, **times}
