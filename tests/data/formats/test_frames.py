"""Data in memory under names of one's own: dicts, nested dicts, frames."""

import re

import numpy as np
import pyarrow
import pytest

from pars.data import from_arrays
from pars.errors import DataError, UsageError
from tests.data.files import columns

MAPPING = {"obs": ["pos x", "v"], "action": "u", "reward": "r", "terminal": "status==TRIP", "episode": "run"}


def table(n=12):
    return {
        "pos x": np.arange(n) * 1.0,
        "v": np.arange(n) % 5,
        "u": np.linspace(-1, 1, n),
        "r": np.ones(n),
        "status": np.array([None] + ["OK"] * 4 + ["TRIP"] + ["OK"] * (n - 6), object),
        "run": np.array(["a"] * 6 + ["b"] * (n - 6), object),
    }


class Column:
    """As pandas and polars have them."""

    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        return np.asarray(self.values)


class Frame:
    def __init__(self, table):
        self.table, self.columns = table, [*table, 0]  # pandas takes numbers for names, too

    def __getitem__(self, name):
        return Column(self.table[name])


@pytest.mark.parametrize("form", [dict, pyarrow.table, Frame])
def test_every_form_is_the_same_dataset(form):
    found = from_arrays(form(table()), mapping=MAPPING)
    assert found.columns.obs[:3].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert np.flatnonzero(found.columns.terminal).tolist() == [5] and np.flatnonzero(found.last).tolist() == [5, 10]
    plain = {"observations": np.stack([table()["pos x"], table()["v"]], 1), "actions": table()["u"][:, None]}
    flags = {"rewards": np.ones(12), "terminals": np.arange(12) == 5, "timeouts": np.arange(12) == 11}
    assert from_arrays(plain | flags).fingerprint == found.fingerprint


def test_a_frame_needs_no_mapping_for_numbered_names_and_a_nested_dict_none_for_paths():
    data = columns(20)
    flat = {f"observations_{i}": data["observations"][:, i] for i in range(3)}
    flat |= {f"actions_{i}": data["actions"][:, i] for i in range(2)}
    expected = from_arrays(data).fingerprint
    assert from_arrays(
        pyarrow.table(flat | {k: data[k] for k in ("rewards", "terminals", "timeouts")})
    ).fingerprint == (expected)
    nested = data | {"observations": {"a": data["observations"][:, :1], "b": data["observations"][:, 1:]}}
    assert from_arrays(nested, mapping={"obs": "observations/*"}).fingerprint == expected
    with pytest.raises(UsageError, match=r"observations\* stands for one group per episode"):
        from_arrays(nested, mapping={"obs": "observations*/a"})


def test_several_arrays_for_one_are_asked_back():
    """A goal's dict of observations, a tuple, episodes of their own lengths."""
    data = columns(20)
    goal = {"observation": data["observations"], "desired_goal": data["actions"]}
    order = "as in mapping={'observations': ['observations/observation', 'observations/desired_goal']}"
    with pytest.raises(DataError, match=re.escape(f"belongs there, in which order, {order}")):
        from_arrays(data | {"observations": goal})
    mapping = {"observations": ["observations/observation", "observations/desired_goal"]}
    assert from_arrays(data | {"observations": goal}, mapping=mapping).obs_dim == 5
    for several in ((data["observations"],) * 2, [data["observations"][:7], data["observations"][7:]]):
        with pytest.raises(DataError, match=r"'observations' is a (tuple|list) of 2, expected one array with a row"):
            from_arrays(data | {"observations": several})
    assert len(from_arrays(data | {"rewards": tuple(data["rewards"])}).last) == 18


def test_words_where_numbers_are_due():
    with pytest.raises(DataError, match=re.escape("arrays: column 'status' holds object values, expected numbers")):
        from_arrays(table(), mapping=MAPPING | {"reward": "status"})
    with pytest.raises(DataError, match="arrays: no 'observations' and no 'actions'"):
        from_arrays(pyarrow.table(table()))


@pytest.mark.parametrize("data", [None, 5])
def test_what_is_no_data_is_one_line(data):
    with pytest.raises(DataError, match=r"arrays: is a (NoneType|int); give a dict of arrays, or a frame"):
        from_arrays(data)
