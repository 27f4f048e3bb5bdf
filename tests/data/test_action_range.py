"""Actions in units of their own: which range they are in, by the user, the environment, the file, or the data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pars.data import from_arrays, load_dataset
from pars.data.checking import doctor
from pars.data.rows import checked_rows
from pars.envs import make_task
from pars.envs.base import Task
from pars.errors import DataError, UsageError
from pars.units import ActionRange, parse_range
from tests.data.files import columns

UNITS = np.array([[50.0, -5.0], [100.0, 5.0], [0.0, 0.0]] * 66 + [[75.0, 2.5], [25.0, -2.5]])


def in_units(actions: np.ndarray = UNITS) -> dict[str, np.ndarray]:
    return columns() | {"actions": actions}


def boxed(low: list[float], high: list[float]) -> Task:
    """A task of three observations with this box."""
    task = make_task("pointmaze-umaze-diverse")
    known = ActionRange.of(low, high, "the box of Mine-v0")
    return replace(task, id="Mine-v0", obs_dim=3, maze=None, action_range=known)


def test_ranges_as_they_are_written() -> None:
    assert parse_range("0..100,-5..5e0", 2) == ActionRange((0.0, -5.0), (100.0, 5.0), "given")
    assert parse_range("-.4..0.4", 2).high == (0.4, 0.4)
    for text, words in (("0..1,2..3", "has 2 ranges"), ("0-1", "write LOW..HIGH"), ("1..0", "is empty")):
        with pytest.raises(UsageError, match=words):
            parse_range(text, 3)


def test_there_and_back() -> None:
    known = parse_range("0..100,-5..5", 2)
    assert known.to_scaled([[50.0, -5.0], [100.0, 7.0]]).tolist() == [[0.0, -1.0], [1.0, 1.0]]
    assert known.to_units([[0.0, -1.0], [2.0, 1.0]]).tolist() == [[50.0, -5.0], [100.0, 5.0]]


def test_a_range_that_is_given() -> None:
    rows = checked_rows(in_units(), "a", None, "shift", "0..100,-10..10")
    assert rows.action[:2].tolist() == [[0.0, -0.5], [1.0, 0.5]] and not rows.assumed
    with pytest.raises(DataError, match=r"action 1 reaches from -5 to 5 \(first .* row 0\), expected \[-4, 4\]"):
        checked_rows(in_units(), "a", None, "shift", "0..100,-4..4")
    with pytest.raises(DataError, match=r"action 0 reaches from 0 to 100 .* expected \[-1, 1\]"):
        checked_rows(in_units(), "a", None, "shift", "scaled")


def test_a_range_that_is_far_too_wide_is_a_warning() -> None:
    rows = checked_rows(in_units(), "a", None, "shift", "0..1e9,-5..5")
    assert "action 0 keeps from 0 to 100, 1e-07 of its range 0..1e+09: all its actions look alike" in rows.assumed
    still = UNITS * [1, 0]
    assert not checked_rows(in_units(still), "a", None, "shift", "0..900,-5..5").assumed


def test_without_one_it_is_inferred_and_said() -> None:
    data = from_arrays(in_units())
    assert data.action_range == ActionRange((0.0, -5.0), (100.0, 5.0), "the data's least and greatest")
    assert "no range of the actions is known" in data.card["warnings"][0]
    assert "action 0 0..100, action 1 -5..5" in data.card["warnings"][0]
    assert data.card["action"]["max"] == [100.0, 5.0] and np.ptp(data.columns.action, axis=0).tolist() == [2.0, 2.0]


def test_the_box_of_the_environment_is_the_range() -> None:
    """Also where values would fit into [-1, 1]; unless they leave the box and fit, as scaled ones do."""
    task = boxed([0, 0], [1, 1])
    rows = checked_rows(in_units(np.full((200, 2), 0.2)), "a", task, "shift")
    assert rows.action[0] == pytest.approx([-0.6, -0.6]) and rows.action_range == task.action_range
    rows = checked_rows(in_units(np.full((200, 2), -0.2)), "a", task, "shift")
    assert rows.action[0] == pytest.approx([-0.2, -0.2]) and "taken as scaled" in rows.assumed
    with pytest.raises(DataError, match=r"action 0 reaches .* expected \[0, 1\]; give another --action-range"):
        checked_rows(in_units(), "a", task, "shift")
    assert checked_rows(in_units(np.full((200, 2), 0.2)), "a", task, "shift", "scaled").action_range is None


def test_values_that_keep_to_a_part_of_the_range_are_asked_about() -> None:
    for actions in (np.abs(columns()["actions"]), columns()["actions"] * 0.4):
        assert "actions are taken as scaled" in checked_rows(in_units(actions), "a", None, "shift").assumed
    assert not checked_rows(columns(), "a", None, "shift").assumed


def test_tasks_whose_actions_are_scaled_keep_their_law() -> None:
    task = make_task("pointmaze-umaze-diverse")
    data = columns(obs_dim=4) | {"actions": UNITS}
    with pytest.raises(DataError, match=r"expected \[-1, 1\]"):
        checked_rows(data, "a", task, "shift")
    with pytest.raises(UsageError, match="leave it out"):
        checked_rows(data, "a", task, "shift", "0..100")
    with pytest.raises(UsageError, match=r"leave --action-range 0\.\.1 out"):
        make_task("pointmaze-umaze-diverse", action_range="0..1")


def test_one_number_a_row_and_what_is_refused_by_name() -> None:
    flat = in_units(np.linspace(-1, 1, 200))
    assert checked_rows(flat, "a", None, "shift").action.shape == (200, 1)
    with pytest.raises(DataError, match="action 0 has the whole numbers 0 to 2 alone and looks discrete"):
        checked_rows(in_units(np.arange(200) % 3), "a", None, "shift")
    switched = np.stack([np.arange(200) * 7, np.arange(200) % 3 - 1], axis=1)
    with pytest.raises(DataError, match="action 1 has the whole numbers -1 to 1 alone"):
        checked_rows(in_units(switched), "a", None, "shift")
    with pytest.raises(DataError, match="action 0 has the whole numbers 0, 50, 100 alone"):
        checked_rows(in_units(np.arange(200) % 3 * 50), "a", None, "shift")
    assert checked_rows(in_units(switched), "a", None, "shift", "0..1393,-1..1").action_range  # who says so is believed
    assert checked_rows(in_units(np.arange(200) % 101), "a", None, "shift").action_range  # a valve's per cent
    with pytest.raises(DataError, match="looks like images"):
        checked_rows(columns() | {"observations": np.zeros((200, 4, 4, 3), np.uint8)}, "a", None, "shift")


def test_a_memory_map_is_scaled_beside_itself(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", UNITS)
    mapped = in_units(np.load(tmp_path / "a.npy", mmap_mode="r"))
    rows = checked_rows(mapped, "a", None, "shift")
    assert isinstance(rows.action, np.memmap) and np.array_equal(
        rows.action, from_arrays(in_units()).action_range.to_scaled(UNITS)
    )  # type: ignore[union-attr]
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_names_of_a_table_go_to_the_card(tmp_path: Path) -> None:
    path = tmp_path / "plant.csv"
    lines = [f"{i},{20 + i % 7},{a[0]},{a[1]},{-i % 3},{int(i % 50 == 49)}" for i, a in enumerate(UNITS)]
    lines[5] = "5,25,0.5,0.5,1,0"  # or they would look like choices
    path.write_text("temp_C,p_bar,valve_pct,torque_Nm,r,end\n" + "\n".join(lines))
    mapping = {"obs": "temp_C+p_bar", "action": "valve_pct+torque_Nm", "reward": "r", "terminal": "0", "timeout": "end"}
    data = load_dataset(path, mapping=mapping)
    assert data.card["names"] == {"observations": ["temp_C", "p_bar"], "actions": ["valve_pct", "torque_Nm"]}
    assert "valve_pct 0..100, torque_Nm -5..5" in data.card["warnings"][0]
    found = doctor.check(path, mapping=mapping, action_range="0..100,-5..5")
    assert found.card is not None and found.card["action"]["range"]["source"] == "given"
    assert not any("range" in line for line in found.warnings)


def test_a_minari_file_says_its_own(tmp_path: Path) -> None:
    import h5py

    from pars.data.formats import minari

    path = tmp_path / "main_data.hdf5"
    with h5py.File(path, "w") as file:
        assert minari.action_range(path, file) is None
        box = {"type": "Box", "dtype": "float32", "shape": [1], "low": [-2.0], "high": [2.0]}
        file.attrs["action_space"] = json.dumps(box)
        assert minari.action_range(path, file) == ActionRange((-2.0,), (2.0,), "the file's action_space")
        (tmp_path / "metadata.json").write_text(json.dumps({"action_space": json.dumps(box | {"high": [3.0]})}))
        assert minari.action_range(path, file).high == (3.0,)  # type: ignore[union-attr]
        (tmp_path / "metadata.json").write_text('{"action_space": {"type": "Discrete", "n": 2}}')
        assert minari.action_range(path, file) is None
