"""SPOT: the authors' configs (thuml/SPOT) for MuJoCo and AntMaze, CORL's for Adroit."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, RANDOM, ULTRA

SOURCE = "thuml/SPOT configs; Adroit corl-team/CORL finetune/spot"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; those of the large maze"),
    **dict.fromkeys(RANDOM, "none published; the weight of the medium set"),
    **{name: "none published; the weight of the cloned sets" for name in ADROIT if "-expert-" in name},
}
_SMALL: dict[str, Any] = dict(normalize_obs=False, actor_lr=1e-4, initializer="torch_small")
FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": _SMALL | dict(reward_shift=-1.0, support_least=0.2),
    "adroit": _SMALL | dict(support_weight=1.0, support_least=0.5),
    "mujoco": dict(dropout=True),
    "pointmaze": dict(  # ours
        hidden=(128, 128),
        actor_hidden=(128, 128),
        behaviour_hidden=(128, 128),
        behaviour_steps=5000,
        normalize_obs=False,
        discount=0.95,
        reward_shift=-1.0,
        support_weight=0.05,
    ),
}
_LARGE: dict[str, Any] = dict(support_weight=0.025, discount_online=0.995)
TASK: dict[str, dict[str, Any]] = {
    "antmaze-umaze-v2": dict(support_weight=0.25),
    "antmaze-umaze-diverse-v2": dict(support_weight=0.25),
    "antmaze-medium-play-v2": dict(support_weight=0.05),
    "antmaze-medium-diverse-v2": dict(support_weight=0.025),
    **dict.fromkeys(("antmaze-large-play-v2", "antmaze-large-diverse-v2", *ULTRA), _LARGE),
    "halfcheetah-random-v2": dict(support_weight=0.05),
    "halfcheetah-medium-v2": dict(support_weight=0.05),
    "halfcheetah-medium-replay-v2": dict(support_weight=0.05),
    "halfcheetah-medium-expert-v2": dict(support_weight=1.0),
    "hopper-random-v2": dict(support_weight=0.1),
    "hopper-medium-v2": dict(support_weight=0.1),
    "hopper-medium-replay-v2": dict(support_weight=0.1),
    "hopper-medium-expert-v2": dict(support_weight=0.2),
    "walker2d-random-v2": dict(support_weight=0.2),
    "walker2d-medium-v2": dict(support_weight=0.2),
    "walker2d-medium-replay-v2": dict(support_weight=0.2),
    "walker2d-medium-expert-v2": dict(support_weight=0.5),
}

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, fallback=FALLBACK)
