"""The baselines' presets against the tables of their configs, typed here once more."""

from __future__ import annotations

from typing import Any

import pytest

from pars import presets
from pars.algos import ALGORITHMS
from pars.presets import rebrac as rebrac_preset
from pars.presets import td3_bc as td3_bc_preset
from tests.loops import for_each
from tests.presets.test_presets import ADROIT, ANTMAZE, D4RL, MUJOCO

CLONED = [task_id for task_id in ADROIT if "cloned" in task_id]
ULTRA = ANTMAZE[6:]
RANDOM = [task_id for task_id in MUJOCO if "random" in task_id]
GOALS = ("gc_bc", "gc_iql", "wgcsl", "dwsl", "hiql", "gcpc")
BASELINES = [name for name in ALGORITHMS if name != "pars"]


def config(name: str, task_id: str, preset: str = "paper") -> Any:
    return ALGORITHMS[name].configure(presets.settings(name, task_id, preset))


def rows(text: str) -> dict[str, list[float]]:
    """Lines of a dataset id without its version and numbers -> id -> numbers."""
    found = {words[0]: [float(word) for word in words[1:]] for words in map(str.split, text.strip().splitlines())}
    return {next(name for name in D4RL if name.rpartition("-")[0] == short): found[short] for short in found}


REBRAC = rows("""
antmaze-umaze             0.003  0.002
antmaze-umaze-diverse     0.003  0.001
antmaze-medium-play       0.001  0.0005
antmaze-medium-diverse    0.001  0
antmaze-large-play        0.002  0.001
antmaze-large-diverse     0.002  0.002
pen-cloned                0.05   0.5
pen-expert                0.01   0.01
door-cloned               0.01   0.1
door-expert               0.05   0.01
hammer-cloned             0.1    0.5
hammer-expert             0.01   0.01
relocate-cloned           0.1    0.01
relocate-expert           0.05   0.01
halfcheetah-random        0.001  0.1
halfcheetah-medium        0.001  0.01
halfcheetah-medium-replay 0.01   0.001
halfcheetah-medium-expert 0.01   0.1
hopper-random             0.001  0.01
hopper-medium             0.01   0.01
hopper-medium-replay      0.05   0.5
hopper-medium-expert      0.1    0.01
walker2d-random           0.01   0
walker2d-medium           0.05   0.1
walker2d-medium-replay    0.05   0.01
walker2d-medium-expert    0.01   0.01
""")


@for_each(REBRAC)
def test_rebrac(task_id: str) -> None:
    cfg = config("rebrac", task_id)
    assert [cfg.bc_weight, cfg.critic_bc_weight] == REBRAC[task_id]
    sizes = (cfg.batch_size, cfg.offline_rows, cfg.actor_lr, cfg.critic_lr, cfg.discount, cfg.reward_scale)
    mujoco, antmaze = (1024, 512, 1e-3, 1e-3, 0.99, 1), (256, 128, 3e-4, 5e-5, 0.999, 100)
    assert sizes == (
        mujoco if task_id in MUJOCO else antmaze if task_id in ANTMAZE else (256, 128, 3e-4, 3e-4, 0.99, 1)
    )
    assert (cfg.hidden, cfg.actor_hidden, cfg.layer_norm) == ((256,) * 3, (256,) * 3, "after")
    assert (cfg.exploration_noise, cfg.updates_per_step, cfg.normalize_obs) == (0.0, 1, False)


def test_rebrac_lies_on_its_grid_and_ultra_is_large() -> None:
    assert set(rebrac_preset.TASK) == set(D4RL) == {*REBRAC, *ULTRA}
    for task_id in D4RL:
        cfg, antmaze = config("rebrac", task_id), task_id in ANTMAZE
        assert cfg.bc_weight in ((0.0005, 0.001, 0.002, 0.003) if antmaze else (0.001, 0.01, 0.05, 0.1))
        assert cfg.critic_bc_weight in ((0, 0.0005, 0.001, 0.002) if antmaze else (0, 0.001, 0.01, 0.1, 0.5))
    for ultra in ULTRA:
        large = ultra.replace("ultra", "large").replace("v0", "v2")
        assert config("rebrac", ultra) == config("rebrac", large)


