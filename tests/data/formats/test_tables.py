"""Tables, and a user's own names for columns."""

import gzip
import re
import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from pars.data import from_file
from pars.data.formats.files import read_columns
from pars.data.formats.mapping import parse_mapping
from pars.errors import DataError, ResourceError, UsageError
from tests.data.files import columns, write_csv, write_hdf5, write_npz

HEADER = "run,x,y,vx,u,r,done"
ROWS = [
    ("a", 0.5, 1, -2e-3, 0.1, 0, "False"),
    ("a", 1.5, 2, 3, 0.2, 1, "True"),
    ("b", 2.5, 3, 4, 0.3, 0, "False"),
    ("b", 3.5, 4, 5, 0.4, 0, "False"),
    ("c", 4.5, 5, 6, 0.5, 0, "False"),
]
MAP = "obs=x+y+v*,action=u,reward=r,done=done"


def own(path, text=MAP):
    return read_columns(path, mapping=parse_mapping(text))


def test_a_csv_of_ones_own(tmp_path):
    read = own(write_csv(tmp_path / "a.csv", HEADER, ROWS), MAP + ",episode=run")
    assert read["observations"].tolist() == [[float(v) for v in row[1:4]] for row in ROWS]
    assert read["actions"].tolist() == [[0.1], [0.2], [0.3], [0.4], [0.5]]
    assert read["rewards"].tolist() == [0, 1, 0, 0, 0] and read["terminals"].tolist() == [0, 1, 0, 0, 0]
    assert read["timeouts"].tolist() == [False, False, False, True, True]  # a ended by itself
    assert read.next_obs == "shift" and set(read) == {"observations", "actions", "rewards", "terminals", "timeouts"}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_quotes_blank_lines_and_the_mark_of_spreadsheets(tmp_path, separator):
    plain = write_csv(tmp_path / "a.csv", HEADER, ROWS)
    text = plain.read_text().replace(",", separator).replace("x", '"x"', 1).replace("\n", "\r\n") + "\r\n\r\n"
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    for key, values in own(plain).items():
        assert (own(tmp_path / "b.csv")[key] == values).all()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "cp1252", "gzip"])
def test_other_encodings(tmp_path, encoding):
    """As spreadsheets and Windows write them; names keep their letters."""
    text = HEADER.replace("vx", "T °C") + "\n" + "\n".join(",".join(map(str, row)) for row in ROWS) + "\n"
    data = gzip.compress(text.encode("utf-16")) if encoding == "gzip" else text.encode(encoding)
    path = tmp_path / ("a.csv.gz" if encoding == "gzip" else "a.csv")
    path.write_bytes(data)
    found = own(path, MAP.replace("x+y+v*", "x+T °C"))
    assert found["observations"].tolist() == [[row[1], row[3]] for row in ROWS]
    assert found.names["observations"] == ("x", "T °C")


def test_utf_16_without_its_mark_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes("a,b\n1,2\n".encode("utf-16-le"))
    with pytest.raises(
        DataError, match=r"a\.csv: looks like UTF-16 without a mark of its byte order; save .* as UTF-8"
    ):
        own(tmp_path / "a.csv")


def test_d4rls_names_need_no_mapping_and_numbered_ones_are_in_order(tmp_path):
    data = columns(30, obs_dim=12)
    names = [*(f"observations_{i}" for i in reversed(range(12))), "actions_0", "actions_1", "rewards", "terminals"]
    rows = np.column_stack([data["observations"][:, ::-1], data["actions"], data["rewards"], data["terminals"]])
    path = write_csv(tmp_path / "a.csv", ",".join([*names, "timeouts"]), np.column_stack([rows, data["timeouts"]]))
    read = read_columns(path)
    for key, values in data.items():
        assert (read[key].astype(np.float32) == values).all(), key


