"""Where episodes end, missing values, times: by hand on a few rows."""

import re

import numpy as np
import pytest

from pars.data import from_file
from pars.data.formats.files import read_columns
from pars.data.formats.frames import read_frame
from pars.data.formats.mapping import parse_mapping
from pars.errors import DataError, UsageError
from tests.data.files import columns, write_csv, write_npz

MAP = "obs=x+y,action=u,reward=r,terminal=0,episode=run"
ROWS = [  # run, x, y, u, r: holes in x of row 1, y of row 3, u of row 5
    ("a", 0, 10, 0.0, 0),
    ("a", "", 11, 0.1, 1),
    ("a", 2, 12, 0.2, 2),
    ("b", 3, "NA", 0.3, 3),
    ("b", 4, 14, 0.4, 4),
    ("b", 5, 15, "nan", 5),
    ("c", 6, 16, 0.6, 6),
    ("c", 7, 17, 0.7, 7),
]


def read(tmp_path, rule):
    path = write_csv(tmp_path / "a.csv", "run,x,y,u,r", ROWS)
    return read_columns(path, mapping=parse_mapping(MAP) | ({"fill": rule} if rule else {}))


def test_missing_values_are_counted_by_column_and_refused(tmp_path):
    words = "of 8 rows there is no value in column 'x' in 1, 'y' in 1, 'u' in 1 (the first in line 3); fill them"
    with pytest.raises(DataError, match=re.escape(words)):
        read(tmp_path, None)


@pytest.mark.parametrize(
    ("rule", "rewards", "timeouts", "dropped"),
    [
        ("forward", [0, 1, 2, 4, 5, 6, 7], [2, 4, 6], ", 1 row dropped"),  # row 3 has nothing before it in its run
        ("drop-row", [0, 2, 4, 6, 7], [0, 1, 2, 4], ", 3 rows dropped"),  # no step leads over a hole
        ("drop-episode", [6, 7], [1], ", 6 rows dropped"),
    ],
)
def test_missing_values_are_mended(tmp_path, rule, rewards, timeouts, dropped):
    found = read(tmp_path, rule)
    assert found["rewards"].tolist() == rewards
    assert np.flatnonzero(found["timeouts"]).tolist() == timeouts
    assert found.notes == (
        "missing values by column: 'x' in 1, 'y' in 1, 'u' in 1",
        f"missing values: 3, mended by {rule}{dropped}",
    )
    assert found.missing == {"observations": [1, 1], "actions": [1]}
    if rule == "forward":
        assert found["observations"][1].tolist() == [0, 11] and found["actions"][4].tolist() == [0.4]


def test_a_column_of_episodes_has_no_holes(tmp_path):
    path = write_csv(tmp_path / "a.csv", "run,x,y,u,r", [*ROWS, ("", 1, 2, 0, 0)])
    with pytest.raises(DataError, match="column 'run' says where episodes begin and has no value in 1 rows"):
        read_columns(path, mapping=parse_mapping(MAP) | {"fill": "forward"})


def test_nan_in_arrays_is_missing_too(tmp_path):
    data = columns(20)
    data["observations"][3, 1] = np.nan
    path = write_npz(tmp_path / "a.npz", data)
    found = read_columns(path, mapping={"fill": "forward"})
    assert found["observations"][3, 1] == data["observations"][2, 1] and found.missing == {"observations": [0, 1, 0]}


def timed(tmp_path, times, **rules):
    rows = [(when, i, 0.1, 0, "") for i, when in enumerate(times)]
    path = write_csv(tmp_path / "a.csv", "t,x,u,r,note", rows)
    return read_columns(path, mapping=parse_mapping("obs=x,action=u,reward=r,terminal=0,time=t") | rules)


def test_numbers_that_stand_for_missing_values(tmp_path):
    rows = [(-9999 if i == 3 else i, 1e30 if i == 5 else 0.1 * i, i, 0) for i in range(8)]
    path = write_csv(tmp_path / "a.csv", "x,u,r,end", rows)
    mapping = parse_mapping("obs=x,action=u,reward=-r,terminal=end,episode=file,missing=-9999|1e30|1e300")
    read = read_columns(path, mapping=mapping | {"fill": "forward"})
    assert read["observations"][3] == 2 and read["actions"][5] == pytest.approx(0.4) and read["rewards"][7] == -7
    assert "2 values are -9999 or 1e30 or 1e300, read as missing" in read.notes
    frame = {"x": np.array([1.0, -9999, 3]), "u": np.float32([0.5, 1e30, 0]), "r": np.array([1, 2, 3])}
    read = read_frame(
        frame, {**mapping, "terminals": 0, "fill": "drop-row", "missing": [-9999, 1e30, 1e300]}, "a frame"
    )
    assert read["observations"].tolist() == [[1], [3]] and read["rewards"].tolist() == [-1, -3]
    with pytest.raises(
        DataError, match=r"has 1 missing \(-9999 or 1e\+30\), NaN or .* in line 5, x; .* --fill forward"
    ):
        from_file(path, mapping=mapping, action_range="0..1")
    with pytest.raises(UsageError, match="--map missing=none: expected numbers"):
        read_columns(path, mapping=mapping | {"missing": "none"})


def test_gaps_order_and_pace_of_times(tmp_path):
    found = timed(tmp_path, [0, 1, 2, 3, 10, 11, 12, 12, 13, 5, 6, 7.5, 8.5, 9.5])
    assert "timeouts" not in found and "time" not in found
    assert found.notes == ("time: one row every 1 s (median)",)
    backwards, same, gap, pace = found.warnings
    assert "backwards after 1 rows, the first is line 10" in backwards and "1 rows have the time" in same
    assert "1 gaps in time inside episodes, the longest 7 s after line 5" in gap and "--split-gap 3" in gap
    assert "10% of the steps in time differ" in pace
    split = timed(tmp_path, [0, 1, 2, 3, 10, 11, 12, 5, 6], split_gap="3")
    assert np.flatnonzero(split["timeouts"]).tolist() == [3, 6, 8] and not split.warnings


def test_dates(tmp_path):
    when = ["2026-01-01 00:00:00", "2026-01-01T00:00:00.5", "2026-01-01T00:00:01Z", "2026-01-01T01:00:01.5+01:00"]
    assert timed(tmp_path, when).notes == ("time: one row every 0.5 s (median)",)
    with pytest.raises(DataError, match=r"column 't' holds '1\.2\.26' in line 3, expected seconds or a date such as"):
        timed(tmp_path, ["2026-01-01", "1.2.26"])


def test_rules_that_are_none(tmp_path):
    for rules, words in [
        ({"fill": "mean"}, "--fill mean: choose one of forward, drop-row, drop-episode"),
        ({"split_gap": "-1"}, "--split-gap -1: expected seconds"),
    ]:
        with pytest.raises(UsageError, match=words):
            timed(tmp_path, [0, 1], **rules)
    with pytest.raises(UsageError, match="takes times; name their column"):
        read_columns(tmp_path / "a.csv", mapping=parse_mapping("obs=x,action=u,reward=r,terminal=0,split_gap=3"))