TUNED_IQL = rows("""
pen-cloned             10  0.9
pen-expert             10  0.8
door-cloned            6   0.7
door-expert            0.5 0.7
hammer-cloned          6   0.5
hammer-expert          0.5 0.95
relocate-cloned        6   0.9
relocate-expert        10  0.9
antmaze-umaze          10  0.7
antmaze-umaze-diverse  10  0.95
antmaze-medium-play    6   0.9
antmaze-medium-diverse 6   0.9
antmaze-large-play     10  0.9
antmaze-large-diverse  6   0.9
""")


@for_each(D4RL)
def test_iql_is_the_authors_recipe_and_on_adroit_the_tuned_one(task_id: str) -> None:
    cfg, adroit, antmaze = config("iql", task_id), task_id in ADROIT, task_id in ANTMAZE
    expected = TUNED_IQL[task_id] if adroit else [10.0, 0.9] if antmaze else [3.0, 0.7]
    assert [cfg.advantage_scale, cfg.expectile] == expected
    assert (cfg.reward_norm, cfg.reward_shift) == ("range" if task_id in MUJOCO else "none", -1 if antmaze else 0)
    assert (cfg.dropout, cfg.normalize_obs, cfg.value_first) == (
        (True, True, False) if adroit else (False, False, True)
    )
    assert (cfg.deterministic, cfg.polyak, cfg.actor_cosine, cfg.offline_rows) == (False, 0.005, True, 128)
    assert cfg.initializer == ("torch" if adroit else "orthogonal")


@for_each(D4RL)
def test_iql_of_corl(task_id: str) -> None:
    cfg = config("iql", task_id, "corl")
    domain = [10.0, 0.9] if task_id in ANTMAZE else [3.0, 0.8] if task_id in ADROIT else [3.0, 0.7]
    assert [cfg.advantage_scale, cfg.expectile] == ([6.0, 0.5] if task_id == "hopper-medium-expert-v2" else domain)
    odd = task_id in ("hopper-medium-v2", "hopper-medium-replay-v2")
    assert (cfg.deterministic, cfg.polyak, cfg.reward_norm) == (
        (True, 0.001, "range") if odd else (False, 0.005, "none")
    )
    assert (cfg.normalize_obs, cfg.initializer, cfg.value_first) == (True, "torch", False)
    assert (cfg.dropout, cfg.reward_shift) == (task_id in ADROIT, -1 if task_id in ANTMAZE else 0)


@for_each(TUNED_IQL)
def test_tuned_iql(task_id: str) -> None:
    cfg = config("iql", task_id, "tuned")
    assert [cfg.advantage_scale, cfg.expectile] == TUNED_IQL[task_id]
    assert (cfg.normalize_obs, cfg.reward_shift) == (True, -1 if task_id in ANTMAZE else 0)


@for_each([(name, task_id) for name in ("cql", "cal_ql") for task_id in D4RL])
def test_cql_and_cal_ql(name: str, task_id: str) -> None:
    cfg, antmaze, adroit, cal_ql = config(name, task_id), task_id in ANTMAZE, task_id in ADROIT, name == "cal_ql"
    assert cfg.conservative_weight == (5 if antmaze else 1 if adroit else 10)
    assert (cfg.actor_lr, cfg.temperature_lr, cfg.critic_lr) == (
        *([1e-4] * 2 if antmaze or adroit else [3e-5] * 2),
        3e-4,
    )
    assert (cfg.hidden, cfg.actor_hidden) == (((256,) * 4, (256,) * 2) if antmaze else ((256,) * 3, (256,) * 3))
    assert (cfg.reward_scale, cfg.reward_shift) == ((10, -5) if antmaze else (1, 0))
    assert (cfg.lagrange, cfg.target_gap, cfg.max_backup) == (antmaze, 0.8, antmaze or (cal_ql and adroit))
    assert (cfg.clip_gap, cfg.gap_min) == (cal_ql and adroit, -200)
    assert cfg.normalize_obs == (task_id in MUJOCO or (adroit and not cal_ql))
    assert cfg.reward_norm == ("range" if (name, task_id) == ("cql", "hopper-medium-v2") else "none")
    assert (cfg.calibrate, cfg.online_conservative, cfg.failure) == (cal_ql, cal_ql, cal_ql and antmaze)
    assert (cfg.batch_size, cfg.discount, cfg.sampled_actions, cfg.offline_rows) == (256, 0.99, 10, 128)