def test_parquet_with_lists(tmp_path):
    data = columns(30)
    arrow = {
        "state": pyarrow.FixedSizeListArray.from_arrays(data["observations"].ravel(), 3),
        "u": pyarrow.array(list(data["actions"])),
        "r": data["rewards"],
        "end": pyarrow.array(data["terminals"]),
        "run": [f"run {i // 7}" for i in range(30)],
        "image": [b"png"] * 30,
    }
    parquet.write_table(pyarrow.table(arrow), tmp_path / "a.parquet")
    read = own(tmp_path / "a.parquet", "obs=state,action=u,reward=r,terminal=end,episode=run")
    for key, name in (("observations", "observations"), ("actions", "actions"), ("rewards", "rewards")):
        assert (read[key] == data[name]).all() and read[key].dtype == np.float32
    assert np.flatnonzero(read["timeouts"]).tolist() == [6, 13, 20, 27, 29]


@pytest.mark.parametrize("write", [write_hdf5, write_npz])
def test_arrays_in_groups_constants_and_own_next_observations(tmp_path, write):
    data = columns(20)
    arrays = {"log/pos_10": data["observations"][:, 0], "log/pos_2": data["observations"][:, 1:], "u": data["actions"]}
    if write is write_npz:
        arrays = {key: arrays[key] for key in ("log/pos_2", "log/pos_10", "u")}
    path = write(tmp_path / "a.npz", arrays | {"next": data["observations"] + 1, "rewards": data["rewards"]})
    text = "obs=log/pos_*,action=u,next_obs=next,terminal=0,timeout=1"
    read = own(path, text)
    assert (read["observations"] == data["observations"][:, [1, 2, 0]]).all()
    assert (read["next_observations"] == data["observations"] + 1).all()
    assert read["terminals"].tolist() == [0] * 20 and read["timeouts"].tolist() == [1] * 20
    assert read.next_obs == "file"


@pytest.mark.parametrize("write", [write_hdf5, write_npz])
def test_joined_block_by_block_whatever_the_order_in_memory(tmp_path, monkeypatch, write):
    monkeypatch.setattr("pars.data.formats.layout.BLOCK", 100)
    data = columns(50)
    path = write(tmp_path / "a.npz", data | {"more": np.asfortranarray(data["observations"])})
    read = read_columns(path, mapping={"obs": "observations+more"}, scratch=tmp_path / "scratch", in_memory=0)
    assert (read["observations"] == np.hstack([data["observations"]] * 2)).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("obs", "'obs' is not of the form name=column"),
        ("obs=a,,action=u", "'' is not of the form"),
        ("state=obs", "unknown name in --map 'state'"),
        ("obs=a,observations=b", "observations is given twice; join columns by +"),
    ],
)
def test_mappings_that_cannot_be_read(text, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        parse_mapping(text)
    assert parse_mapping("obs = state , terminal=done") == {"observations": "state", "terminals": "done"}


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (HEADER, [*ROWS, ("c", 1, 2, 3, "1,5", 0, 0)], "line 7 has 8 cells, the header has 7"),
        (HEADER, [*ROWS, ("c", 1, 2)], "line 7 has 3 cells"),
        (HEADER, [*ROWS, ("c", 1, 2, "fast", 4, 5, 6)], "column 'vx' holds 'fast' in line 7"),
        (
            HEADER,
            [*ROWS, ("c", 1, "", 3, 4, 5, 6)],
            "of 6 rows there is no value in column 'y' in 1 (the first in line 7); fill them, or give --fill forward",
        ),
        (
            HEADER,
            [*ROWS, ("c", 1, 2, '"-3,5"', 4, 5, 6)],
            "column 'vx' holds '-3,5' in line 7, a decimal comma; write points (pandas reads commas with",
        ),
        (
            HEADER,
            [(*row[:4], "up", *row[5:]) for row in ROWS],
            "column 'u' holds 'up' in line 2, expected a number; mend that cell, map another column, or "
            "compare, as in --map terminal=status==TRIP; actions in words are discrete, and pars needs continuous ones",
        ),
        (HEADER.replace("vx", "x"), ROWS, "two columns are named 'x'"),
        ("1,2,3", [(1, 2, 3)], "the first line is no header"),
        (HEADER.replace("u", "velocity_u"), ROWS, "--map actions: unknown column 'u'"),
        (
            HEADER.replace("done", "dona"),
            ROWS,
            "unknown column 'done'; did you mean dona?; a first mapping is written by: pars data check DATA --suggest",
        ),
    ],
)
def test_tables_with_faults(tmp_path, header, rows, words):
    with pytest.raises(DataError, match=re.escape(words)) as error:
        own(write_csv(tmp_path / "a.csv", header, rows))
    assert "\n" not in str(error.value)


