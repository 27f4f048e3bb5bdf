"""The streams that a command starts with."""

from __future__ import annotations

import os
import sys

STREAMS = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}


def open_closed() -> None:
    """Give those that were closed, as by `2>&-`, nothing to read or write: what is written to them must not come up in
    another stream, nor in a file that is opened later and gets their number."""
    for number, (name, mode) in STREAMS.items():
        if getattr(sys, name) is None:
            _keep(number)
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  as long as the process


def _keep(number: int) -> None:
    """See that no file gets the number."""
    try:
        os.fstat(number)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
