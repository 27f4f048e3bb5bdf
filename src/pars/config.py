"""Configs: frozen dataclasses that are pytrees. A `float` field is a leaf and may differ between the members of one
compiled program; every other field is structure and shapes the program."""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp

from pars.errors import UsageError, unknown

C = TypeVar("C")
Axes = dict[str, list[Any]]


@dataclass_transform(frozen_default=True)
def config(cls: type[C]) -> type[C]:
    """Class decorator: a frozen dataclass registered as a pytree whose leaves are its `float` fields."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    types = field_types(cls)
    leaves = [name for name, kind in types.items() if kind is float]
    structure = [name for name in types if name not in leaves]
    jax.tree_util.register_dataclass(cls, leaves, structure)
    return cls


def field_types(cls: type) -> dict[str, Any]:
    """Name -> type of every setting of a config class, in order of definition."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def to_dict(cfg: Any) -> dict[str, Any]:
    """All settings as plain JSON-serialisable values (tuples become lists)."""
    values = {field.name: getattr(cfg, field.name) for field in dataclasses.fields(cfg)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


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
        return _convert(kind, value)
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"setting {name}={value!r} is not {_describe(kind)}") from None


def _convert(kind: Any, value: Any) -> Any:
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
    if kind is float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    if kind is int:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        return int(value)
    if typing.get_origin(kind) is tuple:
        parts = value.split("x") if isinstance(value, str) else value
        return tuple(int(part) for part in parts if part != "")
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
    names = {float: "a finite number", int: "a whole number", bool: "true or false"}
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
    return [str(number) for number in range(int(low), int(high) + 1)]


def grid(base: C, axes: Mapping[str, Sequence[Any]]) -> list[C]:
    """Every combination of the values of `axes` over `base`; the last axis varies fastest."""
    converted = {name: [coerce(type(base), name, value) for value in values] for name, values in axes.items()}
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
