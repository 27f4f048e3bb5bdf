"""SAC-N: the number of critics, of corl-team/CORL (configs/offline/sac_n), and its length.

On Adroit its authors normalise rewards and train for 200,000 steps of a smaller rate, as for EDAC; the scores that are
quoted for the expert sets are CORL's, which does neither.
"""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import RANDOM, ULTRA

SOURCE = "corl-team/CORL configs/offline/sac_n"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; the critics of the other mazes"),
    # LAMDA-RL/OfflineRL-Lib: reproduce/sacn/config
    **dict.fromkeys(RANDOM, "not in CORL; the medium set's, as in OfflineRL-Lib"),
}
STEPS = {"antmaze": 3_000_000, "adroit": 3_000_000, "mujoco": 3_000_000}

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(critics=25),  # scores are 0
    "adroit": dict(critics=100),
    "pointmaze": dict(hidden=(128, 128), actor_hidden=(128, 128), discount=0.95, reward_scale=10.0),  # ours
}
ROBOT: dict[str, dict[str, Any]] = {"walker2d": dict(critics=20)}  # halfcheetah has the default, 10
TASK: dict[str, dict[str, Any]] = {
    "hopper-random-v2": dict(critics=500),
    "hopper-medium-v2": dict(critics=500),
    "hopper-medium-replay-v2": dict(critics=200),
    "hopper-medium-expert-v2": dict(critics=200),
}

PRESET = Preset(SOURCE, family=FAMILY, robot=ROBOT, task=TASK, fallback=FALLBACK, steps=STEPS)
