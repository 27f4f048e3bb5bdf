"""RLPD: the authors' settings by domain (README of ikostrikov/rlpd); those for MuJoCo are the defaults."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ULTRA

SOURCE = "README of ikostrikov/rlpd"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; the values of the other mazes"),
    **dict.fromkeys(ADROIT, "none published; the values of Adroit's sparse tasks"),
}

_DEEPER: dict[str, Any] = dict(hidden=(256, 256, 256), actor_hidden=(256, 256, 256), backup_entropy=False)

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": _DEEPER | dict(target_critics=1, reward_shift=-1.0),
    "adroit": _DEEPER,
    "pointmaze": dict(  # ours: AntMaze's, small enough for two cores
        critics=4,
        hidden=(128, 128),
        actor_hidden=(128, 128),
        discount=0.95,
        target_critics=1,
        backup_entropy=False,
        reward_shift=-1.0,
        updates_per_step=4,
        random_steps=500,
    ),
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
