"""Configs: frozen dataclasses that are pytrees. A `float` field is a leaf and may differ between the members of one
compiled program; every other field is structure and shapes the program.

What is known of a setting stands on it: its range in the type, the rest in `setting`.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
import numbers
import typing
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp

from pars.errors import UsageError, unknown

MOST_VALUES = 10_000  # of one axis of settings, and members of one run
MOST_EPISODES = 100_000  # of one evaluation: each has a simulator of its own
MOST_WHOLE = 2**31 - 1  # what counts, as the compiled loops do

C = TypeVar("C")
T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """Bounds of a number, or of every number of a list: `Annotated[float, Range(0, below=1)]`."""

    least: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    above: float = -math.inf

    def holds(self, value: Any) -> bool:
        numbers = value if isinstance(value, tuple | list) else [value]
        return all(self.least <= number <= self.most and self.above < number < self.below for number in numbers)

    def __str__(self) -> str:
        if self.above > -math.inf:
            return f"above {self.above:g}"
        high = f"below {self.below:g}" if self.below < math.inf else f"{self.most:g}"
        if self.least == -math.inf:
            return high if high.startswith("below") else f"at most {high}"
        return f"at least {self.least:g}" if high == "inf" else f"from {self.least:g} to {high}"


class Fixed(float):
    """A number that shapes the program: as a setting it is structure, not a leaf."""


Share = Annotated[float, Range(0, 1)]
FixedShare = Annotated[Fixed, Range(0, below=1)]
NotNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(above=0)]
Count = Annotated[int, Range(1)]
Widths = Annotated[tuple[int, ...], Range(1)]  # of layers


@dataclass(frozen=True)
class Fact:
    """What is known of a setting, see `setting`. A setting without facts may be anything of its type."""

    home: type  # the class that defines it
    range: Range | None = None
    meaning: str = ""
    symbol: str = ""
    unit: str = ""
    on: str = ""
    phase: str = ""


def setting(default: T, meaning: str = "", symbol: str = "", *, unit: str = "", on: str = "", phase: str = "") -> T:
    """A field of a config class with its facts. Those that are left out are as the parent class has them.

    Args:
        meaning: one line, such as "weight of the penalty".
        symbol: of the paper: "alpha, eq. (3)".
        unit: of its number: "environment steps".
        on: a setting that is true or false. This one does nothing while that is false.
        phase: the only phase that reads it: "offline" or "online".
    """
    facts = dict(meaning=meaning, symbol=symbol, unit=unit, on=on, phase=phase)
    found: T = dataclasses.field(default=default, metadata={name: text for name, text in facts.items() if text})
    return found


@dataclass_transform(frozen_default=True)
def config(cls: type[C]) -> type[C]:
    """Class decorator: a frozen dataclass registered as a pytree whose leaves are its `float` fields."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    types = field_types(cls)
    _state_facts(cls)
    for name, fact in facts(cls).items():
        if fact.on and types.get(fact.on) is not bool:
            raise TypeError(f"{cls.__qualname__}.{name} is said to depend on {fact.on}, which is no bool setting of it")
    leaves = [name for name, kind in types.items() if kind is float]
    structure = [name for name in types if name not in leaves]
    jax.tree_util.register_dataclass(cls, leaves, structure)
    return cls


