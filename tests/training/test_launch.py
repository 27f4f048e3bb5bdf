"""From names and axes to groups of one structure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars.algos import find_algorithm
from pars.config import parse_axes, structure
from pars.errors import UsageError
from pars.training.launch import make_groups, train_groups
from pars.training.parts import make_group
from pars.training.plan import How, Plan
from pars.training.progress import make_view
from pars.training.view import Stop
from tests.runs import train
from tests.training import toys

HOW = How(make_view(quiet=True), Stop())


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


def test_who_does_without_a_setting_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = dict(trainer=lambda *asked: None, quiet=False, settings={"hidden": ["8x8"]}, steps=1)
    train(tmp_path, "bc,td3_bc", **options)
    said = capsys.readouterr()
    assert (said.out + said.err).count("bc: without hidden; bc has no setting hidden\n") == 1
    with pytest.raises(UsageError, match="unknown setting 'hidden'; did you mean actor_hidden"):
        train(tmp_path, "bc", **options)


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


def test_phases_come_in_one_order() -> None:
    cfg = toys.PRETRAINED.configure()
    steps = [("behaviour", cfg.model_steps), ("offline", 5), ("online", 7)]
    assert make_group(toys.PRETRAINED, [(cfg, 0)]).phases(Plan(5, 7)) == steps
    assert [phase.name for phase in toys.PRETRAINED.course] == [name for name, _ in steps]


def test_uniform_actions_alone_are_no_training(tmp_path: Path) -> None:
    groups = make_groups(["rlpd"], None, {}, [0])
    with pytest.raises(
        UsageError, match=r"^rlpd takes random_steps=5000 environment steps before it learns, and 100 onl"
    ):
        train_groups(groups, None, None, [Plan(0, 100)], tmp_path, HOW)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^ppo takes its first gradient step later than after the 100 online steps"):
        train_groups(make_groups(["ppo"], None, {}, [0]), None, None, [Plan(0, 100)], tmp_path, HOW)  # type: ignore[arg-type]


def test_other_slips_are_one_line() -> None:
    with pytest.raises(UsageError, match=r"^unknown algorithm 'parse'; did you mean pars"):
        find_algorithm("parse")
    with pytest.raises(UsageError, match=r"^a seed is given twice; name each seed once"):
        make_groups(["pars"], None, {}, [0, 0])
    with pytest.raises(UsageError, match=r"^target_critics=3 and actor_critics=1 must lie between 1 and critics=2$"):
        make_groups(["pars"], None, {"critics": ["2"], "target_critics": ["3"]}, [0])


def test_an_online_batch_is_not_all_from_the_dataset() -> None:
    with pytest.raises(UsageError, match=r"^setting offline_share=1 must be from 0 to below 1$"):
        make_groups(["pars"], None, {"offline_share": ["1"]}, [0])
    with pytest.raises(UsageError, match=r"^unknown setting 'offline_rows'; did you mean offline_share"):
        make_groups(["pars"], None, {"offline_rows": ["64"]}, [0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": ["8x0"]}, "setting hidden=8x0 must be at least 1"),
        ({"critics": ["0"]}, "setting critics=0 must be at least 1"),  # and not what it must be beside others
        ({"updates_per_step": ["0"]}, "setting updates_per_step=0 must be at least 1"),
        ({"discount": ["0.9", "2"]}, "setting discount=2 must be from 0 to 1"),
        ({"actor_lr": [-1e-3]}, "setting actor_lr=-0.001 must be at least 0"),
    ],
)
def test_groups_are_made_of_settings_in_their_ranges(settings, words):
    with pytest.raises(UsageError) as error:
        make_groups(["pars"], None, settings, [0])
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("iql", {"dropout": True, "dropout_rate": 1.0}, "dropout_rate=1 must be from 0 to below 1"),
        ("rlpd", {"random_steps": -1}, "random_steps=-1 must be at least 0"),
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
        find_algorithm(name).configure(settings).check()


def test_settings_of_a_phase_that_no_algorithm_has_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^random_steps does nothing in bc, which has no online phase$"):
        make_groups(["bc", "max_q"], None, {"random_steps": [10]}, [0])
    bc, td3_bc = make_groups(["bc", "td3_bc"], None, {"random_steps": [10]}, [0])
    assert (bc.configs[0].random_steps, td3_bc.configs[0].random_steps) == (0, 10)


def test_one_value_needs_no_list() -> None:
    for widths in ("32x16", (32, 16), [32, 16], ["32x16"], [(32, 16)]):
        (group,) = make_groups(["bc"], None, {"actor_hidden": widths, "best_fraction": 0.5}, [0])
        assert [(cfg.actor_hidden, cfg.best_fraction) for cfg in group.configs] == [((32, 16), 0.5)]
    (group,) = make_groups(["pars"], None, {"penalty_weight": np.array([0.1, 0.2]), "penalty": True}, range(2))
    assert [cfg.penalty_weight for cfg in group.configs] == [0.1, 0.1, 0.2, 0.2] and group.seeds == (0, 1, 0, 1)
    assert len(make_groups(["bc"], None, {"actor_hidden": ["32", "16"]}, [0])) == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"penalty_weight": None}, "setting penalty_weight=None is not a finite number"),
        ({"penalty_weight": "0.1,0.2"}, "setting penalty_weight='0.1,0.2' is not a finite number"),
        ({"penalty_weight": True}, "setting penalty_weight=True is not a finite number"),
        ({"penalty_weight": {"a": 1}}, "setting penalty_weight={'a': 1} is not a finite number"),
        ({"penalty_weight": []}, "setting penalty_weight is given no value"),
        ({"penalty_weight": [0.1, "1e-1"]}, "setting penalty_weight=0.1,0.1 names a value twice"),
        ({"hidden": 32}, "setting hidden=32 is not a list of widths such as 256x256"),
        ({"hidden": (32.5, 16)}, "setting hidden=(32.5, 16) is not a list of widths such as 256x256"),
        ({3: 4}, "unknown setting '3'; known: "),
        ("hidden=32", "settings='hidden=32': give names with their values, such as {'discount': [0.99, 0.995]}"),
        (["hidden=32"], "settings=['hidden=32']: give names with their values"),
    ],
)
def test_settings_of_a_wrong_type_are_one_line(settings: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        make_groups(["pars"], None, settings, [0])
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


@pytest.mark.parametrize("seeds", [3, "0..4", "3", None, [], [-1], [0.5], [True], ["1"], [2**31]])
def test_seeds_are_a_list_of_whole_numbers(seeds: Any) -> None:
    """`seeds=3` could be the one seed 3 or three of them."""
    with pytest.raises(UsageError, match=r"^seeds=.*: give a list of whole numbers from 0 to 2147483647, such as seed"):
        make_groups(["pars"], None, {}, seeds)
