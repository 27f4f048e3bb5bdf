"""The curves of metrics.csv once more: as TensorBoard's event files, and for a tracker that is asked for. No run
depends on them."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

from pars.config import as_text
from pars.files import beneath

LONGEST = 120  # letters of a board's name
FLUSHED = 10.0  # seconds between two moments at which the curves are on the disk


class Curves(Protocol):
    """Where the curves of one member go; it never raises."""

    def add(self, step: int, values: dict[str, float]) -> None: ...
    def close(self) -> None: ...


def board_name(members: Sequence[Mapping[str, Any]], number: int) -> str:
    """`seed=0,bc_weight=0.01`: the seed of a member, and the settings that are not the same in all; unique."""
    if number >= len(members):  # of a folder that does not say whose numbers it holds
        return f"member-{number}"
    names = [_said(members, member) for member in members]
    return names[number] if names.count(names[number]) == 1 else f"{names[number]},member={number}"


def _said(members: Sequence[Mapping[str, Any]], member: Mapping[str, Any]) -> str:
    own = member["settings"]
    varied = [name for name in own if any(other["settings"].get(name) != own[name] for other in members)]
    words = [f"{name}={as_text(own[name])}" for name in varied]
    return re.sub(r"[^\w=.,+-]", "-", ",".join([f"seed={member['seed']}", *words]))[:LONGEST]


class Board:
    """The curves of one member; what the disk refuses ends them, and never the run.

    tensorboardX's SummaryWriter has a thread, which an error of the disk ends; a run would then wait for it for ever.
    """

    def __init__(self, run: Path, name: str):
        """name: of the folder, below that of the run; no part of it may be a link."""
        self.run, self.name, self.folder = run, name, run / name
        self._writer: EventsWriter | None = None
        self._broken, self._flushed = False, 0.0

    def add(self, step: int, values: dict[str, float]) -> None:
        if self._broken:
            return
        try:
            beneath(self.run, self.name).mkdir(parents=True, exist_ok=True)
            self._writer = self._writer or EventsWriter(str(self.folder / "events"))
            for name, value in values.items():
                self._writer.write_event(Event(wall_time=time.time(), step=step, summary=scalar(name, value)))
            if time.monotonic() - self._flushed > FLUSHED:
                self._writer.flush()
                self._flushed = time.monotonic()
        except OSError as error:
            self._broken = True
            warnings.warn(f"{self.folder}: no more curves for TensorBoard: {error.strerror or error}", stacklevel=2)

    def close(self) -> None:
        if self._writer:
            with suppress(OSError):
                self._writer.close()
