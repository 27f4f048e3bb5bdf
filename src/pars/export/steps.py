"""The steps that a policy may take, by JAX's names, as operations of a Program.

Each is a function of the tape that notes them, JAX's parameters and the operands: a Place where they depend on the
observation, else arrays. `tape.takes` are the operands' shapes; `tape.shape`, `tape.size` and `tape.gives` are
shape, numbers and type of what a step gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.errors import UsageError

if TYPE_CHECKING:
    from pars.export.trace import Tape

Shape = tuple[int, ...]


class Unwritten(UsageError):
    """A policy that takes a step which is none of a Program's."""


class Place(str):
    """The name of a value that depends on the observation."""


def _numbered(tape: Tape, operand: int) -> np.ndarray:
    """0, 1, 2, .. in the shape of an operand: what a step does to them says where its numbers come from."""
    return np.arange(math.prod(tape.takes[operand])).reshape(tape.takes[operand])


def _each(kind: str) -> Callable[..., Place]:
    return lambda tape, params, *given: tape.note(kind, [*map(tape.operand, range(len(given)), given)], tape.size)


def _moved(where: Callable[[np.ndarray, Any, Any], np.ndarray]) -> Callable[..., Place]:
    """A step that moves numbers; `where` does the same to an array."""

    def step(tape: Tape, params: Any, x: Place, *rest: Any) -> Place:
        return tape.take(x, where(_numbered(tape, 0), params, tape.shape))

    return step


def _gathered(tape: Tape, params: Any, x: Any, index: Any) -> Place:
    """Numbers at places that are known, or that are one of few numbers."""
    if not isinstance(x, Place) or isinstance(index, jax.core.Tracer):
        raise Unwritten("its policy looks up weights by the observation, which cannot be written to files")
    if isinstance(index, Place):
        return _looked_up(tape, params, x, index)
    return tape.take(x, _found(tape, params, index))


def _found(tape: Tape, params: Any, index: Any) -> np.ndarray:
    """Where each number comes from."""
    with jax.ensure_compile_time_eval():
        return np.asarray(tape.primitive.bind(jnp.asarray(_numbered(tape, 0)), index, **params))


def _looked_up(tape: Tape, params: Any, x: Place, index: Place) -> Place:
    """The numbers for each place that there is, of which those are taken whose place it is."""
    shape, dims = tape.takes[1], params["dimension_numbers"]
    if shape[-1] != 1:
        raise Unwritten("its policy looks up numbers by several places at once, which cannot be written to files")
    own = [1 if axis in dims.offset_dims else size for axis, size in enumerate(tape.shape)]
    wanted = tape.take(index, np.broadcast_to(np.arange(math.prod(shape)).reshape(own), tape.shape))
    found: Any = jnp.zeros(1, bool if tape.gives == "bool" else np.float32)
    for place in range(tape.takes[0][dims.start_index_map[0]]):
        there = tape.take(x, _found(tape, params, np.full(shape, place, np.int32)))
        same = tape.note("equal", [wanted, jnp.full(1, place)], tape.size)
        found = tape.note("where", [same, there, found], tape.size)
    return found


def _scattered(tape: Tape, params: Any, x: Any, index: Any, update: Any) -> Place:
    """Numbers put in known places of others."""
    if isinstance(index, Place | jax.core.Tracer):
        raise Unwritten("its policy puts numbers in places that depend on the observation")
    first, second = (math.prod(tape.takes[i]) for i in (0, 2))
    rows = tape.note("join", [tape.rows(x, first), tape.rows(update, second)], first + second)
    with jax.ensure_compile_time_eval():
        there, new = jnp.arange(first), jnp.arange(first, first + second)
        numbered = tape.primitive.bind(there.reshape(tape.takes[0]), index, new.reshape(tape.takes[2]), **params)
        return tape.take(rows, numbered)


def _broadcast(x: np.ndarray, params: Any, shape: Shape) -> np.ndarray:
    own = [1] * len(shape)
    for axis, size in zip(params["broadcast_dimensions"], x.shape):
        own[axis] = size
    return np.broadcast_to(x.reshape(own), shape)


def _slice(x: np.ndarray, params: Any, shape: Shape) -> np.ndarray:
    steps = params["strides"] or [1] * x.ndim
    return x[tuple(map(slice, params["start_indices"], params["limit_indices"], steps))]


def _split(tape: Tape, params: Any, x: Place) -> list[Any]:
    parts = np.split(_numbered(tape, 0), np.cumsum(params["sizes"])[:-1], axis=params["axis"])
    return [tape.take(x, part) for part in parts]


def _joined(tape: Tape, params: Any, *given: Any) -> Place:
    sizes = [math.prod(shape) for shape in tape.takes]
    rows = tape.note("join", [tape.rows(x, size) for x, size in zip(given, sizes)], sum(sizes))
    starts = np.cumsum([0, *sizes[:-1]])
    numbered = [np.arange(n).reshape(shape) + start for n, shape, start in zip(sizes, tape.takes, starts)]
    return tape.take(rows, np.concatenate(numbered, axis=params["dimension"]))


def _reduced(kind: str) -> Callable[..., Place]:
    def step(tape: Tape, params: Any, x: Place) -> Place:
        shape, axes = tape.takes[0], params["axes"]
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        return tape.note(kind, [tape.take(x, _numbered(tape, 0).transpose(*kept, *axes))], tape.size)

    return step


