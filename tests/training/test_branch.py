"""Going online from another run's offline end: what follows is what would have followed there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pars.data import load_dataset
from pars.errors import CheckpointError, UsageError
from pars.training.checkpoint import ARRAYS, latest
from pars.training.folder import read_status
from tests.runs import PLAN, SESSION, as_format_2, finished_run, group, metrics, train

OFFLINE_ONLY = PLAN | {"online_steps": 0}


def arrays(folder: Path) -> dict[str, np.ndarray]:
    found = latest(folder / "checkpoints")
    assert found is not None
    return load_file(found.folder / ARRAYS)


@pytest.fixture(scope="module")
def offline() -> Path:
    return train(SESSION / "runs" / "to-branch", seeds=(0, 1), **OFFLINE_ONLY)


@pytest.mark.shipped
def test_a_branch_ends_as_the_whole_run_and_has_its_history(offline: Path, tmp_path: Path) -> None:
    whole, branched = group(finished_run()), group(train(tmp_path / "b", seeds=(0, 1), start_from=offline))
    own, other = arrays(branched), arrays(whole)
    assert own.keys() == other.keys()
    for name in own:
        np.testing.assert_array_equal(own[name], other[name], err_msg=name)
    assert (branched / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    assert read_status(branched)["digest"] == read_status(whole)["digest"]


def test_members_take_what_belongs_to_their_seed_and_offline_settings(offline: Path, tmp_path: Path) -> None:
    settings = {"bc_weight_online": [0.0, 0.5]}
    folder = group(train(tmp_path / "b", seeds=(1, 0), settings=settings, start_from=offline, steps=None))
    members = json.loads((folder / "run.json").read_text())["members"]
    assert json.loads((folder / "run.json").read_text())["plan"]["offline_steps"] == 60  # the run's own
    before, here = metrics(group(offline), "score"), metrics(folder, "score")
    for place in [place for place in here if place[0] == "offline"]:
        assert here[place] == [before[place][member["seed"]] for member in members]
    assert {place[0] for place in here} == {"offline", "online"} and len(members) == 4


@pytest.mark.shipped
def test_several_seeds_go_on_from_one_policy(offline: Path, tmp_path: Path) -> None:
    """Seed 1 goes on as it would by itself, seed 5 from the same policy and otherwise."""
    folder = group(train(tmp_path / "one", seeds=(1, 5), start_from=offline, start_seed=1))
    scores, own, before = (metrics(one, "score") for one in (folder, group(finished_run()), group(offline)))
    for place, (same, other) in scores.items():
        assert same == own[place][1]
        assert place[0] == "online" or other == before[place][1]
    state = arrays(folder)
    assert any((leaf[0] != leaf[1]).any() for name, leaf in state.items() if "actor" in name and leaf.ndim > 1)
    with pytest.raises(CheckpointError, match="its start differs"):
        train(tmp_path / "one", seeds=(1, 5), start_from=offline, start_seed=0)


def test_a_run_of_the_version_before_is_gone_on_with(offline: Path, tmp_path: Path) -> None:
    shutil.copytree(offline, tmp_path / "then")
    as_format_2(group(tmp_path / "then"))
    now, then = (group(train(tmp_path / name, seeds=(0, 1), start_from=run)) for name, run in
                 (("a", offline), ("b", tmp_path / "then")))  # fmt: skip
    assert read_status(now)["digest"] == read_status(then)["digest"]


def test_a_branch_that_is_stopped_goes_on(offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pars.training.run import _Run

    def stop(self: _Run) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(_Run, "_pictures", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "b", seeds=(0, 1), start_from=offline)
    folder = group(train(tmp_path / "b", seeds=(0, 1), start_from=offline))
    assert list(metrics(folder, "score")) == list(metrics(group(finished_run()), "score"))  # nothing twice


def test_what_cannot_be_gone_on_with_is_refused_in_one_line(offline: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="goes with one task"):
        train(tmp_path / "a", task=["pointmaze-umaze-diverse", "pointmaze-umaze-fixed"], data=None, start_from=offline)
    with pytest.raises(UsageError, match="start_seed=1: is the seed of a run to go on with"):
        train(tmp_path / "a", start_seed=1)
    with pytest.raises(CheckpointError, match="has no pars of seed 7"):
        train(tmp_path / "a", start_from=offline, start_seed=7)
    with pytest.raises(CheckpointError, match="is not a run"):
        train(tmp_path / "a", start_from=tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="has no pars of seed 7 with these offline settings"):
        train(tmp_path / "a", seeds=(7,), start_from=offline)
    with pytest.raises(CheckpointError, match="has no pars of seed 0 with these offline settings"):
        train(tmp_path / "a", settings={"bc_weight": [0.5]}, start_from=offline)
    with pytest.raises(CheckpointError, match="no checkpoint at offline step 20; train it that far, or change --steps"):
        train(tmp_path / "a", start_from=offline, steps=20)
    assert not list(tmp_path.glob("a/*/checkpoints"))


OTHER: dict[str, Any] = OFFLINE_ONLY | {"settings": {"bc_weight": [0.5]}, "steps": 20, "eval_every": 10}


def test_offline_anew_begins_with_the_policy_that_another_run_ended_with(offline: Path, tmp_path: Path) -> None:
    other = load_dataset("pointmaze-umaze-diverse", rows=1500)
    folder = group(train(tmp_path / "b", seeds=(1, 0), data=other, start_from=offline, **OTHER))
    before, here = metrics(group(offline), "score"), metrics(folder, "score")
    assert list(here) == [("offline", 0), ("offline", 10), ("offline", 20)]
    assert here["offline", 0] == before["offline", 60][::-1]
    old, new = arrays(group(offline)), arrays(folder)
    moved = [name for name in new if name.startswith("['state'].actor") and (new[name] != old[name][::-1]).any()]
    assert moved
    fixed = [name for name in new if name.startswith("['state'].norm")]  # it sees as it did there
    assert all((new[name] == old[name][::-1]).all() for name in fixed)


def test_it_ends_alike_if_it_is_stopped_and_says_what_is_set_otherwise(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from pars.training.run import _Run

    whole = group(train(tmp_path / "a", seeds=(0, 1), start_from=offline, **OTHER, quiet=False))
    assert "begins as in" in (said := "".join(capfd.readouterr())) and "bc_weight=0.5 (0.05 there)" in said
    looked = _Run._at_evaluation

    def stop(self: _Run, wait: bool = False) -> None:
        looked(self, wait)
        if self.position.step == 10:
            raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(_Run, "_at_evaluation", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "b", seeds=(0, 1), start_from=offline, **OTHER)
    stopped = group(train(tmp_path / "b", seeds=(0, 1), start_from=offline, **OTHER))
    assert read_status(stopped)["digest"] == read_status(whole)["digest"]


def test_what_offline_cannot_begin_with_is_refused_in_one_line(offline: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no pars of seed 7; give a --start-seed"):
        train(tmp_path / "a", seeds=(7,), start_from=offline, **OTHER)
    with pytest.raises(CheckpointError, match=r"actor.* has shape \(.*8.*\) a member, \(.*9.*\) here"):
        train(tmp_path / "a", start_from=offline, **OTHER | {"settings": {"actor_hidden": ["9x9"]}})
    grid = train(tmp_path / "grid", settings={"bc_weight": [0.1, 0.2]}, **OFFLINE_ONLY | {"steps": 3})
    with pytest.raises(CheckpointError, match="has several pars of seed 0; give all the settings of one of them"):
        train(tmp_path / "a", start_from=grid, **OTHER)
    assert train(tmp_path / "b", start_from=grid, **OTHER | {"settings": {"bc_weight": [0.2]}}).exists()


def test_other_units_of_actions_are_refused(tmp_path: Path) -> None:
    def logs(high: float) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        ends = np.arange(60) % 20 == 19
        obs, action = rng.normal(size=(60, 2)), rng.uniform(0, high, (60, 1))
        return {
            "observations": obs,
            "actions": action,
            "rewards": -action[:, 0],
            "terminals": 0 * ends,
            "timeouts": ends,
        }

    plan: dict[str, Any] = OFFLINE_ONLY | {"steps": 3}
    first = train(tmp_path / "a", task=None, data=logs(100), action_range="0..100", **plan)
    with pytest.raises(CheckpointError, match=r"other outputs: .* in 0..100 there, .* in 0..80 here; .*--action-range"):
        train(tmp_path / "b", task=None, data=logs(80), action_range="0..80", start_from=first, **plan)