def test_a_maze_never_left_returns_minus_500_in_cal_ql() -> None:
    cfg = config("cal_ql", "antmaze-umaze-v2")
    failure = cfg.reward_scale * cfg.failure_reward + cfg.reward_shift
    assert failure / (1 - cfg.discount) == pytest.approx(-500)


CRITICS = rows("""
halfcheetah-random        10  10
halfcheetah-medium        10  10
halfcheetah-medium-replay 10  10
halfcheetah-medium-expert 10  10
hopper-random             500 50
hopper-medium             500 50
hopper-medium-replay      200 50
hopper-medium-expert      200 50
walker2d-random           20  10
walker2d-medium           20  10
walker2d-medium-replay    20  10
walker2d-medium-expert    20  10
pen-cloned                100 20
pen-expert                100 20
""")


@for_each(D4RL)
def test_sac_n_and_edac(task_id: str) -> None:
    sac_n, edac = config("sac_n", task_id), config("edac", task_id)
    domain = [25, 10] if task_id in ANTMAZE else [100, 50]
    assert [sac_n.critics, edac.critics] == CRITICS.get(task_id, domain)
    hand = 10 if task_id.startswith("pen") else 200
    mujoco = 5 if task_id in ("halfcheetah-medium-expert-v2", "walker2d-medium-expert-v2") else 1
    assert edac.diversity_weight == (hand if task_id in ADROIT else mujoco)
    for cfg in (sac_n, edac):
        official = cfg is edac and task_id == "pen-cloned-v1"
        assert (cfg.actor_lr, cfg.temperature_lr) == ((3e-5, 3e-5) if official else (3e-4, 3e-4))
        assert (cfg.reward_norm, getattr(cfg, "max_backup", False)) == (
            ("standard", True) if official else ("none", False)
        )
        assert (cfg.critic_lr, cfg.batch_size, cfg.discount, cfg.normalize_obs) == (3e-4, 256, 0.99, False)
        assert (cfg.hidden, cfg.actor_hidden, cfg.initializer) == ((256,) * 3, (256,) * 3, "edac")


@for_each(D4RL)
def test_rlpd_by_domain(task_id: str) -> None:
    cfg, antmaze, mujoco = config("rlpd", task_id), task_id in ANTMAZE, task_id in MUJOCO
    assert (cfg.target_critics, cfg.backup_entropy, cfg.reward_shift) == (
        1 if antmaze else 2,
        mujoco,
        -1 if antmaze else 0,
    )
    assert cfg.hidden == cfg.actor_hidden == ((256, 256) if mujoco else (256, 256, 256))
    assert (cfg.critics, cfg.updates_per_step, cfg.random_steps, cfg.offline_rows) == (10, 20, 5000, 128)


UNI_O4 = {  # epochs, actor's rate, reward scale and activation online
    "halfcheetah-medium-v2": (30, 3e-5, 0.1, "tanh"),
    "halfcheetah-medium-replay-v2": (20, 3e-5, 0.1, "tanh"),
    "halfcheetah-medium-expert-v2": (10, 2e-5, 0.1, "relu"),
    "hopper-medium-v2": (10, 2e-5, 0.1, "relu"),
    "hopper-medium-replay-v2": (10, 2e-5, 0.1, "relu"),
    "hopper-medium-expert-v2": (5, 6e-6, 0.1, "relu"),
    "walker2d-medium-v2": (30, 3e-5, 1.0, "relu"),
    "walker2d-medium-replay-v2": (30, 3e-5, 1.0, "relu"),
    "walker2d-medium-expert-v2": (30, 3e-5, 1.0, "relu"),
}