def field_types(cls: type) -> dict[str, Any]:
    """Name -> type of every setting of a config class, in order of definition."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def facts(cls: type) -> dict[str, Fact]:
    """Name -> facts of every setting of a config class, in order of definition."""
    return {field.name: field.metadata["fact"] for field in dataclasses.fields(cls)}


def _state_facts(cls: type) -> None:
    """Put the facts of each field that the class itself has into the field, where subclasses find them."""
    hints, own = typing.get_type_hints(cls, include_extras=True), inspect.get_annotations(cls)
    parents = [facts(base) for base in cls.__mro__[1:] if dataclasses.is_dataclass(base)]
    for field in dataclasses.fields(cls):
        if field.name in own:
            ranges = [part for part in getattr(hints[field.name], "__metadata__", ()) if isinstance(part, Range)]
            fact = next((known[field.name] for known in parents if field.name in known), Fact(cls))
            fact = dataclasses.replace(fact, range=ranges[-1] if ranges else fact.range, **field.metadata)
            field.metadata = MappingProxyType({"fact": fact})


def check_ranges(cfg: Any) -> None:
    """Raises UsageError if a setting is out of its range."""
    for name, fact in facts(type(cfg)).items():
        value = getattr(cfg, name)
        if fact.range and not fact.range.holds(value):
            raise UsageError(f"setting {name}={as_text(value)} must be {fact.range}")


def to_dict(cfg: Any) -> dict[str, Any]:
    """All settings as plain JSON-serialisable values (tuples become lists)."""
    values = {field.name: getattr(cfg, field.name) for field in dataclasses.fields(cfg)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def as_text(value: Any) -> str:
    """A value of a setting as it is written on the command line: `256x256`, `true`, `0.001`."""
    if isinstance(value, tuple | list):
        return "x".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return short if float(short := f"{value:g}") == value else repr(value)
    return str(value)


def from_dict(cls: type[C], settings: Mapping[str, Any]) -> C:
    """A config with `settings` over its defaults. Raises UsageError for unknown names and values that do not fit."""
    return cls(**{name: coerce(cls, name, value) for name, value in settings.items()})


def coerce(cls: type, name: str, value: Any) -> Any:
    """`value` (text or a plain value) as the type of field `name`: '1e-3', 'true', '256x256', 'before'."""
    types = field_types(cls)
    if name not in types:
        raise UsageError(unknown("setting", name, types))
    kind = types[name]
    try:
        found = _convert(kind, value)
    except (KeyError, OverflowError, TypeError, ValueError):
        raise UsageError(f"setting {name}={value!r} is not {_describe(kind)}") from None
    if any(isinstance(one, int) and one > MOST_WHOLE for one in (found if isinstance(found, tuple) else (found,))):
        raise UsageError(f"setting {name}={as_text(found)} is too large; at most {MOST_WHOLE}")
    return found


def _convert(kind: Any, value: Any) -> Any:
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
    if kind in (float, Fixed):
        number = kind(value)
        if isinstance(value, bool) or not math.isfinite(number):
            raise ValueError
        return number
    if kind is int:
        number = int(value)
        if isinstance(value, bool) or (not isinstance(value, str) and number != value):
            raise ValueError
        return number
    if typing.get_origin(kind) is tuple:
        parts = value.split("x") if isinstance(value, str) else value
        return tuple(_convert(int, part) for part in parts)
    if typing.get_origin(kind) is typing.Literal:
        if value not in typing.get_args(kind):
            raise ValueError
        return value
    return kind(value)


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        return "a list of widths such as 256x256"
    names = {float: "a finite number", Fixed: "a finite number", int: "a whole number", bool: "true or false"}
    return names.get(kind, f"a {kind}")


def parse_axes(words: Iterable[str]) -> dict[str, list[str]]:
    """`["penalty_weight=0.001,0.01", "seed=0..4"]` -> name -> list of texts; `a..b` counts from a to b inclusive."""
    axes: dict[str, list[str]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name or not text:
            raise UsageError(f"setting {word!r} is not of the form name=value[,value...]")
        if name in axes:
            raise UsageError(f"setting {name!r} is given twice; write {name}=value,value")
        axes[name] = [value for part in text.split(",") for value in _expand(part, word)]
        if len(set(axes[name])) != len(axes[name]):
            raise UsageError(f"{word!r} names a value twice; a list of widths is written 256x256")
    return axes


def _expand(part: str, word: str) -> list[str]:
    low, dots, high = part.partition("..")
    if not dots:
        return [part]
    if not (low.isdigit() and high.isdigit() and int(low) <= int(high)):
        raise UsageError(f"range {part!r} in {word!r} is not of the form 0..4")
    if int(high) - int(low) >= MOST_VALUES:
        raise UsageError(f"range {part!r} in {word!r} has more than {MOST_VALUES:,} values; give fewer")
    return [str(number) for number in range(int(low), int(high) + 1)]


def check_whole(name: str, value: Any, least: int, most: int = MOST_WHOLE) -> None:
    """Raises UsageError unless `value` is a whole number from `least` to `most`, or None."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if value is not None and not (whole and least <= value <= most):
        limit = f"at most {most:,}" if whole and value > most else f"a whole number from {least} on"
        raise UsageError(f"{name}={value!r} must be {limit}")


def check_real(name: str, value: float | None, least: float = -math.inf, most: float = math.inf) -> None:
    """Raises UsageError unless `value` is a finite number from `least` to `most`, or None."""
    if value is not None and not (math.isfinite(value) and least <= value <= most):
        limits = f" from {least:g}" * (least > -math.inf) + f" to {most:g}" * (most < math.inf)
        raise UsageError(f"{name}={value:g} must be a number{limits}")


def as_axis(cls: type, name: str, values: Any) -> list[Any]:
    """The values of an axis. A single one may stand for itself: 0.1, "32x32" and, for a list of widths, (32, 32)."""
    if isinstance(values, str | Mapping | set) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        return [values]
    found = list(values)
    widths = typing.get_origin(field_types(cls)[name]) is tuple
    if widths and found and all(isinstance(value, numbers.Number) for value in found):
        return [tuple(found)]
    if not found:
        raise UsageError(f"setting {name} is given no value")
    return found


def grid(base: C, axes: Mapping[str, Sequence[Any]]) -> list[C]:
    """Every combination of the values of `axes` over `base`; the last axis varies fastest."""
    converted = {name: [coerce(type(base), name, value) for value in values] for name, values in axes.items()}
    for name, values in converted.items():
        if len(set(values)) != len(values):
            raise UsageError(f"setting {name}={','.join(map(as_text, values))} names a value twice")
    if math.prod(map(len, converted.values())) > MOST_VALUES:
        raise UsageError(f"{' x '.join(converted)} are more than {MOST_VALUES:,} combinations; give fewer values")
    return [
        dataclasses.replace(base, **dict(zip(converted, values, strict=True)))  # type: ignore[type-var]
        for values in itertools.product(*converted.values())
    ]


def structure(cfg: Any) -> Hashable:
    """What shapes the program: configs with equal structure can be stacked into one population."""
    return jax.tree_util.tree_structure(cfg)


def stack(configs: Sequence[C]) -> C:
    """P configs of one structure -> one config whose leaves are float32 [P]. Raises ValueError on unlike structures."""
    if len({structure(cfg) for cfg in configs}) != 1:
        raise ValueError("configs of unlike structure cannot be stacked; put them into groups of their own")
    return jax.tree.map(lambda *leaves: jnp.asarray(leaves, jnp.float32), *configs)
