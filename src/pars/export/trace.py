"""From `Algorithm.act` to a Program: JAX says what a policy does with an observation, and each step becomes an
operation on rows. What does not depend on observations is worked out once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from pars.export.program import INPUT, Op, Program, simplified
from pars.export.steps import STEPS, Place, Unwritten
from pars.nn.spread import as_written, trace_once
from pars.nn.walk import aval, walk
from pars.system import processors
from pars.units import ActionRange

INLINED = {
    *("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"),
}
TYPES = {"float32", "bfloat16", "bool", "int32"}  # whole numbers, which say where others are, are kept as float32
NOT_WHOLE = {"div", "and", "or", "not", "integer_pow", "pow"}  # of whole numbers something else
Act = Callable[[list[Any], Any], Any]
Fetch = Callable[[int], np.ndarray]


def trace(
    act: Act, shapes: Sequence[Any], fetch: Fetch, inputs: int, scale: ActionRange, limits: ActionRange
) -> Program:
    """`act(leaves, obs [inputs]) -> action [A] in [-1, 1]` as a Program that gives actions in units.

    Raises Unwritten if it takes a step that has no operation.

    Args:
        shapes: of the leaves.
        fetch: number of a leaf -> its array; called for those that `act` reads.
        scale: what [-1, 1] stands for in units.
        limits: in units, which no action leaves.
    """
    low, high = (np.asarray(x, np.float64) for x in (scale.low, scale.high))

    def in_units(leaves: list[Any], obs: Any) -> Any:
        action = jnp.clip(act(leaves, obs).reshape(-1).astype(jnp.float32), -1.0, 1.0)
        middle, half = (np.asarray(x, np.float32) for x in ((low + high) / 2, (high - low) / 2))
        return jnp.clip(middle + half * action, inward(limits.low, 1), inward(limits.high, -1))

    token = as_written.set(True)
    try:
        with jax.default_device(processors()[0]):
            traced = jax.make_jaxpr(in_units)(list(shapes), jax.ShapeDtypeStruct((inputs,), np.float32))
            read = {variable for equation in traced.jaxpr.eqns for variable in map(id, equation.invars)}
            some = [id(variable) in read for variable in traced.jaxpr.invars[:-1]]
            tape = Tape(traced)
            record = trace_once(tape.record, [x if one else None for x, one in zip(shapes, some)])[0]
            known = jax.jit(record)([fetch(i) if one else None for i, one in enumerate(some)])
    finally:
        as_written.reset(token)
    constants = {f"c{i}": np.asarray(x) for i, x in enumerate(known)} | tape.tables
    return simplified(Program(inputs, constants, tuple(tape.ops), tape.result))


def inward(bounds: Any, sign: int) -> np.ndarray:
    """Bounds as float32, rounded towards the inside: 0.1 is none, and what lies beside it may lie outside."""
    near = np.asarray(bounds, np.float32)
    outside = sign * near.astype(np.float64) < sign * np.asarray(bounds, np.float64)
    return np.where(outside, np.nextafter(near, np.float32(sign * np.inf)), near)


class Tape:
    """The operations of a traced program (leaves, obs) -> action, in their order."""

    def __init__(self, program: ClosedJaxpr) -> None:
        self.program = program
        self.ops: list[Op] = []
        self.tables: dict[str, np.ndarray] = {}  # indices
        self._known: list[Any] = []

    def record(self, leaves: list[Any]) -> list[Any]:
        """Note the operations. -> the constants that they need, as functions of the leaves"""
        inner = self.program.jaxpr
        (action,) = self._walk(inner, self.program.consts, [*leaves, Place(INPUT)])
        self.result = str(self.rows(action, aval(inner.outvars[0]).shape[0]))
        known, self._known = self._known, []
        return known

    def _walk(self, program: Jaxpr, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
        return walk(program, consts, args, self._apply, np.asarray)

    def _apply(self, equation: JaxprEqn, given: list[Any]) -> Sequence[Any]:
        name, params = equation.primitive.name, equation.params
        if name == "scan":
            return self._unrolled(params, given)
        if name in INLINED:
            inner = next(x for x in params.values() if isinstance(x, ClosedJaxpr))
            return self._walk(inner.jaxpr, inner.consts, given)
        if not any(isinstance(x, Place) for x in given):
            return self._known_results(equation, given)
        takes, gives = [*map(aval, equation.invars)], [*map(aval, equation.outvars)]
        self.primitive = equation.primitive
        self.takes = [x.shape for x in takes]
        self.kind = takes[0].dtype.name
        self.shape, self.size = gives[0].shape, math.prod(gives[0].shape)
        self.gives = gives[0].dtype.name
        whole = "int32" in {x.dtype.name for x in takes}
        if name not in STEPS or {x.dtype.name for x in gives} - TYPES or (whole and name in NOT_WHOLE):
            raise Unwritten(f"its policy takes a step ({name}) that is not among those which can be written to files")
        found = STEPS[name](self, params, *given)
        return found if isinstance(found, list) else [found]

    def _known_results(self, equation: JaxprEqn, given: list[Any]) -> Sequence[Any]:
        """Of what does not depend on the observation. Indices are worked out at once: they say where numbers move."""
        whole = all(aval(x).dtype in (np.int32, np.bool_) for x in equation.outvars)
        at_once = whole and not any(isinstance(x, jax.core.Tracer) for x in given)
        with jax.ensure_compile_time_eval() if at_once else nullcontext():
            results = equation.primitive.bind(*given, **equation.params)
        return results if equation.primitive.multiple_results else [results]

    def _unrolled(self, params: Any, given: list[Any]) -> list[Any]:
        """A loop over slices, one after another."""
        body, consts, carried = params["jaxpr"], params["num_consts"], params["num_carry"]
        fixed, carry, rows = given[:consts], given[consts : consts + carried], given[consts + carried :]
        order = [*range(params["length"])][:: -1 if params["reverse"] else 1]
        stacked: dict[int, list[Any]] = {}
        widths = [math.prod(x.shape) for x in body.in_avals[consts + carried :]]
        for i in order:
            slices = [self._part(x, i * n, n) if isinstance(x, Place) else x[i] for x, n in zip(rows, widths)]
            results = self._walk(body.jaxpr, body.consts, [*fixed, *carry, *slices])
            carry, stacked[i] = results[:carried], results[carried:]
        columns = [[stacked[i][k] for i in sorted(stacked)] for k in range(len(body.out_avals) - carried)]
        shapes = [math.prod(x.shape) for x in body.out_avals[carried:]]
        return [*carry, *(self._stack(column, n) for column, n in zip(columns, shapes))]

    def _stack(self, column: list[Any], size: int) -> Any:
        if not any(isinstance(x, Place) for x in column):
            return jnp.stack(column)
        return self.note("join", [self.rows(x, size) for x in column], size * len(column))

    def note(self, kind: str, args: Sequence[Any], size: int) -> Place:
        """One more operation, on places and on known values."""
        names = tuple(x if isinstance(x, Place) else self.keep(x) for x in args)
        self.ops.append(Op(kind, names, f"v{len(self.ops)}", size))
        return Place(self.ops[-1].out)

    def keep(self, value: Any) -> Place:
        """The name of a known value. Only matrices keep their shape."""
        self._known.append(value if value.dtype == bool else jnp.asarray(value, jnp.float32))
        return Place(f"c{len(self._known) - 1}")

    def take(self, x: Any, index: Any) -> Place:
        """The numbers of x at an index of any shape."""
        name = Place(f"i{len(self.tables)}")
        self.tables[name] = np.asarray(index, np.int32).reshape(-1)
        return self.note("take", [x, name], self.tables[name].size)

    def _part(self, x: Any, start: int, size: int) -> Place:
        return self.take(x, np.arange(start, start + size))

    def rows(self, x: Any, size: int) -> Place:
        """A value of so many numbers as one that depends on the observation, which it may not do."""
        if isinstance(x, Place):
            return x
        known = x.reshape(-1)
        some = self.take(Place(INPUT), np.zeros(size))
        return self.note("where", [self.note("equal", [some, some], size), known, known], size)  # NaN or not

    def operand(self, i: int, x: Any) -> Any:
        """Operand i of a step that goes number by number: as many as the step gives, or one."""
        shape, whole = self.takes[i], self.shape
        if shape in (whole, ()) or math.prod(shape) == 1:
            return x if isinstance(x, Place) else x.reshape(-1)
        if isinstance(x, Place):
            return self.take(x, np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), whole))
        return jnp.broadcast_to(x, whole).reshape(-1)
