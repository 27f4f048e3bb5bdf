"""What the command says of files and environments that it is given: one line for what cannot be trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pars.data import dataset_path
from tests.cli.command import Pars, one_line
from tests.data.files import columns, write_hdf5, write_npz
from tests.runs import TASK


def damaged_actions() -> dict[str, np.ndarray]:
    data = columns()
    data["actions"][42, 1] = -3.5
    return data


def with_nan() -> dict[str, np.ndarray]:
    data = columns()
    data["observations"][17, 1] = np.nan
    return data


FAULTS = {
    "wrong lengths": (
        columns() | {"rewards": np.zeros(199)},
        "columns differ in length (observations 200, actions 200,",
    ),
    "NaN": (with_nan(), "'observations' has 1 NaN or infinite values, the first in row 17"),
    "actions out of range": (damaged_actions(), "actions reach from -3.5 to"),
    "missing keys": (
        {key: column for key, column in columns().items() if key != "rewards"},
        "no 'rewards' (the file has actions,",
    ),
    "no ends": (columns() | {"timeouts": np.zeros(200, bool)}, "no row ends an episode"),
}


@pytest.mark.parametrize("write", [write_npz, write_hdf5])
@pytest.mark.parametrize("fault", FAULTS)
def test_data_that_must_not_be_trained_on(pars: Pars, own_folders: Path, fault: str, write: object) -> None:
    arrays, message = FAULTS[fault]
    file = write(own_folders / ("my.npz" if write is write_npz else "my.hdf5"), arrays)  # type: ignore[operator]
    for line in (["train", "bc", "--data", file], ["data", "check", file], ["data", "show", file]):
        one_line(pars(*line), 3, f"{file}: ", message)
    assert [path.name for path in own_folders.iterdir()] == [file.name]


def test_files_that_are_no_data(pars: Pars, own_folders: Path) -> None:
    text, empty, cut = own_folders / "text.npz", own_folders / "empty.hdf5", own_folders / "cut.npz"
    text.write_text("observations")
    empty.touch()
    cut.write_bytes(write_npz(own_folders / "whole.npz", columns()).read_bytes()[:500])
    for file, message in [
        (text, "the file is neither HDF5 nor npz"),
        (empty, "the file is empty"),
        (cut, "this npz file is truncated"),
        (own_folders / "absent.npz", "no such file"),
        (own_folders, "is a folder"),
    ]:
        one_line(pars("train", "bc", "--data", file), 3, message)
        one_line(pars("data", "check", file), 3, message)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("NoSuchRobot-v7", "cannot make the Gymnasium environment 'NoSuchRobot-v7'"),
        ("CartPole-v1", "the action space is Discrete, pars needs a Box"),
    ],
)
def test_environments_that_cannot_be_used(pars: Pars, own_folders: Path, env: str, message: str) -> None:
    file = write_npz(own_folders / "my.npz", columns())
    one_line(pars("train", "pars", "--data", file, "--env", env), 5, message)


def test_online_steps_need_an_environment(pars: Pars, own_folders: Path) -> None:
    file = write_npz(own_folders / "my.npz", columns())
    one_line(pars("train", "pars", "--data", file, "--online-steps", "5"), 5, "name a task or give --env")


def test_data_commands(pars: Pars, own_folders: Path) -> None:
    said = pars("data", "collect", TASK, "--rows", "600")
    path = dataset_path(TASK, 600)
    assert said.code == 0 and said.out.splitlines()[-1] == str(path) and path.exists()
    before = path.stat().st_mtime_ns
    assert pars("data", "collect", TASK, "--rows", "600").code == 0 and path.stat().st_mtime_ns == before
    listed = pars("data", "list")
    assert listed.code == 0 and TASK in listed.out and f"{TASK}-600-seed0" in listed.out.replace("\n", "")
    for command in ("show", "check"):
        said = pars("data", command, path, "--task", TASK)
        assert said.code == 0 and said.out.startswith("rows         600 (") and "free cells visited" in said.out
    one_line(pars("data", "collect", "pointmaze-umaze-divers"), 2, "did you mean pointmaze-umaze-diverse")
    one_line(pars("data", "collect", TASK, "--rows", "1"), 2, "at least 2 rows")
    one_line(pars("data", "check", path, "--task", "Pendulum-v1"), 3, "is 4 wide, Pendulum-v1 has 3")
