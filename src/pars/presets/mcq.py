"""MCQ: the authors' code (dmksjfl/MCQ); weights of MuJoCo as a reproduction script of it has them."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ANTMAZE_V2, ULTRA

SOURCE = "dmksjfl/MCQ; weights of a third party's script for it, hopper-medium-replay's also of its README"
FALLBACK = dict.fromkeys((*ANTMAZE_V2, *ULTRA), "none published; the default's") | dict.fromkeys(
    ADROIT, "none published; the weight of pen-human-v0, no floor"
)
FAMILY: dict[str, dict[str, Any]] = {
    "adroit": dict(td_weight=0.3, floor_pseudo=False),
    "pointmaze": dict(  # ours
        hidden=(128, 128), actor_hidden=(128, 128), behaviour_hidden=(128, 128), discount=0.95, reward_scale=10.0
    ),
}
# the authors' branch for sets of narrow behaviour: pulled down only, where policy and data are apart
APART: dict[str, Any] = dict(pull="above", pull_margin=5.0, pull_distance=0.1)
WEIGHTS: dict[str, tuple[float, float, float, float]] = {  # of random, medium, medium-replay, medium-expert
    "halfcheetah": (0.95, 0.95, 0.95, 0.7),
    "hopper": (0.6, 0.7, 0.9, 0.5),
    "walker2d": (0.8, 0.9, 0.9, 0.8),
}
KINDS = ("random", "medium", "medium-replay", "medium-expert")
TASK: dict[str, dict[str, Any]] = {
    f"{robot}-{kind}-v2": dict(td_weight=weight)
    for robot, weights in WEIGHTS.items()
    for kind, weight in zip(KINDS, weights, strict=True)
}
for name in ("hopper-medium-v2", "hopper-medium-expert-v2", "halfcheetah-medium-expert-v2"):
    TASK[name] |= APART

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, fallback=FALLBACK)
