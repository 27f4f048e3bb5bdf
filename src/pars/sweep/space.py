"""What a search may choose: ranges of numbers that may differ inside one program, and lists of values.

reward_scale=log(1,1e4) bc_weight=log(1e-3,1) discount=lin(0.9,0.999) critics={2,4,10}
"""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pars.config import coerce, field_types
from pars.errors import UsageError, unknown

RANGE = re.compile(r"(log|lin)\(([^,()]+),([^,()]+)\)")


@dataclass(frozen=True)
class Span:
    """A range of a number, drawn evenly or, if `log`, evenly in its logarithm."""

    low: float
    high: float
    log: bool

    def place(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        f = math.log if self.log else float
        return (f(value) - f(self.low)) / (f(self.high) - f(self.low))


@dataclass(frozen=True)
class Choice:
    """Values by name. Those of a setting that is structure have a program each."""

    values: tuple[str, ...]

    def place(self, value: Any) -> float:
        return self.values.index(str(value)) / max(len(self.values) - 1, 1)


Space = dict[str, Span | Choice]


def split(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Words of a command, each of several perhaps -> those of the space, and the others."""
    every = [one for word in words for one in word.split()]
    chosen = [word for word in every if re.match(r"\w+=(\{|\w+\()", word)]
    return chosen, [word for word in every if word not in chosen]


def parse(words: Iterable[str], config: type) -> Space:
    """Raises UsageError for what is not of these forms or does not suit a setting."""
    space: Space = {}
    types = field_types(config)
    for word in words:
        name, _, text = word.partition("=")
        if name in space:
            raise UsageError(f"{name} is given twice; name each setting once")
        if name not in types:
            raise UsageError(unknown("setting", name, types))
        space[name] = _choice(config, name, text) if text.startswith("{") else _span(types[name], name, text)
    if not space:
        raise UsageError("nothing to search: give a range or values, such as 'bc_weight=log(1e-3,1) critics={2,4,10}'")
    return space


def _choice(config: type, name: str, text: str) -> Choice:
    values = [value.strip() for value in text.strip("{}").split(",")]
    if (
        not text.endswith("}")
        or not all(values)
        or len({coerce(config, name, value) for value in values}) < len(values)
    ):
        raise UsageError(f"{name}={text}: give different values in braces, such as {{2,4,10}}")
    return Choice(tuple(values))


def _span(kind: Any, name: str, text: str) -> Span:
    found = RANGE.fullmatch(text)
    if found is None:
        raise UsageError(f"{name}={text}: give log(1e-3,1), lin(0.9,0.999) or values in braces, such as {{2,4,10}}")
    if kind is not float:
        raise UsageError(
            f"{name}={text}: {name} shapes the program, each value is one; name them: {name}={_some(kind)}"
        )
    try:
        low, high = float(found[2]), float(found[3])
    except ValueError:
        raise UsageError(f"{name}={text}: its ends are numbers, such as log(1e-3,1)") from None
    if not -math.inf < low < high < math.inf or (found[1] == "log" and low <= 0):
        raise UsageError(f"{name}={text}: give a low and a higher end{', both above 0' * (found[1] == 'log')}")
    return Span(low, high, found[1] == "log")


def _some(kind: Any) -> str:
    """Values that a setting of this type may have, as they are written."""
    if typing.get_origin(kind) is typing.Literal:
        return "{" + ",".join(typing.get_args(kind)) + "}"
    if typing.get_origin(kind) is tuple:
        return "{64x64,256x256}"
    return "{true,false}" if kind is bool else "{2,4,10}"


def of_record(space: Mapping[str, Mapping[str, Any]]) -> Space:
    """As search.json has it."""
    return {name: Span(**own) if "low" in own else Choice(tuple(own["values"])) for name, own in space.items()}


def ends(space: Space) -> dict[str, list[Any]]:
    """The ends of every range and all values of every choice, as axes of settings: what must be right for all."""
    return {name: [own.low, own.high] if isinstance(own, Span) else [*own.values] for name, own in space.items()}


def settings(params: Mapping[str, Any], config: type) -> dict[str, Any]:
    """A trial's values as a config takes them."""
    return {name: coerce(config, name, value) for name, value in params.items()}