def test_all_columns_that_lack_values_are_counted(tmp_path):
    rows = [(0, 1, *[""] * 8)] * 3
    with pytest.raises(DataError, match=r"'x5' in 3 and 2 more columns \(the first in line 2\)"):
        own(
            write_csv(tmp_path / "a.csv", "u,r," + ",".join(f"x{i}" for i in range(8)), rows),
            "obs=x*,action=u,reward=r,terminal=0",
        )


def test_places_are_those_of_an_editor(tmp_path):
    """Missing, infinite and other odd cells are counted alike: by the lines of the file, blank ones too."""
    rows = [(f"{i}.5", -1, 0.1 * i) for i in range(6)]

    def said(cell: object) -> str:
        lines = ["x,r,u", *(",".join(map(str, row)) for row in [*rows[:4], (cell, *rows[4][1:]), rows[5]])]
        (tmp_path / "a.csv").write_text("\n".join([*lines[:3], "", *lines[3:]]) + "\n")
        with pytest.raises(DataError) as error:
            from_file(tmp_path / "a.csv", mapping=parse_mapping("obs=x,action=u,reward=r,terminal=0,episode=file"))
        return str(error.value)

    assert all("in line 7" in said(cell) for cell in ("", "inf", "up")) and "line 7, x; drop those" in said("inf")


@pytest.mark.parametrize("cell, place", [("up", "line 6"), ("", "line 6")])
def test_a_note_of_several_lines_counts_as_many(tmp_path, cell, place):
    (tmp_path / "a.csv").write_text(f'x,r,u,note\n1,0,0.1,"by hand,\nthen\nby clock"\n2,0,0.2,\n{cell},1,0.3,\n')
    with pytest.raises(DataError, match=place):
        from_file(tmp_path / "a.csv", mapping=parse_mapping("obs=x,action=u,reward=r,terminal=0,episode=file"))


def test_matrices_are_columns_and_no_constants(tmp_path):
    path = write_csv(tmp_path / "a.csv", HEADER, ROWS)
    with pytest.raises(
        UsageError, match=r"--map observations=3: a number is a constant, and observations come from col"
    ):
        own(path, "obs=3,action=u,reward=r,terminal=0")
    with pytest.raises(UsageError, match=r"--map actions=0: .* name them \(the file has run, x, y, vx, u, r, done\)"):
        own(path, "obs=x,action=0,reward=r,terminal=0")


def test_discrete_actions_of_a_table_are_asked_about(tmp_path):
    """Text has no types: whole numbers are known by their values, however they are written."""
    rows = [(0.5 * i, f"{i % 3}.0", -1, int(i == 39)) for i in range(40)]
    path = write_csv(tmp_path / "a.csv", "x,u,r,done", rows)
    mapping = parse_mapping("obs=x,action=u,reward=r,done=done")
    with pytest.raises(DataError, match="u has the whole numbers 0 to 2 alone and looks discrete"):
        from_file(path, mapping=mapping)
    assert from_file(path, mapping=mapping, action_range="0..2").action_range.high == (2.0,)


def test_a_table_of_nothing_but_its_header(tmp_path):
    assert own(write_csv(tmp_path / "a.csv", HEADER, []))["observations"].shape == (0, 3)


@pytest.mark.parametrize(
    ("u", "words"),
    [
        ([[1.0], [2.0, 3.0]], "lists in column 'u' differ in length, first in row 1"),
        ([1.0, None], "of 2 rows there is no value in column 'u' in 1 (the first in row 1)"),
        ([[1.0], None], "lists in column 'u' differ in length"),
        (["a", "b"], "==VALUE; actions in words are discrete, and pars needs continuous ones"),
    ],
)
def test_parquet_with_faults(tmp_path, u, words):
    parquet.write_table(
        pyarrow.table({"s": [1.0, 2.0], "u": u, "r": [0.0, 0.0], "done": [0, 1]}), tmp_path / "a.parquet"
    )
    with pytest.raises(DataError, match=re.escape(words)):
        own(tmp_path / "a.parquet", "obs=s,action=u,reward=r,terminal=done")


