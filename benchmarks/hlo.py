"""How many kernels a compiled program launches, read from its optimised HLO."""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np

from benchmarks.case import Case
from pars.algos import find_algorithm
from pars.probes.flops import update

COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = .*?[\s)]([a-z][\w\-]*)\(")
CALLED = re.compile(r"(?:to_apply|body|condition|calls|true_computation|false_computation)=%?([\w.\-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "opt-barrier", "partition-id"}


def launches(case: Case) -> float:
    """Kernels of a gradient step, all members vmapped as on a GPU, averaged over their kinds. Drawing the batch
    and counting the steps are left out: a few more."""
    algo, cfg = find_algorithm(case.algorithm), case.config
    function, args, kinds = update(algo, cfg, case.shape.obs, case.shape.action)
    if case.members > 1:
        wide = [jax.ShapeDtypeStruct((case.members, *leaf.shape), leaf.dtype) for leaf in jax.tree.leaves(args)]
        args = jax.tree.unflatten(jax.tree.structure(args), wide)
    found = 0.0
    for number, share in kinds.items():

        def step(*rest: Any, number: int = number) -> Any:
            one = lambda *own: function(np.int32(number), *own)  # noqa: E731
            return (jax.vmap(one) if case.members > 1 else one)(*rest)

        found += share * kernels(jax.jit(step).lower(*args).compile().as_text() or "")
    return found


def kernels(text: str) -> int:
    """Instructions of an HLO module that run as a kernel, a library call or a copy: a fusion is one, the body of a loop
    counts as often as it runs (once, if the compiler does not know), of branches the longest."""
    computations: dict[str, list[tuple[str, str]]] = {}
    own: list[tuple[str, str]] = []
    entry = ""
    for line in text.splitlines():
        if head := COMPUTATION.match(line):
            own = computations[head[2]] = []
            entry = head[2] if head[1] else entry
        elif instruction := INSTRUCTION.match(line):
            own.append((instruction[1], line))
    known: dict[str, int] = {}

    def total(name: str) -> int:
        if name not in known:
            known[name] = sum(cost(*instruction) for instruction in computations[name])
        return known[name]

    def cost(opcode: str, line: str) -> int:
        if opcode in FREE or opcode.endswith("-done"):
            return 0
        inner = CALLED.findall(line)
        if opcode == "conditional":
            branches = BRANCHES.search(line)
            return max(map(total, branches[1].replace("%", "").split(", ") if branches else inner))
        if opcode == "while":
            trips = TRIPS.search(line)
            return (int(trips[1]) if trips else 1) * sum(map(total, inner))
        return sum(map(total, inner)) if opcode == "call" else 1

    return total(entry)
