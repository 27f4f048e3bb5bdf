"""Policies as NumPy calls: for the few rows of an evaluation a compiled program takes longer to call than to run.

A policy is traced as ever. What of it does not depend on observations is worked out once, by JAX; the rest becomes a
list of NumPy calls. Where that list cannot be made, `translate` gives None and the compiled program acts.

BLAS rounds a row among few rows otherwise than among many. So rows are multiplied ROWS at a time, always, and an action
depends on its own observation alone; `translate` makes sure of it on the processor at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from pars.nn.spread import trace_once
from pars.nn.walk import aval, walk
from pars.system import processors

ROWS = 4  # of a product: what BLAS's innermost loops take at once, whatever the processor
IN_THREAD = 2**18  # multiplications of a product; more OpenBLAS shares out to threads that the physics would wait for

Array = np.ndarray
Run = Callable[[Sequence[Array], Any], Array]  # (what is known [P, ..], obs [P, .., O]) -> action [P, .., A]


class Untranslated(Exception):
    """The program has something that NumPy is not asked to do."""


class Place(int):
    """Which of a run's values: one that depends on observations."""


class Call(NamedTuple):
    """One step of a run. Its values are [P, blocks, *shape], with `shape` that of ROWS rows in the traced program."""

    function: Callable[..., Array]
    args: list[int]  # places


def translate(
    act: Callable[[Any, Any], Any], leaves: list[Any], obs: Any, members: int
) -> tuple[Callable[[list[Any]], list[Array]], Run] | None:
    """Two functions that together are `act(leaves, obs)` of so many members, or None where NumPy cannot do it.

    The first works out what is known without observations, from leaves [P, ..]; the second runs on that.

    Args:
        leaves, obs: shapes, of one member and of one row.
    """
    rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct((ROWS, *x.shape), x.dtype), obs)
    tape = Tape(jax.make_jaxpr(act)(leaves, rows))
    try:
        record = trace_once(tape.record, leaves)[0]
    except Untranslated:
        return None
    known = jax.jit(jax.vmap(record))
    prepare = lambda leaves: [np.asarray(x) for x in known(leaves)]  # noqa: E731
    rng = np.random.default_rng(0)
    some = [(0.1 * rng.normal(size=(members, *x.shape))).astype(x.dtype) for x in leaves]
    with jax.default_device(processors()[0]):
        return (prepare, tape.run) if _rows_alone(tape.run, prepare(some), obs) else None


def _rows_alone(run: Run, known: list[Array], obs: Any) -> bool:
    """Whether an action is the same to the last bit wherever its row stands and however many there are."""
    rng, count, members = np.random.default_rng(0), 3 * ROWS, len(known[0])
    seen = jax.tree.map(lambda x: rng.normal(size=(members, count, *x.shape)).astype(np.float32), obs)
    pick = lambda rows: run(known, jax.tree.map(lambda x: x[:, rows], seen))  # noqa: E731
    action, order = run(known, seen), rng.permutation(count)
    alone = np.concatenate([pick(slice(i, i + 1)) for i in range(count)], axis=1)
    return bool(np.array_equal(pick(order), action[:, order]) and np.array_equal(alone, action))


