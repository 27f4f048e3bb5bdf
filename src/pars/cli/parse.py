"""The words of a command as a call of its function; words that cannot be read are one line."""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import tyro

from pars.errors import UsageError, unknown

MOST = 200  # characters of a section
NUMBERS = {"int": "a whole number", "float": "a number"}
NOT_ONE = re.compile(
    r"Error parsing (\S+): (?:no type matching \{None\}\|(?:INT|FLOAT) could .*?|)"
    r"(?:invalid literal for (?=int)|could not convert string to (?=float))(int|float).*?: '([^']*)'"
)
ODD = re.compile(r"Unrecognized options: (.+?)(?:, |; |$)")
Call = Callable[[], Any]


def parse(table: Mapping[str, Callable[..., Any]], words: Sequence[str], prog: str, about: str) -> Call:
    """The function of `table` that `words` name, with its arguments. Raises UsageError, or SystemExit behind a help."""
    if words[0] not in table and not words[0].startswith("-"):
        raise UsageError(f"{unknown('command', words[0], table)}; see {prog} --help")
    if sum(word.partition("=")[0] == "--map" for word in words) > 1:  # the last alone would count
        raise UsageError("--map is given twice; join its parts by commas, as in --map obs=x,action=u,missing=-9999")
    later = {name: _later(function) for name, function in table.items()}
    read = functools.partial(tyro.extras.subcommand_cli_from_dict, later, prog=prog, description=about)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            call: Call = read(args=words)
            return call
    except SystemExit as stop:
        if stop.code:
            line, command = one_line(said.getvalue()), words[:1] if words[0] in table else []
            if odd := ODD.match(line):
                line = _odd(
                    odd[1], _options(functools.partial(read, args=[*command, "--help"])), " ".join([prog, *command])
                )
            raise UsageError(line or f"{prog} cannot read these words; see {prog} --help") from None
        sys.stderr.write(said.getvalue())
        raise


def _odd(word: str, options: Collection[str], prog: str) -> str:
    """What is said of a word that a command does not take."""
    name = word.partition("=")[0]
    near = difflib.get_close_matches(name.strip("-"), options, n=2) if name.startswith("-") else ()
    hint = f"did you mean {' or '.join(f'--{one}' for one in near)}? " if near else ""
    kind = "unknown option" if name.startswith("-") else "one word too many:"
    return f"{kind} {name!r}; {hint}see {prog} --help"


def _options(help_: Call) -> list[str]:
    """The options that a help lists, without their dashes."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        help_()
    lines = re.findall(r"(?m)^[│ ]*(--?\w.*)", said.getvalue())
    return [option for line in lines for option in re.findall(r"--([a-z][\w-]*)", line)]


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
