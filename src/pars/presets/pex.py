"""PEX: the authors' README, whose expectile and inverse temperature are the defaults; rewards of AntMaze are shifted as
in their code, all others raw. Nothing is published for Adroit and for MuJoCo's medium-expert sets.
"""

from typing import Any

from pars.presets import iql
from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, MUJOCO, ULTRA

SOURCE = "README and code of Haichao-Zhang/PEX"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; the values of the other mazes"),
    **dict.fromkeys(ADROIT, "none published; the values of MuJoCo"),
    **{name: "none published; the values of the other sets" for name in MUJOCO if "-medium-expert-" in name},
}

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(reward_shift=-1.0),
    "pointmaze": iql.FAMILY["pointmaze"] | dict(learning_starts=500),  # ours
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
