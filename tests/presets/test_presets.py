"""Presets: every D4RL set builds a config, and its values are those of the papers' tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pars import presets
from pars.algos import ALGORITHMS
from pars.config import from_dict
from pars.errors import UsageError
from pars.presets import pars as pars_preset
from pars.presets import sets
from pars.presets import td3_bc as td3_bc_preset
from pars.training.launch import make_groups
from tests.loops import for_each

MAZES = ("umaze", "umaze-diverse", "medium-play", "medium-diverse", "large-play", "large-diverse")
ANTMAZE = [f"antmaze-{maze}-v2" for maze in MAZES] + ["antmaze-ultra-play-v0", "antmaze-ultra-diverse-v0"]
ADROIT = [f"{hand}-{kind}-v1" for hand in ("pen", "door", "hammer", "relocate") for kind in ("cloned", "expert")]
KINDS = ("random", "medium", "medium-replay", "medium-expert")
MUJOCO = [f"{robot}-{kind}-v2" for robot in ("halfcheetah", "hopper", "walker2d") for kind in KINDS]
D4RL = [*ANTMAZE, *ADROIT, *MUJOCO]


def config(name: str, task_id: str) -> Any:
    return ALGORITHMS[name].configure(presets.settings(name, task_id))


def test_there_are_28_sets_and_pars_has_a_row_for_each_and_no_other() -> None:
    assert len(D4RL) == 28
    assert set(pars_preset.TASK) == set(D4RL)
    assert list(sets.D4RL) == D4RL
    assert all(presets.family(task_id) == name for name, ids in sets.SETS.items() for task_id in ids)


@for_each([(name, task_id) for name in ALGORITHMS for task_id in [*D4RL, "pointmaze-umaze-diverse", "Hopper-v5"]])
def test_every_preset_builds_a_config(name: str, task_id: str) -> None:
    assert isinstance(config(name, task_id), ALGORITHMS[name].config)


@for_each(ANTMAZE)
def test_antmaze_has_the_values_of_table_9(task_id: str) -> None:
    cfg = config("pars", task_id)
    assert (cfg.critics, cfg.discount, cfg.infeasible_distance, cfg.q_min) == (4, 0.995, 1000.0, 0.0)
    assert (cfg.actor_cosine, cfg.exploration_noise, cfg.offline_rows, cfg.actor_critics) == (False, 0.05, 128, 1)


@for_each([*ADROIT, *MUJOCO])
def test_adroit_and_mujoco_have_the_values_of_table_9(task_id: str) -> None:
    cfg, adroit = config("pars", task_id), task_id in ADROIT
    assert (cfg.critics, cfg.discount, cfg.infeasible_distance) == (10, 0.99, 100.0)
    assert (cfg.actor_cosine, cfg.exploration_noise) == ((True, 0.05) if adroit else (False, 0.1))


@for_each(D4RL)
def test_what_table_9_gives_for_all(task_id: str) -> None:
    cfg = config("pars", task_id)
    assert (cfg.batch_size, cfg.polyak, cfg.critic_lr, cfg.actor_lr) == (256, 0.005, 3e-4, 3e-4)
    assert (cfg.updates_per_step, cfg.activation, cfg.layer_norm, cfg.penalty) == (20, "relu", "before", True)
    assert (cfg.hidden, cfg.policy_delay, cfg.noise_clip) == ((256, 256, 256), 2, 0.5)


@pytest.mark.parametrize(
    ("task_id", "c", "beta", "alpha", "beta_online", "alpha_online"),
    [  # Table 10
        ("antmaze-umaze-v2", 10_000, 0.005, 0.001, 0.0, 0.001),
        ("antmaze-umaze-diverse-v2", 10_000, 0.005, 0.001, 0.001, 0.001),
        ("antmaze-medium-play-v2", 1000, 0.01, 0.001, 0.0, 0.001),
        ("antmaze-large-play-v2", 1000, 0.01, 0.001, 0.01, 0.001),
        ("antmaze-large-diverse-v2", 10_000, 0.01, 0.01, 0.01, 0.001),
        ("antmaze-ultra-play-v0", 100, 0.01, 0.001, 0.001, 0.0001),
        ("antmaze-ultra-diverse-v0", 10_000, 0.01, 0.01, 0.01, 0.001),
        ("pen-cloned-v1", 10, 0.01, 0.01, 0.0, 0.001),
        ("door-cloned-v1", 10, 0.01, 0.01, 0.01, 0.001),
        ("hammer-cloned-v1", 10, 0.1, 0.001, 0.0, 0.001),
        ("relocate-cloned-v1", 10, 0.01, 0.01, 0.01, 0.001),
        ("door-expert-v1", 10, 0.1, 0.001, 0.0, 0.001),
    ],
)
def test_table_10(task_id: str, c: float, beta: float, alpha: float, beta_online: float, alpha_online: float) -> None:
    cfg = config("pars", task_id)
    assert (cfg.reward_scale, cfg.bc_weight, cfg.penalty_weight) == (c, beta, alpha)
    assert (cfg.bc_weight_online, cfg.penalty_weight_online) == (beta_online, alpha_online)
    assert (cfg.target_critics, cfg.policy_noise, cfg.offline_rows) == (2, 0.2, 128)


@pytest.mark.parametrize(
    ("task_id", "c", "alpha", "noise", "k_critic", "alpha_online", "k_actor", "offline_rows"),
    [  # Table 11
        ("halfcheetah-random-v2", 5, 0.0001, 0.2, 2, 0.0001, 1, 12),
        ("halfcheetah-medium-v2", 5, 0.0001, 0.0, 2, 0.0001, 10, 12),
        ("halfcheetah-medium-expert-v2", 5, 0.0001, 0.2, 10, 0.0001, 1, 12),
        ("hopper-random-v2", 10, 0.01, 0.2, 2, 0.01, 1, 12),
        ("hopper-medium-v2", 10, 0.01, 0.0, 10, 0.1, 1, 128),
        ("walker2d-random-v2", 10, 0.01, 0.0, 10, 0.0001, 10, 12),
        ("walker2d-medium-v2", 10, 0.01, 0.0, 10, 0.1, 1, 128),
        ("walker2d-medium-replay-v2", 10, 0.01, 0.0, 10, 0.01, 1, 128),
    ],
)
def test_table_11(
    task_id: str,
    c: float,
    alpha: float,
    noise: float,
    k_critic: int,
    alpha_online: float,
    k_actor: int,
    offline_rows: int,
) -> None:
    cfg = config("pars", task_id)
    assert (cfg.reward_scale, cfg.penalty_weight, cfg.policy_noise) == (c, alpha, noise)
    assert (cfg.target_critics, cfg.actor_critics, cfg.offline_rows) == (k_critic, k_actor, offline_rows)
    assert (cfg.penalty_weight_online, cfg.bc_weight, cfg.bc_weight_online) == (alpha_online, 0.0, 0.0)


@pytest.mark.parametrize(
    ("robot", "q_min"),
    [  # Table 8
        ("pen", -715),
        ("door", -42),
        ("hammer", -348),
        ("relocate", 0),
        ("halfcheetah", -366),
        ("hopper", -166),
        ("walker2d", -229),
    ],
)
def test_table_8(robot: str, q_min: float) -> None:
    assert {config("pars", name).q_min for name in D4RL if name.startswith(robot)} == {q_min}


def test_a_gymnasium_id_gets_its_robot_but_no_dataset_row() -> None:
    assert presets.settings("pars", "Hopper-v5") == {
        "reward_scale": 10.0,
        "bc_weight": 0.0,
        "bc_weight_online": 0.0,
        "exploration_noise": 0.1,
        "q_min": -166.0,
    }
    assert presets.settings("pars", "HalfCheetah-v5")["reward_scale"] == 5.0


@pytest.mark.parametrize("task_id", [None, "Pendulum-v1", "mine", "Ant-v5"])
def test_unknown_tasks_and_algorithms_have_no_settings(task_id: str | None) -> None:
    assert presets.settings("pars", task_id) == {}
    assert presets.settings("sac", "hopper-medium-v2") == {}


def test_single_setting_of_table_13_and_td3_bc() -> None:
    assert pars_preset.SINGLE["antmaze"] == {"reward_scale": 10_000.0, "penalty_weight": 0.001, "bc_weight": 0.01}
    from_dict(ALGORITHMS["pars"].config, presets.settings("pars", ANTMAZE[0]) | pars_preset.SINGLE["antmaze"])
    cfg = config("td3_bc", "hopper-medium-v2")  # the authors' one setting
    assert (cfg.q_weight, cfg.bc_weight, cfg.normalize_obs, cfg.layer_norm) == (2.5, 1.0, True, "none")
    assert config("td3_bc", "antmaze-umaze-v2").reward_shift == -1.0
    for task_id, tuned in td3_bc_preset.TUNED.items():
        assert task_id in D4RL
        from_dict(ALGORITHMS["td3_bc"].config, tuned)


def test_another_preset_is_a_layer_over_the_papers() -> None:
    assert presets.choices("pars") == ["paper", "single", "authors"] and presets.choices("td3_bc") == ["paper", "tuned"]
    assert presets.choices("bc") == presets.choices("sac") == ["paper"]
    assert presets.choices("iql") == ["paper", "corl", "tuned"]
    paper, single = (presets.settings("pars", ANTMAZE[0], name) for name in ("paper", "single"))
    assert paper == presets.settings("pars", ANTMAZE[0])
    assert single == paper | {"reward_scale": 10_000.0, "penalty_weight": 0.001, "bc_weight": 0.01} != paper
    tuned = presets.settings("td3_bc", "antmaze-umaze-v2", "tuned")
    assert (tuned["reward_shift"], tuned["reward_scale"], tuned["bc_weight"]) == (0.0, 100.0, 0.4)


@for_each([*D4RL, "Hopper-v5", "pointmaze-umaze-diverse", None])
def test_the_authors_networks_stand_beside_the_papers_on_every_task(task_id: str | None) -> None:
    paper, authors = (
        ALGORITHMS["pars"].configure(presets.settings("pars", task_id, name)) for name in ("paper", "authors")
    )
    width = 128 if task_id == "pointmaze-umaze-diverse" else 256
    assert (authors.hidden, authors.actor_hidden) == ((width,) * 3, (width,) * 2)
    assert (authors.initializer, authors.actor_initializer) == ("he", "flax")
    networks = ("hidden", "actor_hidden", "initializer", "actor_initializer")
    assert replace(authors, **{name: getattr(paper, name) for name in networks}) == paper
    assert (paper.initializer, paper.actor_initializer) == ("flax", "same")


@for_each([*ANTMAZE[:6], *ADROIT, *MUJOCO])
def test_the_tuned_baseline_builds_a_config(task_id: str) -> None:
    cfg = from_dict(ALGORITHMS["td3_bc"].config, presets.settings("td3_bc", task_id, "tuned"))
    assert (cfg.q_weight, cfg.bc_reduce, cfg.normalize_obs) == (1.0, "sum", False)


@pytest.mark.parametrize(
    ("algorithm", "task_id", "preset"),
    [("pars", "hopper-medium-v2", "single"), ("td3_bc", "antmaze-ultra-play-v0", "tuned"), ("td3_bc", None, "tuned")],
)
def test_a_preset_that_does_not_cover_a_task(algorithm: str, task_id: str | None, preset: str) -> None:
    with pytest.raises(UsageError, match=f"{algorithm} has no preset '{preset}' for {task_id or 'data'}"):
        presets.settings(algorithm, task_id, preset)


def test_beside_an_algorithm_that_lacks_a_preset_the_other_keeps_its_paper() -> None:
    pars, td3_bc = make_groups(["pars", "td3_bc"], "hopper-medium-v2", {}, [0], "tuned")
    assert pars.configs == make_groups(["pars"], "hopper-medium-v2", {}, [0])[0].configs
    assert td3_bc.configs[0].bc_weight == 0.05
    with pytest.raises(
        UsageError, match="unknown preset 'tune'; pars has paper, single, authors; td3_bc has paper, tuned"
    ):
        make_groups(["pars", "td3_bc"], "hopper-medium-v2", {}, [0], "tune")


def test_every_algorithm_has_presets_with_a_source_and_marks_what_is_not_published() -> None:
    assert presets.PRESETS.keys() == ALGORITHMS.keys()
    for name, preset in presets.PRESETS.items():
        assert preset.source and "\n" not in preset.source
        assert set(preset.fallback) <= set(D4RL)
        assert all(line and "\n" not in line and len(line) < 60 for line in preset.fallback.values())
        assert presets.source(name) == preset.source
    assert presets.fallback("iql", "antmaze-ultra-play-v0") == "none published; the values of the other mazes"
    assert presets.fallback("iql", "antmaze-umaze-v2") == presets.fallback("mine", "hopper-medium-v2") == ""
    assert presets.source("mine") == ""


def test_on_pointmaze_all_have_small_networks_and_a_short_horizon() -> None:
    for name in ALGORITHMS:
        cfg = config(name, "pointmaze-umaze-diverse")
        assert cfg.actor_hidden == (128, 128)
        assert getattr(cfg, "hidden", (128, 128)) == (128, 128)
        assert getattr(cfg, "discount", 0.95) == 0.95
        assert hasattr(cfg, "hidden") or name in ("bc", "bc_10", "gc_bc", "gcpc")
        assert cfg.random_steps <= 500


def test_lengths() -> None:
    assert presets.lengths("antmaze-umaze-v2").offline_steps == 1_000_000
    assert presets.lengths(None) == presets.D4RL
    assert presets.lengths("pointmaze-umaze-diverse").offline_steps < 100_000
    for name in ALGORITHMS:
        long = {task_id for task_id in D4RL if presets.offline_steps(name, task_id) != 1_000_000}
        own = {"sac_n": D4RL, "edac": D4RL, "uni_o4": D4RL, "msg": ANTMAZE, "sac_rnd": [*ANTMAZE, *MUJOCO]}
        own |= dict.fromkeys(("gc_bc", "gc_iql", "wgcsl", "dwsl", "gcpc"), ANTMAZE)
        assert long == set(own.get(name, ()))
        assert presets.offline_steps(name, "pointmaze-umaze-diverse") == 20_000
    assert {presets.offline_steps("uni_o4", task_id) for task_id in (*D4RL, None)} == {10_000}
    assert {presets.offline_steps("sac_n", task_id) for task_id in D4RL} == {3_000_000}
    assert presets.offline_steps("edac", "pen-cloned-v1") == 200_000  # 200 epochs
    assert presets.offline_steps("edac", "door-cloned-v1") == 3_000_000
