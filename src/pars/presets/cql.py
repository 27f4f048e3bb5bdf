"""CQL: corl-team/CORL (configs/offline/cql) on MuJoCo, where they are the defaults, and on Adroit, where its scores are
about zero; on AntMaze the script of nakamotoo/Cal-QL with calibration off (CORL gives five layers to one critic only).
"""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ULTRA

SOURCE = "corl-team/CORL configs/offline/cql; AntMaze: nakamotoo/Cal-QL scripts/run_antmaze.sh, not calibrated"
FALLBACK = dict.fromkeys(ULTRA, "none published; the values of the other mazes")

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(
        hidden=(256, 256, 256, 256),
        actor_hidden=(256, 256),
        actor_lr=1e-4,
        temperature_lr=1e-4,
        reward_scale=10.0,
        reward_shift=-5.0,
        conservative_weight=5.0,
        lagrange=True,  # with a gap of 0.8, the default
        max_backup=True,
    ),
    "adroit": dict(normalize_obs=True, actor_lr=1e-4, temperature_lr=1e-4, conservative_weight=1.0),
    "mujoco": dict(normalize_obs=True),
    "pointmaze": dict(  # ours: AntMaze's rewards, fewer actions for speed, a weight at which it arrives in 8000 steps
        hidden=(128, 128),
        actor_hidden=(128, 128),
        discount=0.95,
        actor_lr=3e-4,
        temperature_lr=3e-4,
        reward_scale=10.0,
        reward_shift=-5.0,
        conservative_weight=1.0,
        sampled_actions=4,
    ),
}
TASK: dict[str, dict[str, Any]] = {"hopper-medium-v2": dict(reward_norm="range")}

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, fallback=FALLBACK)
