"""EDAC: the number of critics and eta of corl-team/CORL (configs/offline/edac), and its length; on pen-cloned the
recipe of the authors' README (snu-mllab/EDAC), the only one of the eight Adroit sets that it has.
"""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import RANDOM, ULTRA

SOURCE = "corl-team/CORL configs/offline/edac; pen-cloned: README of snu-mllab/EDAC"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; the values of the other mazes"),
    # LAMDA-RL/OfflineRL-Lib: reproduce/edac/config
    **dict.fromkeys(RANDOM, "not in CORL; the medium set's, as in OfflineRL-Lib"),
}
STEPS = {"antmaze": 3_000_000, "adroit": 3_000_000, "mujoco": 3_000_000, "pen-cloned-v1": 200_000}

FAMILY: dict[str, dict[str, Any]] = {
    "adroit": dict(critics=50, diversity_weight=200.0),
    "pointmaze": dict(hidden=(128, 128), actor_hidden=(128, 128), discount=0.95, reward_scale=10.0),  # ours
}
ROBOT: dict[str, dict[str, Any]] = {"pen": dict(critics=20, diversity_weight=10.0), "hopper": dict(critics=50)}
TASK: dict[str, dict[str, Any]] = {
    # the command for it names pen-human by mistake; its one rate of actor and temperature
    "pen-cloned-v1": dict(actor_lr=3e-5, temperature_lr=3e-5, reward_norm="standard", max_backup=True),
    "halfcheetah-medium-expert-v2": dict(diversity_weight=5.0),
    "walker2d-medium-expert-v2": dict(diversity_weight=5.0),
}

PRESET = Preset(SOURCE, family=FAMILY, robot=ROBOT, task=TASK, fallback=FALLBACK, steps=STEPS)
