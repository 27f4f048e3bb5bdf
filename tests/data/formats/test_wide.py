"""Tables of many columns: what looks at names takes as long as there are names, not as their square."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pars.data.formats import tables
from pars.data.formats.mapping import origins
from pars.errors import DataError
from tests.cli.said import Pars, one_line

MANY = 100_000


@pytest.fixture
def pars(capsys: pytest.CaptureFixture[str]) -> Pars:
    return Pars(capsys)


@pytest.fixture
def quick() -> Iterator[None]:
    begin = time.process_time()
    yield
    assert time.process_time() - begin < 10.0  # squares take minutes


def write(path: Path, names: list[str], rows: int = 1) -> Path:
    path.write_text("\n".join([",".join(names), *rows * [",".join(len(names) * ["0"])], ""]))
    return path


def test_a_header_of_many_names_is_read_whole(tmp_path: Path, quick: None) -> None:
    names = [f"a_column_of_the_plant_{i}" for i in range(MANY)]
    file = write(tmp_path / "wide.csv", names)
    assert tables.names(file) == names
    cells = tables.read(file, names[: MANY // 2])
    assert len(cells.numbers) == MANY // 2
    with pytest.raises(DataError, match="two columns are named 'a_column_of_the_plant_7'"):
        tables.names(write(tmp_path / "twice.csv", [*names, names[7]]))


def test_many_columns_are_mapped_one_by_one(tmp_path: Path, quick: None) -> None:
    names = [f"x{i}" for i in range(MANY)]
    found = origins(tmp_path, names, {"observations": "+".join(names[:20_000]), "rewards": names[-1]})
    assert found == {"observations": names[:20_000], "rewards": names[-1:]}


def test_what_is_not_there_is_said_in_a_line_that_can_be_read(pars: Pars, own_folders: Path, quick: None) -> None:
    file = write(own_folders / "wide.csv", [f"x{i}" for i in range(MANY)], 5)
    said = pars("data", "check", file, "--map", "obs=nope,action=x1,reward=x2,terminal=x3")
    assert said.code == 3 and said.err.count("\n") == 1 and len(said.err) < 3000
    assert "and 99,800 more" in said.err


def test_a_first_line_that_is_no_header_is_said(pars: Pars, own_folders: Path) -> None:
    file = own_folders / "text.csv"
    file.write_text(300_000 * "a" + "\n1\n")
    said = pars("data", "check", file)
    one_line(said, 3, "the first line is no header of a CSV (field larger than field limit")
