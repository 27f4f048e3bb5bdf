"""OGBench's files, against its rules written out row by row."""

import re

import numpy as np
import pytest

from pars.data.formats.files import read_columns
from pars.data.formats.ogbench import parse_goal
from pars.errors import DataError, UsageError
from tests.data.files import columns, ogbench, write_hdf5, write_npz

GOAL = (0.3, -0.2)


def reference(data: dict[str, np.ndarray]) -> list[tuple[int, bool, bool]]:
    """(row, success, last row of its trajectory) of every row that has a successor."""
    position = data.get("qpos", data["observations"])
    kept = []
    for i in range(len(data["terminals"]) - 1):
        if data["terminals"][i]:
            continue
        x, y = position[i, :2]
        success = ((x - GOAL[0]) ** 2 + (y - GOAL[1]) ** 2) ** 0.5 <= 0.5
        kept.append((i, bool(success), bool(data["terminals"][i + 1])))
    return kept


@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize("unfinished", [True, False])
def test_equals_the_rules_row_by_row(tmp_path, states, unfinished):
    data = ogbench([6, 2, 40, 1, 9], states=states)
    data["terminals"][-1] = not unfinished
    path = write_npz(tmp_path / "a.npz", data)
    read = read_columns(path, goal=GOAL)
    i, success, last = map(np.array, zip(*reference(data), strict=True))
    assert 0 < success.sum() < len(i) and read.next_obs == "file"
    assert (read["observations"] == data["observations"][i]).all()
    assert (read["next_observations"] == data["observations"][i + 1]).all()
    assert (read["actions"] == data["actions"][i]).all()
    assert (read["terminals"] == success).all() and (read["timeouts"] == last).all()
    assert (read["rewards"] == np.where(success, 0.0, -1.0)).all()
    assert set(read) == {"observations", "actions", "rewards", "terminals", "timeouts", "next_observations"}


def test_other_rewards_and_the_states(tmp_path):
    data = ogbench([6, 40])
    read = read_columns(write_npz(tmp_path / "a.npz", data), goal=GOAL, step_reward=0.0, infos=True)
    assert (read["rewards"] == read["terminals"]).all() and read["rewards"].dtype == np.float32
    kept = [i for i, _, _ in reference(data)]
    assert (read["infos/qpos"] == data["qpos"][kept]).all() and (read["infos/qvel"] == data["qvel"][kept]).all()


def test_from_memory_maps_as_from_memory(tmp_path):
    data = ogbench([600, 400])
    path = write_npz(tmp_path / "a.npz", data)
    mapped = read_columns(path, goal=GOAL, scratch=tmp_path / "scratch", in_memory=0)
    for key, values in read_columns(path, goal=GOAL).items():
        assert isinstance(mapped[key], np.memmap) and (mapped[key] == values).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"actions": np.zeros((7, 2))}, "'actions' has shape (7, 2)"),
        ({"qpos": np.zeros(18)}, "positions have shape (18,)"),
        ({"qpos": np.zeros((18, 1))}, "positions have shape (18, 1)"),
    ],
)
def test_what_does_not_fit(tmp_path, changes, words):
    with pytest.raises(DataError, match=re.escape(words)):
        read_columns(write_npz(tmp_path / "a.npz", ogbench([9, 9]) | changes), goal=GOAL)


def test_goals_in_words():
    assert parse_goal("12,-.5") == (12.0, -0.5)
    for text in ("12", "1,2,3", "a,b", "", "nan,1", "1,inf", "-inf,1"):
        with pytest.raises(UsageError, match="expected two numbers"):
            parse_goal(text)


def test_a_goal_is_needed_there_and_only_there(tmp_path):
    with pytest.raises(DataError, match="give its position by --data-goal X,Y"):
        read_columns(write_npz(tmp_path / "a.npz", ogbench([9, 9])))
    with pytest.raises(UsageError, match="no position; give two numbers"):
        read_columns(tmp_path / "a.npz", goal=(np.nan, 1.0))
    for path in (write_npz(tmp_path / "b.npz", columns()), write_hdf5(tmp_path / "b.hdf5", columns())):
        with pytest.raises(UsageError, match="leave --data-goal out"):
            read_columns(path, goal=GOAL)
        assert read_columns(path).next_obs == "shift"


def test_the_odd_one_of_several_files_is_named_with_what_it_lacks(tmp_path):
    usual, names = ogbench([9, 9]), ["a.npz", "b.npz", "c.npz"]
    for number, changes, words in (
        (1, {"terminals": None}, "b.npz: has no 'terminals', unlike a.npz; make the files alike or leave it out"),
        (0, {"rewards": np.zeros(18)}, "a.npz: has 'rewards', unlike b.npz"),
    ):
        for i, name in enumerate(names):
            made = usual | (changes if i == number else {})
            write_npz(tmp_path / name, {key: values for key, values in made.items() if values is not None})
        for goal in (GOAL, None):
            with pytest.raises(DataError, match=re.escape(words)):
                read_columns(tmp_path, goal=goal)
    for name in names[:2]:
        write_npz(tmp_path / name, columns())
    write_npz(tmp_path / names[2], usual)
    with pytest.raises(DataError, match=r"c.npz: has no 'rewards' and no 'timeouts', unlike a.npz"):
        read_columns(tmp_path)
