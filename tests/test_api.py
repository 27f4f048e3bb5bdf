"""The library in a few calls, as a user's own script makes them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pars
from pars import api
from pars.data import from_arrays
from pars.envs import make_task
from pars.errors import CheckpointError, UsageError
from pars.export.load import load_policy
from pars.position import Position
from pars.training.lengths import make_plan
from pars.training.plan import Plan
from tests.data.files import columns, write_npz
from tests.runs import TASK, few_rows, finished_run, group, metrics, train


def test_every_public_name_is_there() -> None:
    assert all(hasattr(pars, name) for name in pars.__all__)
    assert {"train", "evaluate", "load_dataset", "make_task", "ALGORITHMS"} <= set(pars.__all__)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"settings": {"discount": 2.0}}, "setting discount=2 must be from 0 to 1"),
        ({"settings": {"discount": "high"}}, "setting discount='high' is not a finite number"),
        ({"settings": {"hidden": "256x0"}}, "setting hidden=256x0 must be at least 1"),
        ({"settings": {"hidden": "32x"}}, "setting hidden='32x' is not a list of widths such as 256x256"),
        ({"steps": "a"}, "steps='a' must be a whole number from 0 on"),
        ({"steps": 1.5}, "steps=1.5 must be a whole number from 0 on"),
        ({"eval_every": 0}, "eval_every=0 must be a whole number from 1 on"),
        ({"eval_episodes": "5"}, "eval_episodes='5' must be a whole number from 1 on"),
        ({"seeds": 3}, "seeds=3: give a list of whole numbers from 0 to 2147483647, such as seeds=range(5)"),
    ],
)
def test_settings_and_seeds_are_refused_before_any_data_is_opened(options: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as error:
        api.train("pars", "hopper-medium-v2", data="nowhere.hdf5", **options)
    assert str(error.value) == line


def test_no_public_name_gives_way_to_a_module() -> None:
    """Modules of the library were imported above; `pars.train` is the function all the same."""
    assert not [name for name in pars.__all__ if inspect.ismodule(getattr(pars, name))]
    assert pars.train is api.train


def test_evaluation_repeats_the_last_one_of_training() -> None:
    """The same episodes, the same policies: what was logged at the end comes out again."""
    (result,) = api.evaluate(finished_run(), episodes=2)
    place = Position(1, "online", 30, 60)
    assert (result.algorithm, result.task.id, result.position) == ("pars", TASK, place)
    assert result.seeds == [0, 1] and result.scores.shape == result.evaluation.lengths.shape == (2, 2)
    folder = group(finished_run())
    assert result.scores.mean(axis=1).tolist() == metrics(folder, "score")["online", 30]
    assert result.evaluation.lengths.mean(axis=1).tolist() == metrics(folder, "length_mean")["online", 30]


@pytest.mark.parametrize("numbers", [(0, 0), (-1, 0), (5, -1), (None, -1)])
def test_episodes_are_counted_from_0_and_at_least_one(numbers: tuple[int | None, int]) -> None:
    with pytest.raises(UsageError, match="give at least one, counted from 0"):
        api.evaluate(finished_run(), *numbers)


def test_a_policy_acts_on_one_observation_or_on_many() -> None:
    policies = [load_policy(finished_run(), member) for member in (0, 1)]
    obs = np.asarray(few_rows().columns.obs[:6])
    actions = [policy(obs) for policy in policies]
    assert actions[0].shape == (6, 2) and np.abs(actions[0]).max() <= 1.0
    assert np.allclose(policies[0](obs[3]), actions[0][3], atol=1e-6)
    assert policies[0](obs.reshape(2, 3, 4)).shape == (2, 3, 2)
    assert np.array_equal(policies[0](obs), actions[0])  # deterministic
    assert not np.allclose(actions[0], actions[1])  # members are their own


def test_a_policy_is_asked_for_by_an_existing_member_of_one_group(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"member 2 of .*: members are 0 to 1"):
        load_policy(finished_run(), 2)
    with pytest.raises(CheckpointError, match="is not a run; give the folder"):
        load_policy(tmp_path)
    for name in ("bc-000000", "pars-000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="has several groups; name one: bc-000000, pars-000000"):
        load_policy(tmp_path)
    with pytest.raises(CheckpointError, match=r"run\.json cannot be read: not written by this version"):
        load_policy(tmp_path / "bc-000000")


def test_data_may_be_an_id_a_file_arrays_or_a_dataset(tmp_path: Path) -> None:
    arrays = columns()
    file = write_npz(tmp_path / "my.npz", arrays)
    dataset = from_arrays(arrays)
    found = [api.open_dataset(data, None) for data in (file, str(file), arrays, dataset)]
    assert len({each.fingerprint for each in found}) == 1
    assert found[3] is dataset
    with pytest.raises(UsageError, match="nothing to train on"):
        api.open_dataset(None, None)


def test_the_plan_comes_from_the_task_and_from_the_call() -> None:
    task = make_task(TASK)
    assert make_plan(task) == Plan(20_000, 0, 1000, 1, task.eval_episodes)
    assert make_plan(task, 100, 30) == Plan(100, 30, 10, 3, task.eval_episodes)  # ten evaluations a phase
    assert make_plan(task, 5, 7) == Plan(5, 7, 1, 1, task.eval_episodes)
    assert make_plan(task, 100, 30, 7, 8, 9) == Plan(100, 30, 7, 8, 9)
    assert make_plan(None).offline_steps == 1_000_000


def test_the_same_call_has_the_same_folder(own_folders: Path) -> None:
    options = {"steps": 2, "online_steps": 0, "seeds": (0,)}
    first, again = (train(None, "bc", **options) for _ in range(2))
    assert first == again and first.parent == Path("runs") and first.name.startswith(f"bc-{TASK}-")
    assert train(None, "bc", **options | {"steps": 3}) != first
    assert len(list(Path("runs").iterdir())) == 2


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ((3, "hopper-medium-v2"), "algorithms=3: give a name or a list of names"),
        (([], "hopper-medium-v2"), "algorithms=[]: name at least one, such as 'pars'"),
        (("pars", 3), "task=3: give an id (pars tasks), a Task, a list, or None to train without an environment"),
    ],
)
def test_what_is_no_name_is_refused_in_one_line(args: Any, line: str) -> None:
    with pytest.raises(UsageError) as error:
        api.train(*args, data="nowhere.hdf5")
    assert str(error.value) == line
