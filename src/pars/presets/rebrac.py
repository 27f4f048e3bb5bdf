"""ReBRAC: the authors' configs (tinkoff-ai/ReBRAC: configs/rebrac), those of corl-team/CORL too."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ULTRA

SOURCE = "tinkoff-ai/ReBRAC configs/rebrac; online corl-team/CORL finetune/rebrac.py"
FALLBACK = dict.fromkeys(ULTRA, "none published; those of the large maze")

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(discount=0.999, critic_lr=5e-5, reward_scale=100.0),
    "mujoco": dict(batch_size=1024, critic_lr=1e-3, actor_lr=1e-3),
    "pointmaze": dict(  # ours
        hidden=(128, 128),
        actor_hidden=(128, 128),
        discount=0.95,
        reward_scale=100.0,
        bc_weight=0.05,
        critic_bc_weight=0.01,
    ),
}


def _weights(actor: float, critic: float) -> dict[str, Any]:
    """beta_1 and beta_2."""
    return dict(bc_weight=actor, critic_bc_weight=critic)


# The authors' file of scores belongs to other values of beta_2 in the rows that say so.
TASK: dict[str, dict[str, Any]] = {
    "antmaze-umaze-v2": _weights(0.003, 0.002),
    "antmaze-umaze-diverse-v2": _weights(0.003, 0.001),
    "antmaze-medium-play-v2": _weights(0.001, 0.0005),
    "antmaze-medium-diverse-v2": _weights(0.001, 0.0),
    "antmaze-large-play-v2": _weights(0.002, 0.001),
    "antmaze-large-diverse-v2": _weights(0.002, 0.002),
    "antmaze-ultra-play-v0": _weights(0.002, 0.001),
    "antmaze-ultra-diverse-v0": _weights(0.002, 0.002),
    "pen-cloned-v1": _weights(0.05, 0.5),
    "pen-expert-v1": _weights(0.01, 0.01),
    "door-cloned-v1": _weights(0.01, 0.1),
    "door-expert-v1": _weights(0.05, 0.01),
    "hammer-cloned-v1": _weights(0.1, 0.5),
    "hammer-expert-v1": _weights(0.01, 0.01),
    "relocate-cloned-v1": _weights(0.1, 0.01),
    "relocate-expert-v1": _weights(0.05, 0.01),
    "halfcheetah-random-v2": _weights(0.001, 0.1),
    "halfcheetah-medium-v2": _weights(0.001, 0.01),
    "halfcheetah-medium-replay-v2": _weights(0.01, 0.001),
    "halfcheetah-medium-expert-v2": _weights(0.01, 0.1),
    "hopper-random-v2": _weights(0.001, 0.01),  # scores: 0.1
    "hopper-medium-v2": _weights(0.01, 0.01),  # scores: 0.001
    "hopper-medium-replay-v2": _weights(0.05, 0.5),
    "hopper-medium-expert-v2": _weights(0.1, 0.01),  # scores: 0.1
    "walker2d-random-v2": _weights(0.01, 0.0),
    "walker2d-medium-v2": _weights(0.05, 0.1),
    "walker2d-medium-replay-v2": _weights(0.05, 0.01),  # scores: 0.001
    "walker2d-medium-expert-v2": _weights(0.01, 0.01),
}

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, fallback=FALLBACK)
