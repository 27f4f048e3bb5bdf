"""Decimal commas, first lines and what separates the cells of a table."""

import re

import pytest

from pars.errors import DataError
from tests.data.formats.test_tables import own


def decimal(tmp_path, *lines):
    (tmp_path / "a.csv").write_text("\n".join(["zeit;x;r;u;note", *lines]) + "\n")
    return own(tmp_path / "a.csv", "obs=x,action=u,reward=r,terminal=0,episode=file,time=zeit")


def test_decimal_commas_are_read_where_other_signs_separate(tmp_path):
    read = decimal(tmp_path, "0,0;-3,5;1;0,25;a,b", "0,5;1e-1;2;,5;1.5", "1,0;1,5e2;3;-0,75;")
    assert read["observations"].tolist() == [[-3.5], [0.1], [150.0]] and read["rewards"].tolist() == [1, 2, 3]
    assert read["actions"].tolist() == [[0.25], [0.5], [-0.75]]
    assert "decimal commas are read as points" in read.notes and "time: one row every 0.5 s (median)" in read.notes
    assert "decimal commas are read as points" not in decimal(tmp_path, "0;1.5;1;0.5;a,b", "1;2;3;.25;").notes


@pytest.mark.parametrize("block", [1, 100])
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("0;1234.5;1;0,5;", "1;7;1;0,5;"), "'0,5' in line 2 of 'u' and '1234.5' in line 2 of 'x': do commas stand"),
        (("0;937;1;0.5;", "1;1,382;1;0.5;"), "'1,382' in line 3 of 'x' and '0.5' in line 2 of 'u': do commas stand"),
        (("0;1.000;1;0,5;", "1;999;1;0,5;"), "'0,5' in line 2 of 'u' and '1.000' in line 2 of 'x': do commas stand"),
        (("0;1,382;1;2,500;", "1;937;1;1;"), "'1,382' in line 2 of 'x': do commas stand before decimals or thousands?"),
        (("0;1.234,5;1;0,5;", "1;7;1;0,5;"), "holds '1.234,5' in line 2, expected a number"),
    ],
)
def test_commas_that_may_stand_before_thousands_are_refused(tmp_path, monkeypatch, block, rows, words):
    monkeypatch.setattr("pars.data.formats.tables.ROWS", block)
    with pytest.raises(DataError, match=re.escape(words)):
        decimal(tmp_path, *rows)


@pytest.mark.parametrize("sure", ["0,123", ",5", "1234,567", "1,5", "1,2345", "1,500e3", "-0,100"])
def test_a_cell_that_cannot_be_thousands_settles_it(tmp_path, sure):
    read = decimal(tmp_path, f"0;1,382;1;{sure};", "1;7;1;0;")
    assert read["observations"].tolist() == [[1.382], [7]] and read["actions"][0] == float(sure.replace(",", "."))


def test_files_with_and_without_decimal_commas_are_warned_of(tmp_path):
    (tmp_path / "a.csv").write_text("x;r;u\n1,5;0;0,5\n2,5;0;0,5\n")
    (tmp_path / "b.csv").write_text("x;r;u\n1.5;0;0.5\n2.5;0;0.5\n")
    read = own(tmp_path, "obs=x,action=u,reward=r,terminal=0")
    assert "1 of 2 files have decimal commas; look whether the others mean the same" in read.warnings


@pytest.mark.parametrize(
    ("text", "words"),
    [("0,5;1,5;2,5\n1,5;1,5;1,5\n", "the first line is no header but data"), ("\nx;r\n1;2\n", "is empty")],
)
def test_first_lines_that_are_no_header(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        own(tmp_path / "a.csv", "obs=x,action=u,reward=r,terminal=0,episode=file")


def test_commas_in_names_do_not_hide_what_separates(tmp_path):
    (tmp_path / "a.csv").write_text("flow, l/s;level, m;u, %\n1,5;2,5;0,5\n2,5;3,5;-0,5\n")
    read = own(tmp_path / "a.csv", 'obs="flow, l/s"+"level, m",action="u, %",reward=0,terminal=0,episode=file')
    assert read["observations"].tolist() == [[1.5, 2.5], [2.5, 3.5]] and read["actions"].tolist() == [[0.5], [-0.5]]


def test_a_short_first_row_is_one_of_the_header_s_separator(tmp_path):
    (tmp_path / "a.csv").write_text("x,r,u\n1,2\n")
    with pytest.raises(DataError, match="line 2 has 2 cells, the header has 3"):
        own(tmp_path / "a.csv", "obs=x,action=u,reward=r,terminal=0,episode=file")


@pytest.mark.parametrize("sign", [",", ";"])
def test_a_name_in_quotes_may_break_its_line(tmp_path, sign):
    lines = [
        sign.join(('"temp, in\n(degC)"', "r", '5" pipe')),
        sign.join(("1", "0", ".5")),
        sign.join(("2", "0", ".4")),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    read = own(tmp_path / "a.csv", 'obs="temp, in (degC)",action=*pipe,reward=r,terminal=0,episode=file')
    assert read["observations"].tolist() == [[1], [2]] and read.place(0) == "line 3"


def vectors(tmp_path, *cells, separator=";"):
    lines = [separator.join(("x", "r", "u")), *(separator.join((f'"{cell}"', "1", "0.5")) for cell in cells)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return own(tmp_path / "a.csv", "obs=x,action=u,reward=r,terminal=0,episode=file")["observations"].tolist()


def test_commas_in_vectors_are_read_where_they_cannot_be_decimal_ones(tmp_path):
    assert vectors(tmp_path, "[0.5,2]", "[1,3]") == vectors(tmp_path, "[0.5 2]", "[1, 3]") == [[0.5, 2], [1, 3]]
    assert vectors(tmp_path, "[0,1,0]", "[1,0,0]") == [[0, 1, 0], [1, 0, 0]]
    assert vectors(tmp_path, "[1,2]", "[3,4]", separator=",") == [[1, 2], [3, 4]]


@pytest.mark.parametrize(("cell", "separator"), [("[0,94 1,5]", ";"), ("[0,94]", ";"), ("[0,94 1,5]", ",")])
def test_commas_in_vectors_that_may_be_decimal_ones_are_refused(tmp_path, cell, separator):
    with pytest.raises(
        DataError, match=r"'x' holds '\[0,94.*\]' in line 2: do its commas stand before decimals or betw"
    ):
        vectors(tmp_path, cell, cell, separator=separator)


def test_a_flag_compares_numbers_as_numbers_beside_words_and_holes(tmp_path):
    (tmp_path / "a.csv").write_text("x,r,u,st\n1,0,.5,1\n2,0,.4,\n3,0,.3,OK\n4,0,.2,1.0\n5,0,.1,2\n")
    for value, rows in (("1.0", [0, 3]), ("1", [0, 3]), ("OK", [2]), ("1|2", [0, 3, 4])):
        read = own(tmp_path / "a.csv", f"obs=x,action=u,reward=r,terminal=st=={value},episode=file")
        assert [i for i, flag in enumerate(read["terminals"]) if flag] == rows
