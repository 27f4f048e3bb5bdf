"""Where a run stands, and the names of its checkpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = r"(?:(\d+)-)?(.+?)-(\d{9,})(?:-(\d{9,}))?"  # of a checkpoint; those of format 1 have no number


@dataclass(frozen=True, order=True)
class Position:
    """Where a run stands: gradient steps in a phase on data, environment steps in the online one."""

    number: int  # of the phase, in the order in which they are trained
    phase: str
    step: int
    updates: int = 0  # online: gradient steps taken, of those that are due by `step`

    def __str__(self) -> str:
        return f"{self.phase} step {self.step:,}"

    @property
    def name(self) -> str:
        """Names sort as positions do."""
        taken = f"-{self.updates:09d}" if self.updates else ""
        return f"{self.number}-{self.phase}-{self.step:09d}{taken}"

    @classmethod
    def of(cls, name: str) -> Position | None:
        """Whose name it is."""
        if not (found := re.fullmatch(NAME, name)):
            return None
        number, phase, step, updates = found.groups(default="0")
        if found[1] is None and phase not in EARLIER:
            return None
        return cls(EARLIER.index(phase) if found[1] is None else int(number), phase, int(step), int(updates))


START = Position(-1, "", 0)  # before the first phase
EARLIER = ("offline", "online")  # phases of format 1
