"""The words of a command as a call of its function; words that cannot be read are one line."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tyro

from pars.errors import UsageError

MOST = 200  # characters of a section
NUMBERS = {"int": "a whole number", "float": "a number"}
NOT_ONE = re.compile(
    r"Error parsing (\S+): (?:no type matching \{None\}\|(?:INT|FLOAT) could .*?|)"
    r"(?:invalid literal for (?=int)|could not convert string to (?=float))(int|float).*?: '([^']*)'"
)
Call = Callable[[], Any]


def parse(table: Mapping[str, Callable[..., Any]], words: Sequence[str], prog: str, about: str) -> Call:
    """The function of `table` that `words` name, with its arguments. Raises UsageError, or SystemExit behind a help."""
    later = {name: _later(function) for name, function in table.items()}
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            call: Call = tyro.extras.subcommand_cli_from_dict(later, prog=prog, description=about, args=words)
            return call
    except SystemExit as stop:
        if stop.code:
            raise UsageError(
                one_line(said.getvalue()) or f"{prog} cannot read these words; see {prog} --help"
            ) from None
        sys.stderr.write(said.getvalue())
        raise


def one_line(box: str) -> str:
    """What tyro says in a box with a title: sections between rulers, in the last where there is help."""
    plain = "\n".join(re.sub(r"[─-╿]", "-", line.strip("│")) for line in box.splitlines()[1:])
    sections = [" ".join(part.split()) for part in re.split(r"(?m)^[ -]{9,}$", plain)]
    found = [part for part in sections if part and not part.startswith("Argument helptext")]
    if no_number := NOT_ONE.match("; ".join(found)):
        option, kind, given = no_number.groups()
        found = [f"{option} takes {NUMBERS[kind]}, not {given!r}", *found[-1:]]
    return "; ".join(part if len(part) < MOST else f"{part[:MOST]} .." for part in found)


def _later(function: Callable[..., Any]) -> Callable[..., Call]:
    @functools.wraps(function)
    def chosen(*args: Any, **options: Any) -> Call:
        return functools.partial(function, *args, **options)

    return chosen
