"""Cleaning: what the doctor advises, done once, with a record in the file."""

import json

import h5py
import numpy as np
import pytest

from pars.data import check, from_arrays, from_file
from pars.data.clean import clean
from pars.data.formats.mapping import parse_mapping
from pars.errors import DataError, UsageError
from tests.data.files import write_csv

pytestmark = pytest.mark.usefixtures("own_folders")
FORWARD = {"fill": "forward"}
MAP = parse_mapping("obs=x+y,action=valve+fan,reward=r,terminal=status==TRIP,time=t")


def plant(path):
    rng = np.random.default_rng(0)
    rows = [
        [i + 100 * (i >= 20), rng.normal(), "" if i == 5 else i, 100 * rng.random(), 3000 * rng.random(), -i % 7,
         "TRIP" if i == 19 else "OK"]
        for i in range(40)
    ]  # fmt: skip
    rows[0][3:5], rows[1][3:5] = [0, 0], [100, 3000]
    return write_csv(path, "t,x,y,valve,fan,r,status", rows)


def test_what_is_written_needs_no_options_and_says_what_was_done(tmp_path):
    path, out = plant(tmp_path / "a.csv"), tmp_path / "clean.hdf5"
    found = clean(path, out, MAP | {"fill": "forward", "split_gap": "10"})
    assert found.rows == 40 and found.record == [
        "missing values by column: 'y' in 1",
        "time: one row every 1 s (median)",
        "missing values: 1, mended by forward",
        "actions: scaled to [-1, 1] from 0..100, 0..3000 (the data's least and greatest)",
    ]
    assert "no range of the actions is known" in found.warnings[-1]
    with h5py.File(out) as file:
        assert json.loads(file.attrs["columns"]) == {"observations": ["x", "y"], "actions": ["valve", "fan"]}
        assert file.attrs["action_high"].tolist() == [100, 3000]
        assert file["actions"][:2].tolist() == [[-1, -1], [1, 1]]
    data, checked = from_file(out), check(out)
    assert data.columns.obs[5].tolist() == pytest.approx([data.columns.obs[5, 0], 4])
    assert np.flatnonzero(data.columns.terminal).tolist() == [19] and not checked.refusal
    assert checked.notes[0].startswith(
        "made: cleaned from a.csv: missing values by column: 'y' in 1; time: one row every 1 s"
    )


def test_what_cleaning_cannot_mend_or_would_overwrite(tmp_path):
    path, out = plant(tmp_path / "a.csv"), tmp_path / "clean.hdf5"
    with pytest.raises(DataError, match="there is no value in column 'y' in 1"):
        clean(path, out, MAP)
    with pytest.raises(DataError, match="r has the whole numbers 0 to 6 alone and looks discrete"):
        clean(path, out, MAP | {"actions": "r", "fill": "forward"})
    out.touch()
    with pytest.raises(UsageError, match="is there already; name another file"):
        clean(path, out, MAP)
    with pytest.raises(UsageError, match=r"is written as HDF5; give it a name such as .*out\.hdf5"):
        clean(path, tmp_path / "out.csv", MAP)


def test_a_warning_is_given_once(tmp_path):
    rows = [(i, 0.5 * np.cos(i), i % 7 == 6) for i in range(40)]
    path = write_csv(tmp_path / "a.csv", "x,u,end", rows)
    found = clean(path, tmp_path / "a.hdf5", parse_mapping("obs=x,action=u,reward=x,terminal=0,timeout=end"))
    assert sum("taken as scaled" in one for one in found.warnings) == 1
    assert len(found.warnings) == len({*found.warnings})


def test_numbers_that_stood_for_missing_values_are_known_afterwards(tmp_path):
    path, out = plant(tmp_path / "a.csv"), tmp_path / "clean.hdf5"
    path.write_text(path.read_text().replace(",,", ",-999.9,"))
    mapping = MAP | {"fill": "forward", "missing": "-999.9|1e300"}
    clean(path, out, mapping)
    frame = {"x": [0.0, -9.0, 2.0], "u": [0.1, 0.2, 0.3]}
    own = from_arrays(
        frame,
        mapping={"obs": "x", "action": "u", "reward": 0, "terminal": 0, "episode": "file", "missing": [-9]} | FORWARD,
    )
    assert from_file(out).card["sentinels"] == from_file(path, mapping=mapping).card["sentinels"] == [-999.9]
    assert own.card["sentinels"] == [-9] and own.columns.obs[1, 0] == 0
