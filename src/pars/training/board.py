"""TensorBoard's event files: the curves of metrics.csv once more. No run depends on them."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

FLUSHED = 10.0  # seconds between two moments at which the curves are on the disk


class Board:
    """The curves of one member; what the disk refuses ends them, and never the run.

    tensorboardX's SummaryWriter has a thread, which an error of the disk ends; a run would then wait for it for ever.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._writer: EventsWriter | None = None
        self._broken, self._flushed = False, 0.0

    def add(self, step: int, values: dict[str, float]) -> None:
        if self._broken:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
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
