"""SAC: one setting, for MuJoCo (the defaults); small networks on PointMaze."""

from typing import Any

from pars.presets.sets import ADROIT, SETS

SOURCE = "the authors' one setting for MuJoCo"
FALLBACK = dict.fromkeys((*SETS["antmaze"], *ADROIT), "none published; the setting for MuJoCo")

FAMILY: dict[str, dict[str, Any]] = {
    "pointmaze": dict(  # ours
        hidden=(128, 128), actor_hidden=(128, 128), discount=0.95, reward_scale=10.0, random_steps=500
    )
}
ROBOT: dict[str, dict[str, Any]] = {}
TASK: dict[str, dict[str, Any]] = {}
CHOICES: dict[str, dict[str, dict[str, Any]]] = {}
