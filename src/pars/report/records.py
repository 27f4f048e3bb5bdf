"""A run as the report sees it: plain records with NumPy arrays."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SEARCH = "search.json"  # in the folder of a search, whose runs are trials
PHASES = ("offline", "online")  # of the policy


@dataclass(frozen=True)
class Curve:
    """One metric over one phase. steps [T] int, values [members, T] with NaN where nothing was logged."""

    steps: np.ndarray
    values: np.ndarray

    def of(self, members: list[int]) -> "Curve":
        """The same curve for some of the members, in the order given."""
        return Curve(self.steps, self.values[members])


@dataclass(frozen=True)
class Member:
    """One seed with its settings (every field of the algorithm's config)."""

    seed: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class ProbeRecord:
    """The newest readable probe file of one kind and phase."""

    phase: str
    step: int
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class GroupRecord:
    """Members of one algorithm and structure: one group folder, or the parts of a population in several."""

    folder: Path
    algorithm: str
    title: str  # the algorithm's name as people write it
    task: str | None
    physics: str
    members: list[Member]
    varied: list[str]
    plan: dict[str, Any]
    dataset: dict[str, Any]
    task_card: dict[str, Any]
    command: str
    versions: dict[str, Any]
    machine: dict[str, Any]
    state: str
    phase: str
    step: int
    message: str
    metrics: dict[str, dict[str, Curve]]  # phase -> name -> values of all members
    timing: dict[str, dict[str, Curve]]  # phase -> name -> values [1, T]
    landscapes: list[ProbeRecord] = field(default_factory=list)  # at most one per phase
    trajectories: list[ProbeRecord] = field(default_factory=list)
    actions: list[ProbeRecord] = field(default_factory=list)  # on rows of own data, beside the logged ones
    problems: list[str] = field(default_factory=list)
    from_data: list[dict[str, Any]] = field(default_factory=list)  # settings that the data decided: name, value, reason
    outputs: list[dict[str, Any]] = field(default_factory=list)  # of the policies: name, low, high
    part_of: str | None = None  # the population whose members did not fit into memory together
    parts: list["GroupRecord"] = field(default_factory=list)  # the group folders this one was put together from, if any

    @property
    def name(self) -> str:
        """The title, with the folder where a population has several."""
        return f"{self.title} ({self.folder.name})" if self.part_of else self.title

    @property
    def programs(self) -> list["GroupRecord"]:
        """The groups as they were trained: the parts, or else the group itself."""
        return self.parts or [self]

    @property
    def card(self) -> dict[str, Any]:
        """The data card; empty if there is none."""
        card = self.dataset.get("card")
        return card if isinstance(card, dict) else {}

    @property
    def max_return(self) -> float | None:
        """Largest possible raw return of one episode, or None if the task knows no such bound."""
        value = self.task_card.get("max_return")
        return float(value) if isinstance(value, int | float) else None

    @property
    def offline(self) -> bool:
        """Whether it trains on a dataset before it meets the environment; RLPD and SAC do not."""
        return bool(self.plan.get("offline_steps") != 0)

    @property
    def before(self) -> list[str]:
        """The phases in which models were trained before the policy, in order."""
        return [phase for phase in dict.fromkeys([*self.metrics, *self.timing]) if phase not in PHASES]

    @property
    def made(self) -> str:
        """How the dataset's file says it was made, for instance as a twin; empty if it does not say."""
        said = self.card.get("made")
        return said if isinstance(said, str) else ""

    @property
    def maze(self) -> dict[str, Any] | None:
        maze = self.task_card.get("maze")
        return maze if isinstance(maze, dict) and maze.get("map") else None


@dataclass(frozen=True)
class Run:
    """All groups of one command in the order of the command line, or else in the order in which they were begun."""

    folder: Path
    groups: list[GroupRecord]

    @property
    def problems(self) -> list[str]:
        found = [*self.programs, *(group for group in self.groups if group.parts)]
        return [f"{group.folder.name}: {problem}" for group in found for problem in group.problems]

    @property
    def programs(self) -> list[GroupRecord]:
        """The groups as they were trained, one for each folder."""
        return [part for group in self.groups for part in group.programs]
