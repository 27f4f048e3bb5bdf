"""From twins to runs and from runs to data, as a user goes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from pars import api
from pars.cli import main as cli
from pars.collect.runs import collect_run
from pars.collect.twins import collect_twin
from pars.data import load_dataset
from pars.data.catalog import list_datasets
from pars.envs import make_task
from pars.errors import UsageError
from pars.export.load import load_policy
from tests import runs


def test_a_policy_of_a_run_makes_a_dataset_that_trains_again(own_folders: Path) -> None:
    path = collect_run(runs.finished_run(), 300, member=1, noise=0.2)
    dataset = load_dataset(path, task=make_task(runs.TASK))
    assert len(dataset.last) > 250
    with h5py.File(path) as file:
        made, actions = str(file.attrs["made"]), file["actions"][()]
    assert "training seed 1" in made and "action noise 0.2" in made and runs.TASK in made
    still = collect_run(runs.finished_run(), 300, member=1, noise=0.0, out=own_folders / "still.hdf5")
    policy = load_policy(runs.finished_run(), 1)
    with h5py.File(still) as file:
        np.testing.assert_allclose(file["actions"][()], policy(file["observations"][()]), atol=1e-6)
        assert not np.allclose(file["actions"][:10], actions[:10])


@pytest.mark.parametrize("options", [{"rows": 1}, {"seed": -1}, {"noise": -0.1}])
def test_numbers_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"=(1|-1|-0.1) must be a (whole )?number from (2|0)"):
        collect_run(runs.finished_run(), **options)  # type: ignore[arg-type]


def test_training_on_a_twin_names_it_and_keeps_the_physics(own_folders: Path) -> None:
    collect_twin("hopper-random-v2", 600)
    name = "twin:hopper-random-v2-600"
    plan = {"steps": 4, "online_steps": 0, "eval_every": 4, "eval_episodes": 1}
    out = runs.train(own_folders / "run", "bc", "hopper-random-v2", data=name, physics="stock", **plan)
    told = runs.description(runs.group(out, "bc"))
    assert told["dataset"]["name"] == name and "not D4RL's file" in told["dataset"]["card"]["made"]
    assert told["physics"] == "stock" and told["task_options"] == {"physics": "stock"}
    (result,) = api.evaluate(out, episodes=1)
    assert result.task.physics == "stock"


def test_a_twin_as_it_is_listed_is_checked_for_the_task_that_it_was_made_for(
    own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = collect_twin("hopper-random-v2", 600)
    listed = {entry["path"]: entry["id"] for entry in list_datasets()}[str(path)]
    for command in (["check", listed], ["verify", listed, "--rows", "20"]):
        cli.main(["data", *command])
        assert "hopper-random-v2" in capsys.readouterr().out
    with h5py.File(path, "a") as file:
        file.attrs["dataset"] = "nonsense"
    with pytest.raises(SystemExit):
        cli.main(["data", "verify", listed])
    assert "which task was it recorded in? name it with --task" in capsys.readouterr().err


def test_which_twin_is_meant() -> None:
    task = make_task("hopper-medium-v2")
    assert api.twin_of("twin", task) == "hopper-medium-v2"
    assert api.twin_of("twin:walker2d-random-v2", task) == "walker2d-random-v2"
    assert api.twin_of("my/twin.hdf5", task) is None
    with pytest.raises(UsageError, match="name a task, or give --data twin:ID"):
        api.twin_of("twin", None)
