"""SVR: the authors' scripts (MAOYIXIU/SVR) for MuJoCo and pen; nothing for other hands or mazes."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ANTMAZE_V2, MUJOCO, ULTRA

SOURCE = "MAOYIXIU/SVR run_experiments.sh (pen: its v0 sets)"
NARROW, WIDE = 0.02, 0.001  # weights for expert-like sets and for all others of MuJoCo
LEAST = {"halfcheetah": -366.0, "hopper": -125.0, "walker2d": -471.0, "pen": -715.0}
# least values that Kim et al. (2025) take for the other hands
OTHERS = {"door": -42.0, "hammer": -348.0, "relocate": 0.0}
FALLBACK = {
    **dict.fromkeys((*ANTMAZE_V2, *ULTRA), "none published; weight .001, rewards less 1"),
    **{name: "none published; pen's weights, PARS's least values" for name in ADROIT if not name.startswith("pen")},
}
FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(reward_shift=-1.0, least_value=-100.0, normalize_obs=False),
    "pointmaze": dict(  # ours
        hidden=(128, 128),
        actor_hidden=(128, 128),
        behaviour_steps=5000,
        discount=0.95,
        reward_shift=-1.0,
        least_value=-20.0,
        support_weight=0.02,
    ),
}
ROBOT = {name: dict(least_value=value) for name, value in (LEAST | OTHERS).items()}
TASK: dict[str, dict[str, Any]] = {
    **{name: dict(support_weight=NARROW if "expert" in name else WIDE) for name in MUJOCO},
    **{name: dict(support_weight=NARROW if "expert" in name else 10.0) for name in ADROIT},
}

PRESET = Preset(SOURCE, family=FAMILY, robot=ROBOT, task=TASK, fallback=FALLBACK)
