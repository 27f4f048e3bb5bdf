"""Data of one's own against D4RL's: rows with both flags, masks, unclear names."""

import re

import numpy as np
import pytest

from pars.data import from_arrays, from_file
from pars.envs import make_task
from pars.errors import DataError
from tests.data.files import columns, write_csv, write_hdf5, write_npz

pytestmark = pytest.mark.usefixtures("own_folders")


def both(obs_dim=3, action_dim=2):
    data = columns(obs_dim=obs_dim, action_dim=action_dim)
    return data | {"terminals": data["timeouts"]}


def test_the_end_of_the_task_beats_a_timeout_but_not_in_d4rls_files(tmp_path):
    own = from_file(write_npz(tmp_path / "a.npz", both()))
    assert own.columns.terminal.sum() == 19 and len(own.last) == 199  # the very last row has no successor
    assert own.card["terminal_timeouts"] == 20 and "are terminal here" in own.card["notes"][0]
    assert from_arrays(both()).columns.terminal.sum() == 19
    d4rls = write_hdf5(tmp_path / "hopper_medium-v2.hdf5", both())
    assert from_file(d4rls).columns.terminal.sum() == 0 and len(from_file(d4rls).last) == 180
    hopper = make_task("hopper-medium-v2")
    assert from_arrays(both(11, 3), task=hopper).columns.terminal.sum() == 0


def test_what_looks_inverted_is_asked_back(tmp_path):
    data = columns()
    with pytest.raises(DataError, match=r"'terminals' is 1 in 90\.0% of the rows and 0 in single ones, as a mask"):
        from_arrays(data | {"terminals": ~data["timeouts"]})
    masked = write_npz(tmp_path / "mask.npz", data | {"terminals": ~data["timeouts"]})
    with pytest.raises(DataError, match="read it as such: --map terminal=COLUMN==0"):
        from_file(masked)
    assert from_file(masked, mapping={"terminal": "terminals==0"}).columns.terminal.sum() == 19
    data["dones"] = data.pop("terminals")
    words = "no 'terminals', but 'dones', which may mean two things; where it is 1, did the task itself end (--map term"
    with pytest.raises(DataError, match=re.escape(words)):
        from_file(write_npz(tmp_path / "a.npz", data))
    assert not from_file(tmp_path / "a.npz", mapping={"terminal": "dones"}).columns.terminal.any()


def test_alarms_are_no_ends():
    """Terminal rows that follow one another: a warning in data of one's own, a note in what is D4RL's."""
    data = columns() | {"terminals": np.isin(np.arange(200) % 10, (5, 6, 7))}
    (said,) = (one for one in from_arrays(data).card["warnings"] if "alarms" in one)
    assert said.startswith("60 terminal rows stand in episodes that go on, as alarms do") and "terminal=0" in said


def test_a_terminal_row_inside_a_run_is_said(tmp_path):
    """Where runs are known, single alarms show as well as streaks, and once."""
    for alarmed, words in (
        (lambda i: i in (4, 9, 11), "2 of 3 terminal rows (the first is line 6) stand inside the 2 episodes of"),
        (lambda i: i % 10 > 4, "8 of 10 terminal rows (the first is line 7) stand inside the 2 episodes of"),
        (lambda i: i % 10 == 9, None),
    ):
        rows = [(i // 10, i, 0.1 * (i % 9), -i, "ALARM" if alarmed(i) else "OK") for i in range(20)]
        path = write_csv(tmp_path / "a.csv", "run,x,u,r,status", rows)
        mapping = {"obs": "x", "action": "u", "reward": "r", "terminal": "status==ALARM", "episode": "run"}
        said = [one for one in from_file(path, mapping=mapping).card["warnings"] if "alarms" in one]
        assert len(said) == (words is not None) and all(one.startswith(words) for one in said)
        assert all("episode=run, as alarms do" in one and "terminal=0" in one for one in said)


@pytest.mark.parametrize(
    ("reward", "low", "said"),
    [("power_cost", 0, True), ("-power_cost", 0, False), ("power_cost", -5, False), ("r", 0, False)],
)
def test_a_cost_that_is_not_turned_round_is_warned_of(tmp_path, reward, low, said):
    rows = [(i // 10, i, 0.1 * (i % 9), low + i % 7) for i in range(20)]
    path = write_csv(tmp_path / "a.csv", f"run,x,u,{reward.removeprefix('-')}", rows)
    mapping = {"obs": "x", "action": "u", "reward": reward, "terminal": "0", "episode": "run"}
    found = [one for one in from_file(path, mapping=mapping).card["warnings"] if "named as a cost" in one]
    assert len(found) == said and all(one.endswith("--map reward=-power_cost") for one in found)


def test_a_terminal_row_before_a_gap_ends_its_run(tmp_path):
    rows = [(i // 10, i + 100 * (i >= 5), i, 0.1 * (i % 9), -i, i == 4) for i in range(20)]
    path = write_csv(tmp_path / "a.csv", "run,t,x,u,r,trip", rows)
    names = {"obs": "x", "action": "u", "reward": "r", "terminal": "trip", "episode": "run", "time": "t"}
    card = from_file(path, mapping=names | {"split_gap": "10"}).card
    assert not [one for one in card["warnings"] if "alarms" in one or "gaps" in one]
    assert [one for one in from_file(path, mapping=names).card["warnings"] if "alarms" in one]
