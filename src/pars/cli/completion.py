"""Scripts for a shell that completes the words of `pars`: made by tyro, with the commands of `pars data` in them."""

from __future__ import annotations

import contextlib
import functools
import io
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro import conf

from pars.errors import UsageError
from pars.system import write_whole

PRINT, WRITE = "--tyro-print-completion", "--tyro-write-completion"
SHELLS = "bash", "zsh", "fish"


def complete(
    table: Mapping[str, Callable[..., Any]], below: Mapping[str, Mapping[str, Any]], words: Sequence[str]
) -> None:
    """Print or write a script.

    Args:
        table: the commands by name.
        below: those that stand below one of them.
        words: PRINT and a shell, or WRITE, a shell and a file.

    Raises UsageError.
    """
    if len(words) != (3 if words[0] == WRITE else 2) or words[1] not in SHELLS:
        raise UsageError(f"give a shell ({', '.join(SHELLS)}) and a file: pars {WRITE} bash FILE")
    script = _script({**table, **{name: _nested(own) for name, own in below.items()}}, words[1])
    if words[0] == PRINT:
        print(script, end="")
    else:
        Path(words[2]).expanduser().parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(words[2]).expanduser(), script)


def _script(table: Mapping[str, Callable[..., Any]], shell: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        tyro.extras.subcommand_cli_from_dict({**table}, prog="pars", args=[PRINT, shell])
    # a description of several lines would be read as several words to complete
    return re.sub(r"(?m)^COMPLETION_SPEC = .*$", lambda found: found[0].replace("\\n", " "), said.getvalue())


def _nested(table: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """A command that has those of `table` below it."""
    kinds = [Annotated[Any, conf.subcommand(name, constructor=function)] for name, function in table.items()]
    every: Any = functools.reduce(operator.or_, kinds)

    def command(below: Any) -> None:
        pass

    command.__annotations__ = {"below": Annotated[every, conf.OmitArgPrefixes], "return": None}
    return command
