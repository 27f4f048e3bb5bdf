"""From names and axes to groups of one structure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pars.algos import ALGORITHMS, find_algorithm
from pars.config import parse_axes, structure
from pars.errors import UsageError
from pars.train.launch import check_ranges, make_groups, train_groups
from pars.train.plan import Plan


def test_floats_and_seeds_share_a_group_and_all_else_splits() -> None:
    axes = parse_axes(["penalty_weight=0.001,0.01", "reward_scale=1,10", "critics=2,4"])
    groups = make_groups(["pars"], None, axes, [0, 1, 2])
    assert [len(group.seeds) for group in groups] == [12, 12]
    for group, critics in zip(groups, (2, 4)):
        assert group.algo.name == "pars" and group.name.startswith("pars-")
        assert {cfg.critics for cfg in group.configs} == {critics}
        assert len({structure(cfg) for cfg in group.configs}) == 1
        members = [(c.penalty_weight, c.reward_scale, s) for c, s in zip(group.configs, group.seeds)]
        assert members == [(w, r, s) for w in (0.001, 0.01) for r in (1.0, 10.0) for s in (0, 1, 2)]


def test_45_members_are_one_group() -> None:
    axes: dict[str, Any] = {"reward_scale": ["1", "10", "100"], "penalty_weight": ["0", "0.001", "0.01"]}
    (group,) = make_groups(["pars"], "pointmaze-umaze-diverse", axes, range(5))
    assert len(group.configs) == len(group.seeds) == 45


def test_names_are_deterministic_and_tell_members_apart() -> None:
    def name(weight: str, seeds: list[int]) -> str:
        return make_groups(["pars"], "hopper-medium-v2", {"penalty_weight": [weight]}, seeds)[0].name

    assert name("0.01", [0, 1]) == name("1e-2", [0, 1])
    assert len({name("0.01", [0, 1]), name("0.01", [0]), name("0.02", [0, 1])}) == 3


def test_settings_start_from_the_preset_of_the_task() -> None:
    (group,) = make_groups(["pars"], "antmaze-large-diverse-v2", {"bc_weight": ["0.5"]}, [0])
    assert (group.configs[0].critics, group.configs[0].reward_scale, group.configs[0].bc_weight) == (4, 10_000.0, 0.5)


def test_an_axis_goes_to_each_algorithm_that_has_it() -> None:
    groups = make_groups(["pars", "td3_bc", "bc"], None, {"q_min": ["-5"], "actor_lr": ["0.1"]}, [0])
    assert [group.algo.name for group in groups] == ["pars", "td3_bc", "bc"]
    assert groups[0].configs[0].q_min == -5.0
    assert [group.configs[0].actor_lr for group in groups] == [0.1, 0.1, 0.1]


def test_an_axis_that_no_algorithm_has_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError) as error:
        make_groups(["bc", "td3_bc"], None, {"q_wieght": ["1"]}, [0])
    assert str(error.value).startswith("unknown setting 'q_wieght'; did you mean q_weight")
    with pytest.raises(UsageError, match="unknown setting 'penalty_weight'"):
        make_groups(["bc"], None, {"penalty_weight": ["1"]}, [0])


def test_an_axis_that_is_switched_off_is_refused_or_left_to_those_that_have_it_on() -> None:
    axes = {"penalty_weight": ["0.1", "0.2"]}
    with pytest.raises(UsageError, match=r"^penalty_weight does nothing while penalty=false; add penalty=true$"):
        make_groups(["td3_bc", "iql"], None, axes, [0])
    on = make_groups(["td3_bc", "iql"], None, {**axes, "penalty": ["true"]}, [0])
    assert [[cfg.penalty_weight for cfg in group.configs] for group in on] == [[0.1, 0.2]] * 2
    with pytest.raises(UsageError, match="add penalty=true"):
        make_groups(["pars"], None, {**axes, "penalty": ["false"]}, [0])
    with pytest.raises(UsageError, match="failure does nothing while calibrate=false"):
        make_groups(["cql"], None, {"failure": ["true"]}, [0])
    pars, iql = make_groups(["pars", "iql"], None, axes, [0])
    assert len(pars.configs) == 2 and len(iql.configs) == 1


def test_what_data_are_prepared_by_splits_groups_too() -> None:
    axes = {"discount": ["0.9", "0.99"]}
    assert [len(group.configs) for group in make_groups(["cql", "cal_ql"], None, axes, [0])] == [2, 1, 1]
    halves = make_groups(["bc"], None, {"best_fraction": ["0.1", "0.5"]}, [0, 1])
    assert [len(group.configs) for group in halves] == [2, 2]


def test_uniform_actions_alone_are_no_training(tmp_path: Path) -> None:
    groups = make_groups(["rlpd"], None, {}, [0])
    with pytest.raises(
        UsageError, match=r"^rlpd takes random_steps=5000 uniform actions before it learns, and 100 onl"
    ):
        train_groups(groups, None, None, [Plan(0, 100)], tmp_path, None)  # type: ignore[arg-type]


def test_other_slips_are_one_line() -> None:
    with pytest.raises(UsageError, match=r"^unknown algorithm 'parse'; did you mean pars"):
        find_algorithm("parse")
    with pytest.raises(UsageError, match=r"^a seed is given twice; name each seed once"):
        make_groups(["pars"], None, {}, [0, 0])
    with pytest.raises(UsageError, match=r"^target_critics=3 and actor_critics=1 must lie between 1 and critics=2$"):
        make_groups(["pars"], None, {"critics": ["2"], "target_critics": ["3"]}, [0])


def test_online_batches_must_hold_their_offline_rows(tmp_path: Path) -> None:
    groups = make_groups(["pars"], None, {"batch_size": ["64"]}, [0])
    with pytest.raises(UsageError, match=r"^offline_rows=128 of pars must lie between 0 and batch_size=64, and below"):
        train_groups(groups, None, None, [Plan(1, 1)], tmp_path, None)  # type: ignore[arg-type]
    whole = make_groups(["pars"], None, {"batch_size": ["128"]}, [0])  # nothing would be learnt from the replay
    with pytest.raises(UsageError, match=r"^offline_rows=128 of pars must lie between 0 and batch_size=128, and below"):
        train_groups(whole, None, None, [Plan(1, 1)], tmp_path, None)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": (0,)}, "hidden=[0] must be at least 1"),
        ({"updates_per_step": 0}, "updates_per_step=0 must be at least 1"),
        ({"policy_delay": 0}, "policy_delay=0 must be at least 1"),
        ({"discount": 2.0}, "discount=2.0 must lie between 0 and 1"),
        ({"polyak": -1.0}, "polyak=-1.0 must lie between 0 and 1"),
        ({"actor_lr": -1e-3}, "actor_lr=-0.001 must not be negative"),
        ({"penalty_weight": -1.0}, "penalty_weight=-1.0 must not be negative"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(settings, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        check_ranges(find_algorithm("pars").config(**settings))
    check_ranges(find_algorithm("pars").config())


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("iql", {"expectile": 1.5}, "expectile=1.5 must lie between 0 and 1"),
        ("bc", {"best_fraction": -0.1}, "best_fraction=-0.1 must lie between 0 and 1"),
        ("iql", {"dropout": True, "dropout_rate": 1.0}, "dropout_rate=1.0 drops everything; give less than 1"),
        ("rlpd", {"random_steps": -1}, "random_steps=-1 must not be negative"),
        (
            "iql",
            {"penalty": True, "reward_shift": -1.0, "discount": 0.95},
            "up to q_min=0, above all values of such re",
        ),
        ("iql", {"penalty": True, "reward_shift": -1.0, "discount": 0.95}, "give q_min=-20, their least value"),
    ],
)
def test_so_are_those_of_the_other_algorithms(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        check_ranges(find_algorithm(name).configure(settings))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_defaults_are_in_range(name: str) -> None:
    check_ranges(find_algorithm(name).configure())
