"""Errors a user can cause. Each is one line (what, where, how to mend it) and has one exit code."""

import difflib
import unicodedata
from collections.abc import Iterable

MOST_KNOWN = 200  # names in one message


class ParsError(Exception):
    """Base of all errors that the command prints as one line. `exit_code` is what the process returns."""

    exit_code = 1


class UsageError(ParsError):
    """A command line or call that does not fit: unknown name, setting or value."""

    exit_code = 2


class ObservationError(UsageError):
    """An observation that a policy cannot act on: of another width or type, missing or infinite."""


class DataError(ParsError):
    """A dataset that cannot be read or must not be trained on."""

    exit_code = 3


class CheckpointError(ParsError):
    """A run folder that is damaged, locked by another process, or belongs to another run."""

    exit_code = 4


class InUse(CheckpointError):
    """A run folder that another process trains in now."""


class TaskError(ParsError):
    """An environment that cannot be made or does not fit the data."""

    exit_code = 5


class DivergenceError(ParsError):
    """Training produced NaN or Inf; the last finite checkpoint is kept."""

    exit_code = 6


class ResourceError(ParsError):
    """Not enough memory, disk or devices."""

    exit_code = 7


class Interrupted(ParsError):
    """SIGINT or SIGTERM: a checkpoint was written, running the same command again continues."""

    exit_code = 75


def printable(text: object, keep: str = "") -> str:
    """Text that came from a file or a user as it may reach a terminal: control characters but those of `keep` are
    written out."""
    control = (c for c in set(str(text)) - set(keep) if unicodedata.category(c).startswith("C"))
    return str(text).translate({ord(c): c.encode("unicode_escape").decode() for c in control})


def unknown(kind: str, name: str, known: Iterable[str], beyond: str = "") -> str:
    """One line for an unknown name: the nearest known ones, else all (of many the first), and what is `beyond` them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    more = f", and {len(names) - MOST_KNOWN:,} more" if len(names) > MOST_KNOWN else ""
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names[:MOST_KNOWN])}{more}{beyond}"
    return f"unknown {kind} {name!r}; {hint}"
