"""HDF5 files with one group per episode, as robomimic's."""

import h5py
import numpy as np
import pytest

from pars.data.formats.files import read_columns
from pars.data.formats.mapping import parse_mapping
from pars.errors import DataError, UsageError
from tests.data.files import columns, write_csv, write_npz

MAP = "obs=data/demo_*/obs/*,action=data/demo_*/actions,reward=data/demo_*/rewards,done=data/demo_*/dones"


def robomimic(path, lengths=(5,) * 12, **changes):
    with h5py.File(path, "w") as file:
        for k, length in enumerate(lengths):
            demo = file.create_group(f"data/demo_{k}")
            demo["obs/eef"] = np.full((length, 3), k, np.float32)
            demo["obs/grip"] = np.arange(length)
            demo["actions"] = np.zeros((length, 2))
            demo["rewards"] = np.ones(length)
            demo["dones"] = (np.arange(length) == length - 1) & (k == 1)
    return path


def test_groups_are_episodes_in_the_order_of_their_numbers(tmp_path):
    read = read_columns(robomimic(tmp_path / "a.hdf5"), mapping=parse_mapping(MAP))
    assert read["observations"].shape == (60, 4) and read["actions"].shape == (60, 2)
    assert read["observations"][::5, 0].tolist() == list(range(12)) and read["observations"][:5, 3].tolist() == [
        *range(5)
    ]
    assert np.flatnonzero(read["terminals"]).tolist() == [9]
    assert np.flatnonzero(read["timeouts"]).tolist() == [4, *range(14, 60, 5)]


def test_a_pattern_in_a_group_joins_nothing_sideways_and_a_slash_in_a_tables_name_is_no_group(tmp_path):
    data = columns(20)
    path = write_npz(tmp_path / "a.npz", {f"ep_{k}/{key}": values for k in (0, 1) for key, values in data.items()})
    with pytest.raises(UsageError, match=r"ep_\* stands for one group per episode, which HDF5 has"):
        read_columns(path, mapping=parse_mapping("obs=ep_*/observations,action=ep_0/actions"))
    table = write_csv(tmp_path / "a.csv", "v_1 m/s,v_2 m/s,w_1 l/s,u,r", [(1, 2, 3, 0, 0)])
    read = read_columns(table, mapping=parse_mapping("obs=v_* m/s+w_* l/s,action=u,reward=r,terminal=0"))
    assert read["observations"].tolist() == [[1, 2, 3]]


def test_without_a_mapping_the_groups_are_named(tmp_path):
    words = r"has groups data/demo_\* with actions, .*; if each is an episode, say so by --map 'obs=data/demo_\*/obs/\*"
    with pytest.raises(DataError, match=words):
        read_columns(robomimic(tmp_path / "a.hdf5"))


def test_constants_and_patterns_that_do_not_fit(tmp_path):
    path = robomimic(tmp_path / "a.hdf5", (3, 2))
    read = read_columns(path, mapping=parse_mapping(MAP.rpartition(",")[0] + ",terminal=0"))
    assert not read["terminals"].any() and read["timeouts"].tolist() == [0, 0, 1, 0, 1]
    with pytest.raises(UsageError, match=r"data/demo_\* and \*/demo_0 both stand for episodes|both stand for episodes"):
        read_columns(path, mapping=parse_mapping(MAP.replace("action=data/demo_*", "action=*/demo_0")))
    with pytest.raises(DataError, match="--map: no group is named like data/trial_"):
        read_columns(path, mapping=parse_mapping(MAP.replace("demo", "trial")))
    with h5py.File(path, "a") as file:
        del file["data/demo_1/actions"]
        file["data/demo_1/actions"] = np.zeros((7, 2))
    with pytest.raises(DataError, match="columns of data/demo_1 differ in length"):
        read_columns(path, mapping=parse_mapping(MAP))
