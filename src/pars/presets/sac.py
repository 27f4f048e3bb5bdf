"""SAC: one setting, for MuJoCo (the defaults; algos/sac.py says where they are not the authors'), and small networks on
PointMaze."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, SETS

SOURCE = "the authors' one setting for MuJoCo, but for a higher floor of the spread and 5,000 random steps"
FALLBACK = dict.fromkeys((*SETS["antmaze"], *ADROIT), "none published; the setting for MuJoCo")

FAMILY: dict[str, dict[str, Any]] = {
    "pointmaze": dict(  # ours
        hidden=(128, 128), actor_hidden=(128, 128), discount=0.95, reward_scale=10.0, random_steps=500
    )
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
