"""MSG: the authors' README has settings for one AntMaze set. For the others they searched over beta -4 and -8 and alpha
0, .1, .5 and 1, and did not publish what they found."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ANTMAZE_V2, MUJOCO, ULTRA

SOURCE = "google-research jrl/agents/msg README (antmaze-large-diverse-v0)"
FALLBACK = {
    **{
        name: "none published; those of antmaze-large-diverse"
        for name in ANTMAZE_V2
        if name != "antmaze-large-diverse-v2"
    },
    **dict.fromkeys(MUJOCO, "none published; beta -4, alpha .1, pairs of networks"),
    **dict.fromkeys(ADROIT, "none published; beta -4 and alpha .1"),
    **dict.fromkeys(ULTRA, "none published; those of the large maze"),
}
FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(reward_scale=4.0, reward_shift=-2.0),
    "mujoco": dict(double_q=True, pessimism=4.0),
    "adroit": dict(pessimism=4.0),
    "pointmaze": dict(  # ours
        critics=8,
        hidden=(128, 128),
        actor_hidden=(128, 128),
        actor_lr=3e-4,
        clone_steps=1000,
        discount=0.95,
        reward_scale=10.0,
        pessimism=4.0,
    ),
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK, steps={"antmaze": 2_200_000})
