"""Where things are kept: the user's home, and the folders that environment variables name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pars.errors import UsageError


def user_path(text: str | Path) -> Path:
    """A path as in a shell: `~` is a home, and itself where nobody has it, as in `~$rows.csv`."""
    with suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def chosen_folder(variable: str) -> Path | None:
    """What an environment variable says, None if nothing. Raises UsageError where nobody has that home."""
    text = os.environ.get(variable)
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:
        raise UsageError(f"{variable}={text}: there is no such home; write the whole path") from None


def home() -> Path | None:
    """The user's home; None where none is known, as of a user without an account in a container."""
    with suppress(RuntimeError):
        return Path.home()
    return None


def below_home(variable: str, *parts: str) -> Path:
    """A place in the user's home. Raises UsageError that names `variable`, which names the place instead."""
    if own := home():
        return own.joinpath(*parts)
    raise UsageError(f"no home folder is known; set {variable} to a folder, or HOME")


def user_folder(variable: str, default: str = "") -> Path:
    """What an environment variable says, else `default` in pars' part of the user's cache folder. Raises UsageError."""
    if chosen := chosen_folder(variable):
        return chosen
    return Path(os.environ.get("XDG_CACHE_HOME") or below_home(variable, ".cache")) / "pars" / default


def cache_folder() -> Path:
    """`$PARS_CACHE_DIR`, else `pars` in the user's cache folder. Raises UsageError."""
    return user_folder("PARS_CACHE_DIR")
