"""Uni-O4: the authors' scripts for MuJoCo (scripts/mujoco_loco and ppo_finetune/scripts/mujoco_loco of Lei-Kun/Uni-O4);
where they try several values, the larger. Rewards that theirs scale as they go are scaled by 0.1 here.

Offline scripts for AntMaze and Adroit try many values too, and online ones for Adroit are said to need tuning; AntMaze
has none. There stands one of the values tried.
"""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, RANDOM, SETS

SOURCE = "scripts of Lei-Kun/Uni-O4, of several values the larger"
FALLBACK = {
    **dict.fromkeys(SETS["antmaze"], "offline one of many tried; online none, MuJoCo's"),
    **dict.fromkeys(ADROIT, "none published; one of the values tried"),
    **dict.fromkeys(RANDOM, "none published; the values of the medium set"),
}

_LARGE_MODEL: dict[str, Any] = dict(model_hidden=(400, 400, 400, 400), model_lr=3e-4)

FAMILY: dict[str, dict[str, Any]] = {
    "mujoco": dict(epochs=30, actor_lr=3e-5),
    "antmaze": _LARGE_MODEL
    | dict(
        hidden=(256, 256, 256),
        value_hidden=(256, 256, 256),
        expectile=0.9,
        reward_scale=10.0,
        reward_shift=-5.0,
        improve_lr=3e-5,
        horizon=150,
    ),
    "adroit": _LARGE_MODEL
    | dict(clip_sampled=True, normalize_obs=False, improve_lr=1e-5, horizon=50, online_batch=256, actor_lr=1e-5),
    "pointmaze": dict(  # ours: AntMaze's, small enough for two cores
        hidden=(128, 128),
        value_hidden=(128, 128),
        actor_hidden=(128, 128),
        model_hidden=(64, 64),
        batch_size=128,
        discount=0.95,
        expectile=0.9,
        reward_scale=10.0,
        reward_shift=-5.0,
        critic_lr=3e-4,
        behaviour_lr=3e-4,
        critic_steps=10_000,
        behaviour_steps=5_000,
        model_steps=5_000,
        models=3,
        elites=2,
        horizon=20,
        estimate_every=500,
        rollout=512,
        actor_lr=1e-4,
    ),
}
ROBOT: dict[str, dict[str, Any]] = {
    "halfcheetah": dict(actor_activation="tanh", reward_scale=0.1),
    "hopper": dict(epochs=10, actor_lr=2e-5, reward_scale=0.1),
    "pen": dict(epochs=10, actor_lr=3e-6, reward_scale=0.1, horizon=20),
    "hammer": dict(actor_activation="tanh", normalize_obs=True, reward_scale=0.1),
    "relocate": dict(actor_activation="tanh"),
}
TASK: dict[str, dict[str, Any]] = {
    "halfcheetah-medium-replay-v2": dict(epochs=20, normalize_obs=False),
    "halfcheetah-medium-expert-v2": dict(epochs=10, actor_lr=2e-5, actor_activation="relu"),
    "hopper-medium-expert-v2": dict(epochs=5, actor_lr=6e-6),
    "walker2d-medium-replay-v2": dict(critic_steps=500_000),
}

PRESET = Preset(
    SOURCE,
    family=FAMILY,
    robot=ROBOT,
    task=TASK,
    fallback=FALLBACK,
    steps=dict.fromkeys(("mujoco", "antmaze", "adroit", "own"), 10_000),
)
