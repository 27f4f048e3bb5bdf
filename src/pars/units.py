"""The range of actions in units of their own, between which and [-1, 1] they are mapped linearly.

Whatever trains sees actions in [-1, 1]. Logs, environments and whoever uses a policy have units: valve_pct from 0 to
100, torque_Nm from -5 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pars.errors import UsageError

Array = np.ndarray
SCALED = "scaled"  # said of actions that are in [-1, 1] already, whatever an environment's own bounds are
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


@dataclass(frozen=True)
class ActionRange:
    """The bounds of every action dimension, low < high, and how they are known."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    source: str  # "given", "the box of Pendulum-v1", "the data's least and greatest"

    def to_units(self, action: Any) -> Array:
        """[.., A] in [-1, 1], clipped -> [.., A] in units."""
        low, high = np.asarray(self.low), np.asarray(self.high)
        return np.clip(low + (np.asarray(action, np.float64) + 1.0) / 2.0 * (high - low), low, high)

    def to_scaled(self, action: Any) -> Array:
        """[.., A] in units -> [.., A] float32, clipped to [-1, 1]."""
        low, high = np.asarray(self.low), np.asarray(self.high)
        return np.clip(2.0 * (np.asarray(action, np.float64) - low) / (high - low) - 1.0, -1.0, 1.0).astype(np.float32)

    @property
    def plain(self) -> bool:
        """Whether units are [-1, 1]."""
        return set(self.low) == {-1.0} and set(self.high) == {1.0}

    def __str__(self) -> str:
        return ", ".join(f"{low:.6g}..{high:.6g}" for low, high in zip(self.low, self.high))

    def as_dict(self) -> dict[str, Any]:
        return {"low": list(self.low), "high": list(self.high), "source": self.source}

    @classmethod
    def of(cls, low: Sequence[float] | Array, high: Sequence[float] | Array, source: str) -> ActionRange:
        return cls(tuple(map(float, low)), tuple(map(float, high)), source)


class Output(NamedTuple):
    """An action of a policy with its bounds, in units of its own."""

    name: str
    low: float
    high: float


def of_dict(known: Any) -> ActionRange | None:
    """What `ActionRange.as_dict` gave, or None."""
    return ActionRange.of(known["low"], known["high"], str(known["source"])) if known else None


def parse_range(text: str, width: int, option: str = "--action-range") -> ActionRange:
    """`0..100,-5..5,0..3000`, or one range for all `width` dimensions. Raises UsageError."""
    parts, also = text.split(","), f", or {SCALED}" if option == "--action-range" else ""
    found = [re.fullmatch(rf"\s*({NUMBER})\.\.({NUMBER})\s*", part) for part in parts]
    if not all(found):
        raise UsageError(f"{option} {text}: write LOW..HIGH for every action, as in 0..100,-5..5{also}")
    pairs = [(float(one[1]), float(one[2])) for one in found if one]
    if len(pairs) == 1:
        pairs *= width
    if len(pairs) != width:
        raise UsageError(f"{option} {text}: has {len(pairs)} ranges, and there are {width} actions")
    if empty := [f"{low:g}..{high:g}" for low, high in pairs if not low < high]:
        raise UsageError(f"{option} {text}: {empty[0]} is empty; write the lower bound first")
    return ActionRange.of([low for low, _ in pairs], [high for _, high in pairs], "given")
