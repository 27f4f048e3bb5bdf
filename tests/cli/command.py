"""The `pars` command run in this process, and what it said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from pars.cli import main as cli


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Pars:
    """Runs the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *line: str | Path) -> Said:
        code = 0
        self.capsys.readouterr()
        try:
            cli.main([str(word) for word in line])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Said(code, *self.capsys.readouterr())


def one_line(said: Said, code: int, *parts: str) -> None:
    """An error of one line on stderr, with nothing else on either stream."""
    assert said.code == code, said
    assert said.err.startswith("pars: ") and said.err.endswith("\n") and said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err and "internal error" not in said.err
    for part in parts:
        assert part in said.err, f"{part!r} is not in {said.err!r}"


def plain(text: str) -> str:
    """Without boxes, bullets and line breaks."""
    return re.sub(r"[\s│╭╮╰╯─•]+", " ", text)
