"""PPO: one setting, the paper's for MuJoCo (the defaults; algos/ppo.py says where they are not the authors'), and small
networks on PointMaze."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, SETS

SOURCE = "the paper's one setting for MuJoCo (its Table 3)"
FALLBACK = dict.fromkeys((*SETS["antmaze"], *ADROIT), "none published; the setting for MuJoCo")

FAMILY: dict[str, dict[str, Any]] = {
    "pointmaze": dict(  # ours
        hidden=(128, 128), actor_hidden=(128, 128), discount=0.95, reward_scale=10.0, rollout=512, entropy_weight=0.01
    )
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
