"""IQL: the authors' recipe on MuJoCo (the defaults) and AntMaze; on Adroit the values that ReBRAC's authors tuned.

The tuned values are beta and the expectile of the file of scores in tinkoff-ai/ReBRAC. They were run with CORL's code;
what else was set is not published and taken from CORL's configs of the same sets. The preset "corl" is
corl-team/CORL: configs/offline/iql, "tuned" has the tuned values on AntMaze too.
"""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ULTRA

SOURCE = "ikostrikov/implicit_q_learning configs; Adroit: tuned by ReBRAC's authors (their score file), else CORL"
FALLBACK = dict.fromkeys(ULTRA, "none published; the values of the other mazes")

CORL: dict[str, Any] = dict(initializer="torch", normalize_obs=True, value_first=False)

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(expectile=0.9, advantage_scale=10.0, reward_shift=-1.0),
    "adroit": CORL | dict(dropout=True),
    "mujoco": dict(reward_norm="range"),
    "pointmaze": dict(  # ours: AntMaze's, with small networks and a short horizon
        hidden=(128, 128),
        actor_hidden=(128, 128),
        discount=0.95,
        expectile=0.9,
        advantage_scale=10.0,
        reward_shift=-1.0,
    ),
}


def _tuned(beta: float, expectile: float) -> dict[str, Any]:
    return dict(advantage_scale=beta, expectile=expectile)


TASK: dict[str, dict[str, Any]] = {
    "pen-cloned-v1": _tuned(10.0, 0.9),
    "pen-expert-v1": _tuned(10.0, 0.8),
    "door-cloned-v1": _tuned(6.0, 0.7),
    "door-expert-v1": _tuned(0.5, 0.7),
    "hammer-cloned-v1": _tuned(6.0, 0.5),
    "hammer-expert-v1": _tuned(0.5, 0.95),
    "relocate-cloned-v1": _tuned(6.0, 0.9),
    "relocate-expert-v1": _tuned(10.0, 0.9),
}

TUNED: dict[str, dict[str, Any]] = {
    "antmaze-umaze-v2": CORL | _tuned(10.0, 0.7),
    "antmaze-umaze-diverse-v2": CORL | _tuned(10.0, 0.95),
    "antmaze-medium-play-v2": CORL | _tuned(6.0, 0.9),
    "antmaze-medium-diverse-v2": CORL | _tuned(6.0, 0.9),
    "antmaze-large-play-v2": CORL | _tuned(10.0, 0.9),
    "antmaze-large-diverse-v2": CORL | _tuned(6.0, 0.9),
    "adroit": {},  # as in "paper"
}

_HOPPER = CORL | dict(deterministic=True, polyak=0.001, reward_norm="range")
CORL_SETS: dict[str, dict[str, Any]] = {
    "antmaze": CORL,
    "adroit": CORL | dict(dropout=True) | _tuned(3.0, 0.8),
    "mujoco": CORL | dict(reward_norm="none"),
    "hopper-medium-v2": _HOPPER,
    "hopper-medium-replay-v2": _HOPPER,
    "hopper-medium-expert-v2": CORL | dict(reward_norm="none") | _tuned(6.0, 0.5),
}

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, choices={"corl": CORL_SETS, "tuned": TUNED}, fallback=FALLBACK)
