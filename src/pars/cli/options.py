"""Options that several subcommands have."""

from __future__ import annotations

from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

IMPORT = "A module with algorithms of yours, or the path of its .py file; may be repeated. See also $PARS_IMPORT."
Import = Annotated[UseAppendAction[tuple[str, ...]], arg(name="import", metavar="MODULE|FILE", help=IMPORT)]
Words = Positional[tuple[str, ...]]

EnvArg = Annotated[
    UseAppendAction[tuple[str, ...]],
    arg(metavar="KEY=VALUE"),
]
Fill = Literal["forward", "drop-row", "drop-episode"]
