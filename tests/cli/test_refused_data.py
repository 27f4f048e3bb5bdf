"""Data that must not be trained on: one line of every command that opens them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.said import Pars, one_line
from tests.data.files import columns, write_hdf5, write_npz


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
    "actions out of range": (damaged_actions(), "action 1 reaches from -3.5 to"),
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
