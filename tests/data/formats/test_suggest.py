"""The first mapping of a table, guessed: it can be read back, and every column stands in it once."""

import tomllib

import pytest

from pars.data.formats.files import read_columns
from pars.data.formats.mapping_file import reading
from pars.data.formats.suggest import suggested
from pars.errors import UsageError
from tests.data.files import columns, write_csv, write_npz


def test_a_plants_columns_find_their_places(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    header = ",timestamp,temp 1 °C,pressure_bar,valve_pct,fan_cmd,reward,status,operator"
    for k in range(2):
        rows = [
            (i, f"2026-01-0{k + 1}T00:00:0{i}", 20 + i, "" if k == i == 1 else 3.5, 50, 0.1 * i, -i,
             "TRIP" if k and i == 3 else "OK", f"name {4 * k + i}" * 1)
            for i in range(4)
        ]  # fmt: skip
        write_csv(folder / f"{k}.csv", header, rows)
    text = suggested(folder)
    found = tomllib.loads(text)
    assert found == {
        "obs": ["temp 1 °C", "pressure_bar"],
        "action": ["valve_pct", "fan_cmd"],
        "reward": "reward",
        "terminal": "status==TRIP",
        "episode": "file",
        "time": "timestamp",
        "fill": "forward",
    }
    for words in (
        '"temp 1 °C",  # 20 to 23',
        "# 3.5 to 3.5, 1 rows without",
        "# status: OK, TRIP; where",
        '"valve_pct"',
    ):
        assert words in text
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    read = read_columns(folder, mapping=reading(str(path)))
    assert read["observations"].shape == (8, 2) and read["terminals"].sum() == 1


def test_what_cannot_be_guessed_is_left_to_say(tmp_path):
    path = write_csv(tmp_path / "a.csv", "run,x,y", [(1, 2, 3)])
    (tmp_path / "m.toml").write_text(suggested(path))
    with pytest.raises(UsageError, match=r"action = \[\]; name the columns"):
        reading(str(tmp_path / "m.toml"))
    with pytest.raises(UsageError, match="--suggest is for tables"):
        suggested(write_npz(tmp_path / "a.npz", columns()))
