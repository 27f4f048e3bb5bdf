"""A policy as a list of operations on rows of numbers: what it is loaded as, and what all its files are written from.

Every value is a row of numbers for each observation, [N, n], whatever shape it had in the network; numbers alone move
by `take`. So a few kinds of operations are enough for every method, and each is a line of NumPy, ONNX or C.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from pars.errors import CheckpointError

Array = np.ndarray
INPUT = "obs"

# Kinds that NumPy has under the same name, one number at a time; operands have one size, or 1.
ELEMENTWISE = {
    *(
        "add",
        "subtract",
        "multiply",
        "divide",
        "maximum",
        "minimum",
        "power",
        "negative",
        "abs",
        "sign",
        "floor",
        "trunc",
        "fmod",
    ),
    *("exp", "log", "log1p", "tanh", "sqrt", "sin", "cos"),
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or"),
    *("logical_not", "where"),
}
# erf, erfc: NumPy has them not. take: the numbers at an index. join: operands behind one another. dense: parts of a row
# times a matrix [K, M]. sum, max, min: of as many neighbours as give the size. round16: to bfloat16's 8 bits.
KINDS = ELEMENTWISE | {"erf", "erfc", "take", "join", "dense", "sum", "max", "min", "round16"}


class Op(NamedTuple):
    kind: str
    args: tuple[str, ...]  # names of values: INPUT, constants, results of operations before
    out: str
    size: int  # numbers of the result


@dataclass(frozen=True, eq=False)
class Program:
    """Rows [N, inputs] -> rows [N, size of the result], float32."""

    inputs: int
    constants: Mapping[str, Array]  # [n] float32, bool, or int32 of an index; [K, M] of `dense`
    ops: tuple[Op, ...]
    result: str

    def __call__(self, obs: Array, xp: Any = np) -> Array:
        """obs [N, inputs] float32. xp: numpy, or what calls things as it does."""
        values: dict[str, Any] = {**self.constants, INPUT: obs}
        with np.errstate(all="ignore"):  # a diverged policy acts too
            for op in self.ops:
                values[op.out] = apply(op, [values[name] for name in op.args], xp)
        return values[self.result]

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of every value; a matrix counts as its own."""
        own = {name: constant.size for name, constant in self.constants.items()}
        return {INPUT: self.inputs, **own, **{op.out: op.size for op in self.ops}}

    def listed(self) -> dict[str, Any]:
        """All but the constants, as plain JSON."""
        ops = [[op.kind, list(op.args), op.out, op.size] for op in self.ops]
        return {"inputs": self.inputs, "ops": ops, "result": self.result}


def apply(op: Op, args: list[Any], xp: Any) -> Any:
    """One operation."""
    x = args[0]
    if op.kind in ELEMENTWISE:
        return getattr(xp, op.kind)(*args)
    if op.kind == "take":
        return x[:, args[1]]
    if op.kind == "join":
        return xp.concatenate(args, axis=1)
    if op.kind == "dense":
        return xp.matmul(x.reshape(-1, args[1].shape[0]), args[1]).reshape(x.shape[0], op.size)
    if op.kind in ("erf", "erfc"):
        special = importlib.import_module("scipy.special" if xp is np else "jax.scipy.special")
        return getattr(special, op.kind)(x)
    if op.kind == "round16":
        return round16(x) if xp is np else x.astype("bfloat16").astype("float32")
    return getattr(xp, op.kind)(x.reshape(x.shape[0], op.size, -1), axis=2)


def round16(x: Array) -> Array:
    """float32 rounded to bfloat16, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    even = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.where(np.isnan(x), x, (even & np.uint32(0xFFFF0000)).view(np.float32))


def simplified(program: Program) -> Program:
    """Without choices that are always the same, zeros that are added, moves of nothing, and what nobody reads."""
    same: dict[str, str] = {}
    zero = {name for name, value in program.constants.items() if not value.any()}
    ops = []
    for op in program.ops:
        op = op._replace(args=tuple(same.get(name, name) for name in op.args))
        if op.kind == "multiply" and zero & {*op.args}:  # the spread of a policy that does not explore
            zero.add(op.out)
        if (stands_for := _alias(op, program, zero)) is None:
            ops.append(op)
        else:
            same[op.out] = stands_for
    result = same.get(program.result, program.result)
    kept, needed = [], {result}
    for op in reversed(ops):
        if op.out in needed:
            kept.append(op)
            needed |= {*op.args}
    constants = {name: value for name, value in program.constants.items() if name in needed}
    return replace(program, ops=tuple(reversed(kept)), constants=constants, result=result)


def _alias(op: Op, program: Program, zero: set[str]) -> str | None:
    """The value that the result of an operation is the same as, if there is one."""
    known = program.constants.get(op.args[0] if op.kind == "where" else op.args[-1])
    if op.kind == "where" and known is not None and known.all() == known.any():
        chosen = op.args[1 if known.all() else 2]
        return chosen if program.sizes[chosen] == op.size else None
    if op.kind == "add" and zero & {*op.args}:
        other = op.args[0] if op.args[1] in zero else op.args[1]
        return other if other not in program.constants and program.sizes[other] == op.size else None
    if op.kind == "take" and known is not None and np.array_equal(known, np.arange(program.sizes[op.args[0]])):
        return op.args[0]
    return op.args[0] if op.kind == "join" and len(op.args) == 1 else None


def from_listed(listed: Any, constants: Mapping[str, Array]) -> Program:
    """What `Program.listed` gave. Raises CheckpointError unless every operation is known and fits its operands."""
    try:
        ops = tuple(
            Op(str(kind), tuple(map(str, args)), str(out), int(size)) for kind, args, out, size in listed["ops"]
        )
        program = Program(int(listed["inputs"]), constants, ops, str(listed["result"]))
        known, sizes = {INPUT, *constants}, program.sizes
        for op in ops:
            if op.kind not in KINDS or not set(op.args) <= known or op.out in known or not _fits(op, constants, sizes):
                raise ValueError(f"operation {op.kind!r} to {op.out!r}")
            known.add(op.out)
        if program.result not in {op.out for op in ops}:
            raise ValueError(f"result {program.result!r}")
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise CheckpointError(f"the policy's operations do not fit together: {error}") from None
    return program


def _fits(op: Op, constants: Mapping[str, Array], sizes: Mapping[str, int]) -> bool:
    """Whether an operation's operands have sizes that go together."""
    given = [sizes[name] for name in op.args]
    if op.kind in ELEMENTWISE:
        return op.size == max(given) and {*given} <= {1, op.size}
    if op.kind == "take":
        index = constants[op.args[1]]
        return len(index) == op.size and index.dtype == np.int32 and index.min() >= 0 and index.max() < given[0]
    if op.kind == "join":
        return sum(given) == op.size
    if op.kind == "dense":
        inner, outer = constants[op.args[1]].shape
        return given[0] % inner == 0 and given[0] // inner * outer == op.size
    return given[0] == op.size if op.kind in ("erf", "erfc", "round16") else given[0] % op.size == 0
