"""The first mapping of a table, guessed: it can be read back, and every column stands in it once."""

import tomllib

import pytest

from pars.data.formats.files import read_columns
from pars.data.formats.mapping_file import reading
from pars.data.formats.suggest import suggested
from pars.errors import DataError, UsageError
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
        "# 3.5 to 3.5, 1 row without",
        "# status: OK, TRIP; where",
        '"valve_pct"',
    ):
        assert words in text
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    read = read_columns(folder, mapping=reading(str(path)))
    assert read["observations"].shape == (8, 2) and read["terminals"].sum() == 1


def test_all_files_are_looked_at_and_what_is_measured_is_no_action(tmp_path, monkeypatch):
    """A trip in the last file alone; a column that began as numbers; a sensor of a pump; a column that most lack."""
    header = "pump_pressure_bar,valve_cmd,Valve Position,state,mode,reward"
    for k in range(6):
        rows = [
            (4.5, 0.5, 0.4, "TRIP" if k == 5 and i == 2 else "" if k == 0 else "OK", "auto" if k == 5 else k, 1)
            for i in range(3)
        ]
        extra = (",late", [(*row, 7) for row in rows]) if k > 3 else ("", rows)
        write_csv(tmp_path / f"{k}.csv", header + extra[0], extra[1])
    text = suggested(tmp_path)
    found = tomllib.loads(text)
    assert found["obs"] == ["pump_pressure_bar", "Valve Position"] and found["action"] == ["valve_cmd"]
    assert found["terminal"] == "state==TRIP" and '# or: "mode==WORD"  # mode: auto' in text
    assert "a guess by their names, their units and how they move" in text.splitlines()[0]
    assert '"Valve Position",  # 0.4 to 0.4: another column is the valve\'s command; a quantity that' in text
    assert '# left out: "late"  # 7 to 7, in 2 of 6 files' in text
    monkeypatch.setattr("pars.data.formats.suggest.MOST_BYTES", 100)
    assert "(looked at 2 of 6 files: rare words may be missing)" in suggested(tmp_path)


def test_who_was_there_is_no_end(tmp_path):
    path = write_csv(
        tmp_path / "a.csv", "level,valve_cmd,Operator,mode,reward", [(1.5, i, "Jensen", "auto", 1) for i in range(4)]
    )
    text = suggested(path)
    assert '# left out: "Operator"  # Jensen' in text and "Operator==" not in text and '# or: "mode==WORD"' in text


def test_counters_dates_and_what_may_be_a_reward(tmp_path):
    rows = [
        (i % 4, f"{1 + i // 4}.12.2026 00:0{i % 4}", i // 4, 20 + 0.5 * i, 0.25 * i, f"-{i}.0", f"note {i}")
        for i in range(16)
    ]
    path = write_csv(tmp_path / "a.csv", "step,Zeit,Day,T in °C,heater kW,Energy cost €,note", rows)
    text = suggested(path)
    found = tomllib.loads(text)
    assert (found["obs"], found["action"], found["reward"]) == (["T in °C"], ["heater kW"], "")
    assert (found["episode"], found["time"]) == ("Day", "Zeit")
    for words in (
        '# left out: "step"  # 0 to 3, counts the rows',
        '# perhaps: "Energy cost €"  # -15 to 0; a cost: -Energy cost €',
        '# left out: "note"  # note 0, note 1, note 2, ...\n',
    ):
        assert words in text, text
    (tmp_path / "m.toml").write_text(text.replace('reward = ""', 'reward = "-Energy cost €"'))
    read = read_columns(path, mapping=reading(str(tmp_path / "m.toml")))
    assert read["rewards"].tolist() == [*range(16)] and read["timeouts"].sum() == 4
    assert read.notes[-1] == "time: one row every 60 s (median)"


def test_codes_for_missing_values(tmp_path):
    rows = [(-9999 if i == 7 else 20 + 0.01 * i, 500 + 3 * i, 0.1 * i, -i) for i in range(300)]
    text = suggested(write_csv(tmp_path / "a.csv", "T in °C,shaft rpm,valve_cmd,reward", rows))
    found = tomllib.loads(text)
    assert (found["missing"], found["fill"]) == ("-9999", "forward") and found["obs"] == ["T in °C", "shaft rpm"]


def test_codes_are_told_however_many_there_are_and_none_is_a_value(tmp_path):
    header = "T in °C,T out °C,count of cells,valve_cmd,reward"
    rows = [
        (-9999 if i % 3 else 20 + 0.1 * i, -999, 10.0 ** (i % 15), 1e30 if i == 9 else i % 7, -i) for i in range(60)
    ]
    text = suggested(write_csv(tmp_path / "a.csv", header, rows))
    found = tomllib.loads(text)
    assert found["missing"] == "-9999|1e+30" and found["obs"] == ["T in °C", "count of cells"]
    assert '# left out: "T out °C"  # -999 to -999, no value at all' in text


def test_what_cannot_be_guessed_is_left_to_say(tmp_path):
    path = write_csv(tmp_path / "a.csv", "run,x,y", [(1, 2, 3)])
    (tmp_path / "m.toml").write_text(suggested(path))
    with pytest.raises(UsageError, match="action is empty; name the columns"):
        reading(str(tmp_path / "m.toml"))
    with pytest.raises(UsageError, match="--suggest is for tables"):
        suggested(write_npz(tmp_path / "a.npz", columns()))


def test_alarms_are_doubtful_ends_and_commands_that_count_are_commands(tmp_path):
    rows = [(0.1 * i * i, i % 3, i % 3, 1, "ALARM" if i % 7 == 3 else "OK") for i in range(30)]
    path = write_csv(tmp_path / "a.csv", "level,mode_cmd,tick,reward,status", rows)
    found = tomllib.loads(text := suggested(path))
    assert found["terminal"] == "status==ALARM" and "# in doubt: where a run goes on after it, it is no end" in text
    assert found["action"] == ["mode_cmd"] and '# left out: "tick"  # 0 to 2, counts the rows' in text
    path.write_text(path.read_text().replace("ALARM", "TRIP"))
    assert "in doubt" not in suggested(path)


@pytest.mark.parametrize("rows", [[], [("a", "b"), ("c", "d")]])
def test_tables_without_a_number_hold_nothing_to_map(tmp_path, rows):
    with pytest.raises(DataError, match="no column holds numbers, there is nothing to map"):
        suggested(write_csv(tmp_path / "a.csv", "name,who", rows))


def test_control_characters_of_names_and_words_are_written_out(tmp_path):
    rows = [(0.5 * i, i * i, 1, "TRIP" if i == 5 else '"O\0\nK\x1b"') for i in range(6)]
    path = write_csv(tmp_path / "a.csv", '"a\0b\x7f",valve_cmd,reward,"sta\x1btus"', rows)
    (tmp_path / "m.toml").write_text(text := suggested(path))
    assert tomllib.loads(text)["terminal"] == "sta\x1btus==TRIP"
    assert r"# sta\u001btus: O\u0000\u000aK\u001b, TRIP" in text
    read = read_columns(path, mapping=reading(str(tmp_path / "m.toml")))
    assert read["observations"].shape == (6, 1) and read["terminals"].sum() == 1