@for_each(D4RL)
def test_uni_o4(task_id: str) -> None:
    cfg = config("uni_o4", task_id)
    medium = task_id.replace("random", "medium")
    if medium in UNI_O4:
        assert (cfg.epochs, cfg.actor_lr, cfg.reward_scale, cfg.actor_activation) == UNI_O4[medium]
    assert cfg.normalize_obs == (
        task_id.startswith("hammer") or task_id not in (*ADROIT, "halfcheetah-medium-replay-v2")
    )
    assert (cfg.horizon, cfg.improve_lr) == (
        (150, 3e-5) if task_id in ANTMAZE else (1000, 1e-4) if task_id in MUJOCO else (cfg.horizon, 1e-5)
    )
    assert cfg.expectile == (0.9 if task_id in ANTMAZE else 0.7)
    assert (cfg.model_hidden, cfg.model_lr) == (((200,) * 4, 1e-3) if task_id in MUJOCO else ((400,) * 4, 3e-4))
    assert cfg.critic_steps == (500_000 if task_id == "walker2d-medium-replay-v2" else 2_000_000)
    assert (cfg.rollout, cfg.clip, cfg.gae_lambda, cfg.entropy_weight, cfg.value_lr) == (2048, 0.05, 0.95, 0.01, 2e-4)
    assert (cfg.policies, cfg.models, cfg.elites, cfg.behaviour_steps) == (4, 7, 5, 400_000)
    assert cfg.minibatch == (256 if task_id in ADROIT else 128)


@for_each(D4RL)
def test_pex_is_the_readmes_recipe(task_id: str) -> None:
    cfg = config("pex", task_id)
    assert (cfg.expectile, cfg.advantage_scale, cfg.choice_scale, cfg.evaluation_chance) == (0.9, 10, 10, 0.1)
    assert (cfg.hidden, cfg.actor_hidden, cfg.learning_starts, cfg.updates_per_step) == (
        (256,) * 2,
        (256,) * 2,
        5000,
        1,
    )
    assert (cfg.reward_shift, cfg.reward_norm, cfg.offline_rows) == (-1 if task_id in ANTMAZE else 0, "none", 128)
    assert (cfg.value_first, cfg.actor_cosine, cfg.batch_size, cfg.polyak) == (False, True, 256, 0.005)


@for_each(D4RL)
def test_off2on_is_the_authors_example_and_its_members_are_cqls(task_id: str) -> None:
    cfg, members = config("off2on", task_id), config("cql", task_id)
    example = task_id == "halfcheetah-medium-v2"
    assert (cfg.first_epoch_factor, cfg.new_share) == ((5, 0.75) if example else (10, 0.5))
    assert (cfg.agents, cfg.epoch_steps, cfg.ratio_temperature, cfg.online_lr, cfg.ratio_lr) == (5, 1000, 5, 3e-4, 3e-4)
    for name in ("conservative_weight", "lagrange", "max_backup", "actor_lr", "reward_scale", "reward_shift"):
        assert getattr(cfg, name) == getattr(members, name), name
    if task_id in MUJOCO:
        assert (cfg.hidden, cfg.actor_hidden, cfg.ratio_hidden) == ((256, 256),) * 3


def test_one_setting_for_all() -> None:
    for task_id in D4RL:
        for name in ("bc", "bc_10", "sac", "td3", "ppo"):
            assert config(name, task_id) == ALGORITHMS[name].configure()
        assert config("td3_bc", task_id).reward_shift == (-1 if task_id in ANTMAZE else 0)
    assert (config("bc", D4RL[0]).best_fraction, config("bc_10", D4RL[0]).best_fraction) == (1.0, 0.1)
    assert config("bc_10", "pointmaze-umaze-diverse").best_fraction == 0.1


