"""Options that several subcommands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

IMPORT = "A module with algorithms of yours, or the path of its .py file; may be repeated. See also $PARS_IMPORT."
Import = Annotated[UseAppendAction[tuple[str, ...]], arg(name="import", metavar="MODULE|FILE", help=IMPORT)]
Words = Positional[tuple[str, ...]]

EnvArg = Annotated[
    UseAppendAction[tuple[str, ...]],
    arg(metavar="KEY=VALUE"),
]
Fill = Literal["forward", "drop-row", "drop-episode"]


def beside(base: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: the command takes the words and the options of `base` too, and gets them as its first argument."""

    def decorate(own: Callable[..., None]) -> Callable[..., None]:
        inherited, added = (inspect.signature(one, eval_str=True).parameters for one in (base, own))
        mine = dict([*added.items()][1:])

        def command(*args: Any, **options: Any) -> None:
            given = signature.bind(*args, **options)
            given.apply_defaults()
            own({name: given.arguments[name] for name in inherited}, **{name: given.arguments[name] for name in mine})

        first, *rest = [one for one in inherited.values() if one.name not in mine]
        signature = inspect.Signature([first, *mine.values(), *rest])
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
        command.__name__ = own.__name__
        said, more = inspect.getdoc(own), (inspect.getdoc(base) or "").partition("Args:\n")[2]
        command.__doc__ = f"{said}\n{more}"
        return command

    return decorate
