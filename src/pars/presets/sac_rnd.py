"""SAC-RND: the authors' configs (tinkoff-ai/sac-rnd), per dataset as a branch of CORL has them; Adroit as ReBRAC's
authors ran it."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ULTRA

SOURCE = "tinkoff-ai/sac-rnd configs (AntMaze v1), corl-team/CORL sac_rnd_jax; Adroit tinkoff-ai/ReBRAC's score file"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; those of the large maze"),
    **dict.fromkeys(ADROIT, "weights alone are published; the rest are the defaults"),
}
FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(discount=0.999, reward_scale=100.0),
    "mujoco": dict(batch_size=1024, critic_lr=1e-3, actor_lr=1e-3, temperature_lr=1e-3),
    "pointmaze": dict(  # ours
        hidden=(128, 128),
        actor_hidden=(128, 128),
        rnd_width=64,
        discount=0.95,
        reward_scale=10.0,
        actor_bonus_weight=0.5,
        critic_bonus_weight=0.01,
    ),
}


def _weights(actor: float, critic: float | None = None) -> dict[str, Any]:
    """beta of the actor, and of the critics: the same unless said."""
    return dict(actor_bonus_weight=actor, critic_bonus_weight=actor if critic is None else critic)


TASK: dict[str, dict[str, Any]] = {
    "antmaze-umaze-v2": _weights(1.0, 0.1),
    "antmaze-umaze-diverse-v2": _weights(1.0, 0.1),
    "antmaze-medium-play-v2": _weights(0.5, 0.001),
    "antmaze-medium-diverse-v2": _weights(1.0, 0.01),
    "antmaze-large-play-v2": _weights(1.0, 0.01),
    "antmaze-large-diverse-v2": _weights(0.5, 0.01),
    "antmaze-ultra-play-v0": _weights(1.0, 0.01),
    "antmaze-ultra-diverse-v0": _weights(0.5, 0.01),
    "pen-cloned-v1": _weights(2.5, 0.01),
    "pen-expert-v1": _weights(10.0, 5.0),
    "door-cloned-v1": _weights(5.0, 1.0),
    "door-expert-v1": _weights(10.0, 10.0),
    "hammer-cloned-v1": _weights(1.0, 1.0),
    "hammer-expert-v1": _weights(2.5, 10.0),
    "relocate-cloned-v1": _weights(5.0, 1.0),
    "relocate-expert-v1": _weights(10.0, 10.0),
    "halfcheetah-random-v2": _weights(0.1),
    "halfcheetah-medium-v2": _weights(0.3),
    "halfcheetah-medium-replay-v2": _weights(0.1),
    "halfcheetah-medium-expert-v2": _weights(0.1),
    "hopper-random-v2": _weights(5.0),
    "hopper-medium-v2": _weights(25.0),
    "hopper-medium-replay-v2": _weights(8.0),
    "hopper-medium-expert-v2": _weights(15.0),
    "walker2d-random-v2": _weights(1.0),
    "walker2d-medium-v2": _weights(8.0),
    "walker2d-medium-replay-v2": _weights(8.0),
    "walker2d-medium-expert-v2": _weights(25.0),
}

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, fallback=FALLBACK, steps={"mujoco": 3_000_000, "antmaze": 4_000_000})