def test_how_often_each_weight_of_the_tuned_td3_bc_occurs() -> None:
    weights = [td3_bc_preset.TUNED[task_id]["bc_weight"] for task_id in D4RL if task_id not in ULTRA]
    assert {w: weights.count(w) for w in weights} == {0.4: 12, 0.1: 4, 0.05: 3, 0.01: 1, 0.003: 4, 0.001: 2}


NOT_PUBLISHED = {  # beside ultra, which PARS alone has
    "sac_n": RANDOM,
    "edac": RANDOM,
    "cal_ql": [*MUJOCO, *(task_id for task_id in ADROIT if task_id not in CLONED)],
    "rlpd": ADROIT,
    "mcq": [*ANTMAZE, *ADROIT],
    "msg": [task_id for task_id in D4RL if task_id != "antmaze-large-diverse-v2"],
    "spot": [*RANDOM, *(task_id for task_id in ADROIT if task_id not in CLONED)],
    "svr": [*ANTMAZE, *(task_id for task_id in ADROIT if not task_id.startswith("pen"))],
    "sac_rnd": ADROIT,
    "pex": [*ADROIT, *(task_id for task_id in MUJOCO if "medium-expert" in task_id)],
    "off2on": [*ANTMAZE, *ADROIT],
    "sac": [*ANTMAZE, *ADROIT],
    "td3": [*ANTMAZE, *ADROIT],
    "ppo": [*ANTMAZE, *ADROIT],
    "uni_o4": [*ANTMAZE, *ADROIT, *RANDOM],
    **{name: [*ADROIT, *MUJOCO] for name in GOALS},
    "hiql": [*ANTMAZE, *ADROIT, *MUJOCO],
}
PRINTED = {"hiql": {"antmaze-large-diverse-v2", "antmaze-ultra-diverse-v0"}, "gcpc": {*ULTRA}}


@for_each(BASELINES)
def test_what_is_not_published_is_marked_and_nothing_else(name: str) -> None:
    assert set(presets.PRESETS[name].fallback) == {*ULTRA, *NOT_PUBLISHED.get(name, [])} - PRINTED.get(name, set())


@for_each(ANTMAZE)
def test_goal_conditioned_methods_have_their_authors_numbers(task_id: str) -> None:
    ultra, large = task_id in ULTRA, "large" in task_id
    for name in ("gc_bc", "gc_iql", "wgcsl", "dwsl"):
        cfg = config(name, task_id)
        assert (cfg.batch_size, cfg.actor_lr, cfg.actor_hidden, cfg.goal_columns) == (512, 5e-4, (512, 512), (0, 1))
        assert presets.offline_steps(name, task_id) == 80_000
    assert config("dwsl", task_id).bins == (400 if ultra else 200 if large else 150 if "medium" in task_id else 100)
    cfg = config("hiql", task_id)
    assert (cfg.batch_size, cfg.subgoal_steps, cfg.whole_goals) == (1024, 50 if ultra else 25, True)
    assert (cfg.hidden, cfg.layer_norm, cfg.weight_max, cfg.polyak) == ((512, 512, 512), "after", 100.0, 0.005)
    cfg = config("gcpc", task_id)
    assert (cfg.batch_size, cfg.trajectory_lr, cfg.actor_lr, cfg.future_steps) == (1024, 1e-4, 1e-3, 70)
    assert (cfg.token_width, cfg.actor_hidden, presets.offline_steps("gcpc", task_id)) == (256, (1024,), 70_000)
    for preset, critics in (("action_free", 0), ("ogbench", 2)):
        cfg = config("gc_iql", task_id, preset)
        assert (cfg.q_functions, cfg.goals, cfg.target_delay, cfg.polyak) == (critics, "mixed", 1, 0.005)


def test_the_papers_own_method_needs_no_fallback() -> None:
    assert presets.PRESETS["pars"].fallback == {}
