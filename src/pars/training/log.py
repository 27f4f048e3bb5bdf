"""Append-only files that know the checksum of what is in them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import NamedTuple

from pars.files import GONE, naming, open_plain, sha256_of

METRICS, TIMING, REPLAY = "metrics.csv", "timing.csv", "replay/transitions.f32"
WALL_CLOCK = (TIMING,)  # logs that no run depends on: their damage stops none


class Prefix(NamedTuple):
    """What a checkpoint knows of a log: how long it was, and what was in it."""

    bytes: int
    sha256: str = ""  # none of logs of wall-clock figures, and in checkpoints of earlier versions

    def fault(self, path: Path) -> str:
        """In which way the log at `path` does not begin so; empty where it does. Raises OSError."""
        with open_plain(path) as file, naming(path):
            if os.fstat(file.fileno()).st_size < self.bytes:
                return "is shorter than"
            differs = self.sha256 and sha256_of(file, self.bytes).hexdigest() != self.sha256
        return "differs from what" if differs else ""


class Log:
    """An append-only file. Opening it cuts it to `length` bytes: what the checkpoint that is resumed knows of.

    What is appended is hashed on its way, so that a checkpoint costs the same however long the log is.
    """

    def __init__(self, path: Path, length: int = 0, checked: bool = True):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.checked = path, checked
        self._file = open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, "a+b")
        with naming(path):
            length = min(length, os.fstat(self._file.fileno()).st_size)
            self._file.truncate(length)
            self._file.seek(0)
            self._hash = sha256_of(self._file)
        self.length = length

    def append(self, data: bytes) -> None:
        with naming(self.path):
            self._file.write(data)
        self._hash.update(data)
        self.length += len(data)

    def sync(self) -> Prefix:
        """Make everything appended so far durable."""
        with naming(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return Prefix(self.length, self._hash.hexdigest() if self.checked else "")

    def close(self) -> None:
        with naming(self.path):
            self._file.close()


class NoLog(Log):
    """In the place of a log that no run depends on and that cannot be written."""

    def __init__(self) -> None:
        self.length = 0

    def append(self, data: bytes) -> None:
        pass

    def sync(self) -> Prefix:
        return Prefix(0)

    def close(self) -> None:
        pass


def open_log(path: Path, length: int, checked: bool) -> Log:
    """A log of `length` bytes. Where something else than a file has the name of one that is not `checked`, a warning
    says so, and nothing is written. Raises OSError."""
    try:
        return Log(path, length, checked)
    except OSError as error:
        if checked or error.errno not in GONE:
            raise
        warnings.warn(f"{path}: no wall-clock figures are kept: {error.strerror}; move it away", stacklevel=2)
        return NoLog()