def _product(tape: Tape, params: Any, a: Any, b: Any) -> Place:
    """Rows times a known matrix; any other product one number at a time."""
    summed, batched = params["dimension_numbers"]
    parts = [
        (together, [i for i in range(len(shape)) if i not in (*over, *together)], over)
        for shape, over, together in zip(tape.takes, summed, batched)
    ]
    (batch, rows, inner), (_, columns, _) = (
        [math.prod(shape[i] for i in part) for part in three] for shape, three in zip(tape.takes, parts)
    )
    first, second = ([axis for part in three for axis in part] for three in parts)  # [batch, free, summed] of both
    if batch == 1 and not isinstance(b, Place):
        matrix = b.transpose(second).reshape(columns, inner).T
        return tape.note("dense", [tape.take(a, _numbered(tape, 0).transpose(first)), matrix], tape.size)
    if batch == 1 and not isinstance(a, Place):
        matrix = a.transpose(first).reshape(rows, inner).T
        turned = tape.note("dense", [tape.take(b, _numbered(tape, 1).transpose(second)), matrix], tape.size)
        return tape.take(turned, np.arange(tape.size).reshape(columns, rows).T)
    wide = (batch, rows, columns, inner)
    pair = [
        _spread(tape, a, 0, first, (batch, rows, 1, inner), wide),
        _spread(tape, b, 1, second, (batch, 1, columns, inner), wide),
    ]
    return tape.note("sum", [tape.note("multiply", pair, math.prod(wide))], tape.size)


def _spread(tape: Tape, x: Any, operand: int, order: Sequence[int], own: Shape, wide: Shape) -> Any:
    if isinstance(x, Place):
        return tape.take(x, np.broadcast_to(_numbered(tape, operand).transpose(order).reshape(own), wide))
    return jnp.broadcast_to(x.transpose(order).reshape(own), wide).reshape(-1)


def _converted(tape: Tape, params: Any, x: Place) -> Place:
    size, kind = tape.size, tape.gives
    if kind == "bfloat16":
        return tape.note("round16", [x], size)
    if kind == "int32" and tape.kind == "float32":
        return tape.note("trunc", [x], size)
    if kind == "bool":
        return tape.note("not_equal", [x, jnp.zeros(1)], size)
    return tape.note("where", [x, jnp.ones(1), jnp.zeros(1)], size) if tape.kind == "bool" else x


def _power(tape: Tape, params: Any, x: Place) -> Place:
    size, exponent = tape.size, params["y"]
    power = x
    for _ in range(abs(exponent) - 1):
        power = tape.note("multiply", [power, x], size)
    return power if exponent > 0 else tape.note("divide", [jnp.ones(1), power], size)


def _logistic(tape: Tape, params: Any, x: Place) -> Place:
    size = tape.size
    falling = tape.note("exp", [tape.note("negative", [x], size)], size)
    return tape.note("divide", [jnp.ones(1), tape.note("add", [falling, jnp.ones(1)], size)], size)


def _rsqrt(tape: Tape, params: Any, x: Place) -> Place:
    size = tape.size
    return tape.note("divide", [jnp.ones(1), tape.note("sqrt", [x], size)], size)


def _selected(tape: Tape, params: Any, which: Any, *cases: Any) -> Place:
    if len(cases) != 2:
        raise Unwritten("its policy chooses among more than two values at once, which cannot be written to files")
    pred, no, yes = map(tape.operand, range(3), (which, *cases))
    return tape.note("where", [pred, yes, no], tape.size)


def _clamped(tape: Tape, params: Any, *given: Any) -> Place:
    least, x, most = map(tape.operand, range(3), given)
    return tape.note("minimum", [tape.note("maximum", [x, least], tape.size), most], tape.size)


SAME = {  # lax's name -> NumPy's
    "add": "add",
    "add_any": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "pow": "power",
    "rem": "fmod",
    "erf": "erf",
    "erfc": "erfc",
    "max": "maximum",
    "min": "minimum",
    "neg": "negative",
    "abs": "abs",
    "sign": "sign",
    "floor": "floor",
    "exp": "exp",
    "log": "log",
    "log1p": "log1p",
    "tanh": "tanh",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "gt": "greater",
    "ge": "greater_equal",
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
    "not": "logical_not",
}
STEPS: dict[str, Callable[..., Any]] = {
    **{name: _each(kind) for name, kind in SAME.items()},
    **dict.fromkeys(
        ("reshape", "squeeze", "expand_dims", "copy", "copy_p", "stop_gradient"), lambda tape, params, x, *rest: x
    ),
    "optimization_barrier": lambda tape, params, *given: [*given],
    "broadcast_in_dim": _moved(_broadcast),
    "transpose": _moved(lambda x, params, shape: x.transpose(params["permutation"])),
    "rev": _moved(lambda x, params, shape: np.flip(x, params["dimensions"])),
    "slice": _moved(_slice),
    "gather": _gathered,
    "scatter": _scattered,
    "split": _split,
    "concatenate": _joined,
    "reduce_sum": _reduced("sum"),
    "reduce_max": _reduced("max"),
    "reduce_min": _reduced("min"),
    "dot_general": _product,
    "convert_element_type": _converted,
    "integer_pow": _power,
    "square": lambda tape, params, x: tape.note("multiply", [x, x], tape.size),
    "logistic": _logistic,
    "rsqrt": _rsqrt,
    "select_n": _selected,
    "clamp": _clamped,
}
