"""The papers' settings as data: differences from an algorithm's defaults only, each with its source.

Layers, each over the one before: the config's defaults, FAMILY[family], TASK[dataset id].
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pars.presets import bc, pars, td3_bc

PRESETS: dict[str, ModuleType] = {"pars": pars, "td3_bc": td3_bc, "bc": bc}

ADROIT = ("pen", "door", "hammer", "relocate")
MUJOCO = ("halfcheetah", "hopper", "walker2d")


@dataclass(frozen=True)
class Lengths:
    """How long to train by default. Offline in gradient steps, online in environment steps."""

    offline_steps: int
    eval_every: int
    online_eval_every: int


D4RL = Lengths(1_000_000, 5000, 5000)  # the field's convention; the paper does not state its offline length
LENGTHS = {"pointmaze": Lengths(20_000, 1000, 500)}  # ours, a few minutes on two cores


def family(task_id: str | None) -> str:
    """antmaze, adroit, mujoco or pointmaze for the ids that papers set values for (Gymnasium's too), else 'own'."""
    name = (task_id or "").lower().partition("-")[0]
    if name in ADROIT:
        return "adroit"
    if name in MUJOCO:
        return "mujoco"
    return name if name in ("antmaze", "pointmaze") else "own"


def settings(algorithm: str, task_id: str | None) -> dict[str, Any]:
    """Published (or, for pointmaze, our) settings of `algorithm` on a dataset or Gymnasium id; {} if there are none."""
    preset = PRESETS.get(algorithm)
    if preset is None or task_id is None:
        return {}
    layers = dict(preset.FAMILY.get(family(task_id), {}))
    layers |= preset.ROBOT.get(task_id.lower().partition("-")[0], {})
    return layers | preset.TASK.get(task_id, {})


def lengths(task_id: str | None) -> Lengths:
    return LENGTHS.get(family(task_id), D4RL)
