"""The record of what an algorithm is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]  # as the command line has them, name -> value
Rows = Mapping[str, Settings]


def _none() -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Preset:
    """Published settings of an algorithm: differences from its defaults only.

    Layers, each over the one before: the config's defaults, family[family], robot[robot], task[dataset id], and of a
    preset other than "paper" its `choices[preset]` of the dataset id or the family.
    """

    source: str  # one line: where the values come from
    family: Rows = field(default_factory=_none)  # antmaze, adroit, mujoco, pointmaze, or own: see `pars.presets.family`
    robot: Rows = field(default_factory=_none)  # the first word of a dataset id: hopper, pen
    task: Rows = field(default_factory=_none)
    choices: Mapping[str, Rows] = field(default_factory=_none)
    fallback: Mapping[str, str] = field(default_factory=_none)  # dataset id -> what was taken, as nothing is published
    steps: Mapping[str, int] = field(default_factory=_none)  # dataset id or family -> offline, where not the usual ones
    value_spread: float = 20.0  # what the settings were found at, see `pars.presets.from_data`: IQL's on robots