class Tape:
    """The NumPy calls of a program (leaves, obs of ROWS rows) -> action, in their order."""

    def __init__(self, program: ClosedJaxpr) -> None:
        self.program = program
        self.calls: list[Call] = []
        self._known: list[Any] = []

    def record(self, leaves: list[Any]) -> list[Any]:
        """Note the calls. -> what they need to know beside the observations"""
        inner = self.program.jaxpr
        self.inputs = len(inner.invars) - len(leaves)
        (self.result,) = self._walk(inner, self.program.consts, [*leaves, *map(Place, range(self.inputs))])
        if not isinstance(self.result, Place):
            raise Untranslated
        known, self._known, self.count = self._known, [], len(self._known)
        return known

    def run(self, known: Sequence[Array], obs: Any) -> Array:
        """See `Run`."""
        inputs = [obs] if isinstance(obs, np.ndarray) else jax.tree.leaves(obs)
        members, *lead = inputs[0].shape[:-1]
        count = math.prod(lead)
        blocks = -(-count // ROWS)
        values = [*known]
        for x in inputs:
            padded = np.zeros((members, blocks, ROWS, x.shape[-1]), np.float32)
            padded.reshape(members, blocks * ROWS, -1)[:, :count] = x.reshape(members, count, -1)
            values.append(padded)
        with np.errstate(all="ignore"):  # a diverged policy acts too
            for function, args in self._placed:
                values.append(function(*args(values)))
        action = values[len(known) + self.result]
        return action.reshape(members, blocks * ROWS, -1)[:, :count].reshape(*inputs[0].shape[:-1], -1)

    @cached_property
    def _placed(self) -> list[tuple[Callable[..., Array], Callable[[list[Array]], Sequence[Array]]]]:
        """The calls with what picks their arguments: from what is known, then the inputs, then the results so far."""
        return [(call.function, itemgetter(*self._at(call.args))) for call in self.calls]

    def _at(self, args: list[int]) -> list[Any]:
        places = [~i if i < 0 else self.count + i for i in args]
        return places if len(places) > 1 else [slice(places[0], places[0] + 1)]  # which gives a list of one

    def _walk(self, program: Jaxpr, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
        return walk(program, consts, args, self._apply, jnp.asarray)

    def _apply(self, equation: JaxprEqn, given: list[Any]) -> Sequence[Any]:
        name, params = equation.primitive.name, equation.params
        if name in INLINED:
            inner = next(x for x in params.values() if isinstance(x, ClosedJaxpr))
            return self._walk(inner.jaxpr, inner.consts, given)
        if not any(isinstance(x, Place) for x in given):
            results = equation.primitive.bind(*given, **params)
            return results if equation.primitive.multiple_results else [results]
        takes, gives = [*map(aval, equation.invars)], [*map(aval, equation.outvars)]
        if name not in CALLS or any(x.dtype != np.float32 for x in takes + gives):
            raise Untranslated
        if name == "concatenate" and not all(isinstance(x, Place) for x in given):  # what is known has fewer rows
            raise Untranslated
        functions = CALLS[name](params, [x.shape for x in takes])
        return [self._note(function, given, len(x.shape)) for function, x in zip(functions, gives, strict=True)]

    def _note(self, function: Callable[..., Array], given: list[Any], rank: int) -> Place:
        """One more call. rank: of its result."""
        self.calls.append(Call(function, [x if isinstance(x, Place) else self._keep(x, rank) for x in given]))
        return Place(self.inputs + len(self.calls) - 1)

    def _keep(self, value: Any, rank: int) -> int:
        """A known value as it meets others of `rank` axes behind that of the blocks. -> its place, from -1 down"""
        self._known.append(value.reshape((1,) * (1 + rank - value.ndim) + value.shape))
        return -len(self._known)


Shape = tuple[int, ...]
Functions = list[Callable[..., Array]]  # one for each result


def _plain(function: Callable[..., Array]) -> Callable[[Any, list[Shape]], Functions]:
    return lambda params, shapes: [function]


def _split(params: Any, shapes: list[Shape]) -> Functions:
    behind, edges = len(shapes[0]) - 1 - params["axis"], np.cumsum([0, *params["sizes"]])
    return [lambda x, part=slice(low, high): x[(..., part, *[slice(None)] * behind)] for low, high in pairwise(edges)]


def _joined(params: Any, shapes: list[Shape]) -> Functions:
    axis = params["dimension"] - len(shapes[0])
    return [lambda *parts: np.concatenate(parts, axis=axis)]


def _sum(params: Any, shapes: list[Shape]) -> Functions:
    """Of the numbers of a row."""
    if params["axes"] != (len(shapes[0]) - 1,):
        raise Untranslated
    return [lambda x: np.sum(x, axis=-1)]


def _widened(params: Any, shapes: list[Shape]) -> Functions:
    """A number of each row as a row of one."""
    if params["shape"] != (*shapes[0], 1) or params["broadcast_dimensions"] != tuple(range(len(shapes[0]))):
        raise Untranslated
    return [lambda x: x[..., None]]


def _product(params: Any, shapes: list[Shape]) -> Functions:
    """Rows times a matrix, and nothing else; of a large one so many columns at a time that BLAS calls no threads."""
    rows, matrix = shapes
    if params["dimension_numbers"] != (((1,), (0,)), ((), ())) or len(rows) != 2 or len(matrix) != 2:
        raise Untranslated
    columns = IN_THREAD // math.prod(rows)
    if matrix[1] <= columns:
        return [np.matmul]
    starts = range(0, matrix[1], columns)
    return [lambda x, w: np.concatenate([np.matmul(x, w[..., i : i + columns]) for i in starts], axis=-1)]


INLINED = {"jit", "pjit", "custom_jvp_call", "custom_vjp_call"}
CALLS: dict[str, Callable[[Any, list[Shape]], Functions]] = {
    "add": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "div": _plain(np.divide),
    "max": _plain(np.maximum),
    "min": _plain(np.minimum),
    "tanh": _plain(np.tanh),
    "exp": _plain(np.exp),
    "log": _plain(np.log),
    "sqrt": _plain(np.sqrt),
    "split": _split,
    "concatenate": _joined,
    "reduce_sum": _sum,
    "broadcast_in_dim": _widened,
    "dot_general": _product,
}
