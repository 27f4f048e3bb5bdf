"""Published values of the methods that keep to the data's support: MCQ, MSG, SPOT, SVR, SAC-RND."""

from __future__ import annotations

from typing import Any

import pytest

from pars import presets
from pars.algos import ALGORITHMS
from pars.presets.sets import ADROIT, ANTMAZE_V2, MUJOCO, SETS
from tests.loops import for_each


def config(name: str, task_id: str) -> Any:
    return ALGORITHMS[name].configure(presets.settings(name, task_id))


@pytest.mark.parametrize(
    ("robot", "weights"),
    [("halfcheetah", (0.95, 0.95, 0.95, 0.7)), ("hopper", (0.6, 0.7, 0.9, 0.5)), ("walker2d", (0.8, 0.9, 0.9, 0.8))],
)
def test_mcq_weights_and_the_branch_of_narrow_sets(robot: str, weights: tuple[float, ...]) -> None:
    kinds = ("random", "medium", "medium-replay", "medium-expert")
    for kind, weight in zip(kinds, weights, strict=True):
        cfg = config("mcq", f"{robot}-{kind}-v2")
        assert (cfg.td_weight, cfg.sampled_actions, cfg.hidden, cfg.behaviour_hidden) == (
            weight, 10, (400,) * 3, (750, 750)
        )  # fmt: skip
        narrow = (robot, kind) in {
            ("hopper", "medium"), ("hopper", "medium-expert"), ("halfcheetah", "medium-expert")
        }  # fmt: skip
        assert (cfg.pull, cfg.pull_margin, cfg.pull_distance) == (("above", 5.0, 0.1) if narrow else ("both", 0.0, 0.0))
        assert (cfg.floor_pseudo, cfg.pseudo_floor) == (True, 0.0)


@for_each(SETS["antmaze"])
def test_msg_on_antmaze(task_id: str) -> None:
    cfg = config("msg", task_id)
    assert (cfg.critics, cfg.pessimism, cfg.conservative_weight, cfg.clone_steps) == (64, 8.0, 0.1, 50_000)
    assert (cfg.reward_scale, cfg.reward_shift, cfg.actor_lr, cfg.critic_lr) == (4.0, -2.0, 3e-5, 3e-4)
    assert (cfg.double_q, cfg.hidden, cfg.initializer) == (False, (256,) * 3, "glorot_normal")
    assert presets.offline_steps("msg", task_id) == 2_200_000


@for_each(MUJOCO)
def test_msg_has_pairs_on_mujoco(task_id: str) -> None:
    assert (config("msg", task_id).double_q, config("msg", task_id).pair) == (True, 2)


SPOT = {
    "antmaze-umaze-v2": 0.25,
    "antmaze-umaze-diverse-v2": 0.25,
    "antmaze-medium-play-v2": 0.05,
    "antmaze-medium-diverse-v2": 0.025,
    "antmaze-large-play-v2": 0.025,
    "antmaze-large-diverse-v2": 0.025,
    "halfcheetah-medium-v2": 0.05,
    "halfcheetah-medium-replay-v2": 0.05,
    "halfcheetah-medium-expert-v2": 1.0,
    "hopper-medium-v2": 0.1,
    "hopper-medium-replay-v2": 0.1,
    "hopper-medium-expert-v2": 0.2,
    "walker2d-medium-v2": 0.2,
    "walker2d-medium-replay-v2": 0.2,
    "walker2d-medium-expert-v2": 0.5,
    "pen-cloned-v1": 1.0,
    "relocate-cloned-v1": 1.0,
}


@for_each(SPOT)
def test_spot_by_domain(task_id: str) -> None:
    cfg, mujoco = config("spot", task_id), task_id in MUJOCO
    assert (cfg.support_weight, cfg.kl_weight, cfg.behaviour_steps) == (SPOT[task_id], 0.5, 100_000)
    assert (cfg.normalize_obs, cfg.dropout, cfg.dropout_rate) == (mujoco, mujoco, 0.1)
    assert (cfg.actor_lr, cfg.initializer) == ((3e-4, "torch") if mujoco else (1e-4, "torch_small"))
    assert cfg.reward_shift == (-1.0 if task_id in ANTMAZE_V2 else 0.0)
    cooled = {"antmaze": 0.2, "adroit": 0.5}.get(presets.family(task_id), 1.0)
    assert (cfg.support_least, cfg.cooling_steps) == (cooled, 1e6)
    assert cfg.discount_online == (0.995 if "large" in task_id else 0.0)


@for_each([*MUJOCO, *ADROIT])
def test_svr_least_values_and_weights(task_id: str) -> None:
    cfg, robot = config("svr", task_id), task_id.partition("-")[0]
    least = {"halfcheetah": -366, "hopper": -125, "walker2d": -471, "pen": -715, "door": -42, "hammer": -348}
    assert cfg.least_value == least.get(robot, 0)
    wide = 0.001 if task_id in MUJOCO else 10.0
    assert cfg.support_weight == (0.02 if "expert" in task_id else wide)
    assert (cfg.critics, cfg.spread, cfg.weight_min, cfg.regulariser_min) == (4, 0.2, 0.1, -1e4)
    assert cfg.normalize_obs and cfg.actor_cosine and not cfg.normalize_weights


@pytest.mark.parametrize(
    ("task_id", "actor", "critic"),
    [
        ("antmaze-umaze-v2", 1.0, 0.1),
        ("antmaze-medium-play-v2", 0.5, 0.001),
        ("antmaze-large-diverse-v2", 0.5, 0.01),
        ("hammer-expert-v1", 2.5, 10.0),
        ("halfcheetah-medium-v2", 0.3, 0.3),
        ("hopper-medium-v2", 25.0, 25.0),
        ("hopper-medium-expert-v2", 15.0, 15.0),
        ("walker2d-random-v2", 1.0, 1.0),
    ],
)
def test_sac_rnd_weights(task_id: str, actor: float, critic: float) -> None:
    cfg = config("sac_rnd", task_id)
    assert (cfg.actor_bonus_weight, cfg.critic_bonus_weight) == (actor, critic)
    assert (cfg.layer_norm, cfg.initializer, cfg.temperature_loss, cfg.rnd_steps) == ("after", "edac", "exp", 1000)


@for_each(MUJOCO)
def test_sac_rnd_on_mujoco(task_id: str) -> None:
    cfg = config("sac_rnd", task_id)
    assert (cfg.batch_size, cfg.critic_lr, cfg.actor_lr, cfg.temperature_lr) == (1024, 1e-3, 1e-3, 1e-3)
    assert (cfg.discount, cfg.reward_scale) == (0.99, 1.0)
    assert presets.offline_steps("sac_rnd", task_id) == 3_000_000
    antmaze = config("sac_rnd", "antmaze-umaze-v2")
    assert (antmaze.batch_size, antmaze.discount, antmaze.reward_scale) == (256, 0.999, 100.0)
