"""A mapping as a file, and files in a row on the command line."""

import re

import pytest

from pars.cli.main import joined_files
from pars.data.formats.mapping import apart
from pars.data.formats.mapping_file import reading
from pars.errors import UsageError


def test_a_file_says_the_same_as_the_line(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('obs = ["flow, l/s", "x"]\naction = "u_*"\nterminal = 0\nfill = "forward"\nsplit_gap = 2.5\n')
    line = reading('obs="flow, l/s"+x,action=u_*,terminal=0', fill="forward", split_gap=2.5)
    assert reading(str(path)) == line
    assert line == {
        "observations": '"flow, l/s"+x',
        "actions": "u_*",
        "terminals": "0",
        "fill": "forward",
        "split_gap": "2.5",
    }
    assert reading(str(path), fill="drop-row") == line | {"fill": "drop-row"}  # what is typed counts
    assert reading(None) is None and apart('a,"b,c"+d,', ",") == ["a", '"b,c"+d', ""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("obs = [", "Invalid value"),
        ("obs = []", 'obs is empty; name the columns, as in obs = ["a", "b"]'),
        ('reward = ""', 'reward = ["a", "b"], or 0 if there is none (bc, hiql)'),
        ("obs = {a = 1}", "obs = {'a': 1}; name the columns"),
        ('obs = [["a"]]', "obs = [['a']]; name the columns"),
        ("terminal = false", 'terminal = false; name a column, as in terminal = "done", compare, as in terminal = "st'),
        ("missing = []", "missing is empty; name the numbers that stand for no value, as in missing = [-9999, 1e30]"),
        ("missing = 2020-01-01", "missing = 2020-01-01; name the numbers"),
        ("obs = [", "--suggest NEW.toml writes a new one"),
        ('obs = "a"\nobservations = "b"', "obs and observations mean the same; leave all but one out"),
        ('state = "x"', "unknown name in --map 'state'"),
        (None, "No such file or directory; pars data check DATA --suggest"),
    ],
)
def test_files_that_are_no_mapping(tmp_path, text, words):
    path = tmp_path / "mapping.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(words)):
        reading(str(path))


def test_files_of_editors_that_write_other_bytes(tmp_path):
    path, text = tmp_path / "mapping.toml", 'obs = "T °C"\r\n'
    path.write_text(text, encoding="utf-8-sig")
    assert reading(str(path)) == {"observations": "T °C"}
    for encoding in ("utf-16", "latin-1"):
        path.write_text(text, encoding=encoding)
        with pytest.raises(UsageError, match=r"mapping\.toml: is not UTF-8; save it as UTF-8, plain text$"):
            reading(str(path))


def test_files_that_the_shell_lists_are_one_source(tmp_path):
    a, b = (str(tmp_path / name) for name in ("a.csv", "b.csv"))
    for path in (a, b):
        open(path, "w").close()
    assert joined_files(["check", a, b, "--map", "obs=x"]) == ["check", f"{a},{b}", "--map", "obs=x"]
    assert joined_files(["train", "bc", "--data", a, b, "seed=0"]) == ["train", "bc", "--data", f"{a},{b}", "seed=0"]
    assert joined_files(["train", "bc", "--data", a, "x"]) == ["train", "bc", "--data", a, "x"]
