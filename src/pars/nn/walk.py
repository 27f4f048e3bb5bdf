"""A traced program, equation by equation: what stands in for its values is up to who walks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jax.extend.core import Jaxpr, JaxprEqn, Literal


def aval(variable: Any) -> Any:
    """Shape and dtype of a value of a traced program."""
    return variable.aval


def walk(
    program: Jaxpr,
    consts: Sequence[Any],
    args: Sequence[Any],
    apply: Callable[[JaxprEqn, list[Any]], Sequence[Any]],
    asarray: Callable[[Any, Any], Any],
) -> list[Any]:
    """What a program gives.

    Args:
        apply: an equation and what stands for its inputs -> what stands for its outputs.
        asarray: (value, dtype) -> what stands for a number that is written in the program.
    """
    values = dict(zip([*program.constvars, *program.invars], [*consts, *args], strict=True))

    def read(x: Any) -> Any:
        return asarray(x.val, aval(x).dtype) if isinstance(x, Literal) else values[x]

    for equation in program.eqns:
        values |= zip(equation.outvars, apply(equation, [read(x) for x in equation.invars]), strict=True)
    return [read(x) for x in program.outvars]
