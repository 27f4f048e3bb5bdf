"""Going online from another run's offline end: what follows is what would have followed there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

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
    with pytest.raises(UsageError, match="goes with one task and with online_steps"):
        train(tmp_path / "a", start_from=offline, online_steps=0)
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
