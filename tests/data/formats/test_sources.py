"""Several files as one source: folders, patterns, lists, packed files, LeRobot's; an episode ends with each file."""

import bz2
import gzip
import json
import lzma
import re

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from pars.data import from_file
from pars.data.formats.files import read_columns
from pars.data.formats.mapping import parse_mapping
from pars.data.formats.sources import find, title
from pars.errors import DataError
from tests.data.files import columns, write_csv, write_npz

HEADER = "t,x,y z,u,r,status"
MAP = 'obs=x+"y z",action=u,reward=r,terminal=status==TRIP|ESD'


def logs(folder, lengths=(3, 2, 4)):
    """Files run_9, run_10, .. of so many rows; the last row of the second one is a trip."""
    folder.mkdir()
    for k, length in enumerate(lengths):
        rows = [
            (i / 10, 100 * k + i, i, 0.1 * k, -i, "TRIP" if k == 1 and i == length - 1 else "OK") for i in range(length)
        ]
        write_csv(folder / f"run_{k + 9}.csv", HEADER, rows)
    return folder


@pytest.mark.parametrize("name", ["logs", "logs/*.csv", "logs/run_9.csv,logs/run_10.csv,logs/run_11.csv"])
def test_one_file_per_episode(tmp_path, monkeypatch, name):
    folder = logs(tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    read = read_columns(folder.parent / name if "," not in name else type(folder)(name), mapping=parse_mapping(MAP))
    assert read["observations"][:, 0].tolist() == [0, 1, 2, 100, 101, 200, 201, 202, 203]
    assert np.flatnonzero(read["terminals"]).tolist() == [4]
    assert np.flatnonzero(read["timeouts"]).tolist() == [2, 8]
    assert title(type(folder)(name)) == "logs"


def test_a_row_is_named_by_its_file_and_by_its_number_there_also_where_rows_were_dropped(tmp_path, monkeypatch):
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path / "datasets"))
    folder = logs(tmp_path / "logs", (3, 3, 3))
    file = folder / "run_11.csv"
    file.write_text(file.read_text().replace("201,1,", ",1,").replace(",0.2,-2,OK", ",7,-2,OK"))
    for fill, line in (("forward", 3), ("drop-row", 4)):
        mapping = parse_mapping(MAP) | {"fill": fill}
        assert read_columns(folder, mapping=mapping).place(7) == f"line {line} of run_11.csv"
        with pytest.raises(DataError, match=r"logs: u reaches from 0 to 7 \(first outside in line 4 of run_11.csv\)"):
            from_file(folder, mapping=mapping, action_range="0..1")
    write_csv(folder / "run_12.csv", HEADER, [(i, 300 + i % 2, 0, 0.1, -1, "OK") for i in (0, 1, 1, 3, 2)])
    said = from_file(folder, mapping=parse_mapping(MAP) | {"fill": "forward", "time": "t"}).card["warnings"]
    assert any("the first is line 5 of run_12.csv; sort the rows" in line for line in said)
    assert any("the first comes after line 3 of run_12.csv; drop repeated rows" in line for line in said)
    assert any("the first is line 4 of run_12.csv (= line 3 of run_12.csv)" in line for line in said)


def test_files_of_one_row_are_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path / "datasets"))
    card = from_file(logs(tmp_path / "logs", (1, 3, 1)), mapping=parse_mapping(MAP)).card
    assert card["transitions"] == 3 and card["notes"] == [
        "2 episodes have a single row, which no row follows: they are left out"
    ]


def test_one_file_is_one_episode_if_that_is_said(tmp_path):
    path = logs(tmp_path / "logs") / "run_9.csv"
    assert "timeouts" not in read_columns(path, mapping=parse_mapping(MAP))
    assert read_columns(path, mapping=parse_mapping(MAP + ",episode=file"))["timeouts"].tolist() == [0, 0, 1]


def test_packed_files_are_unpacked_on_the_way(tmp_path):
    path = logs(tmp_path / "logs") / "run_9.csv"
    plain = read_columns(path, mapping=parse_mapping(MAP))
    for packer, ending in ((gzip, "gz"), (bz2, "bz2"), (lzma, "xz")):
        packed = tmp_path / f"a.csv.{ending}"
        packed.write_bytes(packer.compress(path.read_bytes()))
        whole = read_columns(packed, mapping=parse_mapping(MAP))
        assert all((whole[key] == plain[key]).all() for key in plain), ending
        packed.write_bytes(packed.read_bytes()[:-20])
        with pytest.raises(DataError, match="the packed file is truncated or damaged"):
            read_columns(packed, mapping=parse_mapping(MAP))


def test_arrays_in_several_files_larger_than_memory(tmp_path):
    halves = [columns(20, seed=k) for k in range(2)]
    for k, half in enumerate(halves):
        write_npz(tmp_path / f"{k}.npz", half | {"timeouts": np.zeros(20, bool)})
    read = read_columns(tmp_path, scratch=tmp_path.parent / f"{tmp_path.name}-scratch", in_memory=0)
    assert isinstance(read["observations"], np.memmap)
    assert (read["actions"] == np.concatenate([half["actions"] for half in halves])).all()
    assert np.flatnonzero(read["timeouts"]).tolist() == [19, 39]


def lerobot(folder, without=()):
    """Two episodes, the second a success."""
    (folder / "meta").mkdir(parents=True)
    (folder / "meta" / "info.json").write_text(json.dumps({"codebase_version": "v2.1"}))
    for k, length in enumerate((4, 3)):
        rows = {
            "observation.state": [[float(k), i] for i in range(length)],
            "action": [[0.5] for _ in range(length)],
            "next.reward": np.arange(length, dtype=np.float32),
            "next.success": np.arange(length) == length - 1 if k else np.zeros(length, bool),
            "episode_index": np.full(length, k),
            "timestamp": np.arange(length) / 30,
        }
        path = folder / "data" / "chunk-000" / f"episode_{k:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.table({key: rows[key] for key in rows.keys() - set(without)}), path)
    return folder


def test_lerobot(tmp_path):
    read = read_columns(lerobot(tmp_path / "whole"))
    assert read["observations"].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1], [1, 2]]
    assert np.flatnonzero(read["terminals"]).tolist() == [6] and np.flatnonzero(read["timeouts"]).tolist() == [3]
    assert read.notes == ("time: one row every 0.03333 s (median)",) and not read.warnings


def test_lerobot_without_rewards_and_ends(tmp_path):
    folder = lerobot(tmp_path / "bare", without=("next.reward", "next.success"))
    with pytest.raises(DataError, match=r"no 'rewards' and no 'terminals' .*; other names are given by --map"):
        read_columns(folder)
    read = read_columns(folder, mapping={"reward": 0, "terminal": 0})
    assert not read["rewards"].any() and np.flatnonzero(read["timeouts"]).tolist() == [3, 6]


def test_what_no_source_is(tmp_path):
    folder = logs(tmp_path / "logs")
    write_csv(folder / "run_12.csv", "t,x,u,r,status", [(0, 0, 0, 0, "OK")])
    with pytest.raises(DataError, match=r"run_12\.csv: --map observations: unknown column 'y z'"):
        read_columns(folder, mapping=parse_mapping(MAP))
    write_npz(folder / "a.npz", columns())
    for path, words in [
        (folder, "is a folder with files of several forms (1 .npz, 4 .csv); name those of one"),
        (folder / "*.tsv", "no file is named like this"),
        (folder / "run_9.csv,nowhere.csv", "nowhere.csv: no such file"),
    ]:
        with pytest.raises(DataError, match=re.escape(words)):
            find(path)