def test_damaged_parquet_and_no_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"rewards": np.arange(1000.0)}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="this Parquet file is truncated or damaged"):
        read_columns(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ResourceError, match="install it, as the extra tables"):
        read_columns(path)


def test_without_a_header_columns_have_numbers(tmp_path):
    """As numpy.savetxt writes: blanks between numbers, nothing else."""
    path = tmp_path / "a.csv"
    np.savetxt(path, np.arange(12.0).reshape(3, 4))
    with pytest.raises(DataError, match=r"the first line is no header but data; .* what column_0 to column_3 are"):
        own(path)
    read = own(path, "obs=column_0+column_3,action=column_1,reward=column_2,terminal=0")
    assert read["observations"].tolist() == [[0, 3], [4, 7], [8, 11]] and read["rewards"].tolist() == [2, 6, 10]


def test_index_columns_are_no_part_of_a_pattern_and_vectors_may_be_text(tmp_path):
    rows = [(i, f'"[{i}, 0.5]"', f'"[{i} 2]"', 0.1 * i, 0) for i in range(3)]
    path = write_csv(tmp_path / "a.csv", ",state,more,u,r", rows)
    read = own(path, "obs=state+more,action=u,reward=r,terminal=0")
    assert read["observations"].tolist() == [[i, 0.5, i, 2] for i in range(3)]
    path = write_csv(tmp_path / "b.csv", ",x,y", [(7, 1, 2)])
    assert own(path, "obs=*,action=y,reward=0,terminal=0")["observations"].tolist() == [[1, 2]]
    ragged = [(0, '"[1, 2]"', 0, 0.1, 0), (1, '"[1]"', 0, 0.1, 0)]
    with pytest.raises(DataError, match=r"column 'state' holds '\[1\]' in line 3"):
        own(write_csv(tmp_path / "c.csv", ",state,more,u,r", ragged), "obs=state,action=u,reward=r,terminal=0")


def test_flags_read_off_other_columns(tmp_path):
    rows = [(i, 0.1, 0, word, code) for i, (word, code) in enumerate([("OK", 0), ("", 1), ("A B", 2.0), ("TRIP", 3)])]
    path = write_csv(tmp_path / "a.csv", "x,u,r,status,code", rows)
    for text, flags in [
        ("status==TRIP", [0, 0, 0, 1]),
        ('status=="A B"|TRIP', [0, 0, 1, 1]),
        ("status!=OK", [0, 1, 1, 1]),
        ("code==2|3", [0, 0, 1, 1]),
    ]:
        assert own(path, f"obs=x,action=u,reward=r,terminal={text}")["terminals"].tolist() == flags
    read = own(path, "obs=x,action=u,reward=r,terminal=status==TRIPP")
    assert any("no row is status==TRIPP, so 'terminals' is 0" in line for line in read.warnings)
    assert not any("no row is" in line for line in own(path, "obs=x,action=u,reward=r,terminal=code==2").warnings)
    with pytest.raises(UsageError, match="a comparison is a flag"):
        own(path, "obs=x==1,action=u,reward=r,terminal=0")
    with pytest.raises(DataError, match="unknown column 'state'; did you mean status"):
        own(path, "obs=x,action=u,reward=r,terminal=state==TRIP")


def test_files_whose_columns_stand_in_another_order_are_not_mixed_up(tmp_path):
    write_csv(tmp_path / "1.csv", "x_1,x_2,u,r", [(1, 2, 0, 0)] * 2)
    write_csv(tmp_path / "2.csv", "x_2,x_1,u,r", [(2, 1, 0, 0)] * 2)
    with pytest.raises(DataError, match=r"2\.csv has its columns in another order than 1\.csv"):
        own(tmp_path, "obs=x_*,action=u,reward=r,terminal=0")
    assert own(tmp_path, "obs=x_1+x_2,action=u,reward=r,terminal=0")["observations"].tolist() == [[1, 2]] * 4
