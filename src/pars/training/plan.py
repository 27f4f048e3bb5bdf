"""What a group of members trains, for how long, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax

from pars.core import OFFLINE, ONLINE, Algorithm
from pars.presets.from_data import Chosen
from pars.training.view import Stop, View

DataIn = Literal["auto", "memory", "stream"]


@dataclass(frozen=True)
class Plan:
    """How long a group trains and when it is looked at."""

    offline_steps: int  # gradient steps
    online_steps: int = 0  # environment steps of each member
    eval_every: int = 5000  # gradient steps
    online_eval_every: int = 5000  # environment steps
    eval_episodes: int = 10


def rounded(steps: int, each: int) -> int:
    """Environment steps of a member in whole turns of all its environments."""
    return -(-steps // each) * each


@dataclass(frozen=True)
class Group:
    """Members of one algorithm and one structure: they train in one program."""

    name: str
    algo: Algorithm
    configs: tuple[Any, ...]
    seeds: tuple[int, ...]
    chosen: tuple[Chosen, ...] = ()  # settings that the data decided
    part_of: Group | None = None  # what it was cut from, if it was

    @property
    def whole(self) -> Group:
        """What it is a part of, or itself."""
        return self.part_of or self

    def phases(self, plan: Plan) -> list[tuple[str, int]]:
        """Name and steps of every phase, in order; offline is there without steps, too: a run begins in it."""
        planned = {OFFLINE: plan.offline_steps, ONLINE: plan.online_steps}
        planned |= {phase.name: phase.steps(self.configs[0]) for phase in self.algo.before}
        return [(phase.name, planned[phase.name]) for phase in self.algo.course]


class Start(NamedTuple):
    """A run that is gone on with: its members as they were at the end of their offline phase."""

    run: Path
    seed: int | None = None  # whose state all take; None: each that of its own seed


@dataclass(frozen=True)
class Request:
    """The groups of one run, which share data, task and the folder `out`, with a plan for each."""

    groups: Sequence[Group]
    plans: Sequence[Plan]
    dataset: Any  # pars.data.Dataset
    task: Any  # pars.envs.Task; None without an environment
    out: Path
    start: Start | None = None

    @property
    def name(self) -> str:
        """What it trains on."""
        return str(self.task.id if self.task else self.dataset.name)


@dataclass(frozen=True)
class Job:
    """A group on its way: what it trains on and where it is written. task: None without an environment."""

    group: Group
    dataset: Any  # pars.data.Dataset, as the algorithm prepares it
    task: Any  # pars.envs.Task
    plan: Plan
    folder: Path
    description: dict[str, Any]  # run.json
    branch: Any = None  # pars.training.branch.Branch: where it begins, if not at its start

    @property
    def name(self) -> str:
        """What it trains on."""
        return str(self.task.id if self.task else self.dataset.name)


@dataclass(frozen=True)
class How:
    """What changes nothing but speed, what is seen of a run, and when it is given up.

    Args:
        probes: names, see pars.probes.
        data_in: "memory" of the devices; "stream": rows are fetched as they are needed; "auto": what fits.
        overlap: evaluate offline while the next block trains; None: where training leaves the processor free.
        stop: who may end it.
        keep_policies: of every evaluation, to be judged later.
        stop_below: mean score of a group at which its online phase ends, see pars.training.stop_rule.
        tracker: where curves go, too: "wandb", "mlflow" or None.
    """

    view: View
    stop: Stop
    probes: Sequence[str] = ("actions", "neurons", "balance", "order")
    data_in: DataIn = "auto"
    overlap: bool | None = None
    keep_policies: bool = False
    stop_below: float | None = None
    tracker: str | None = None

    @property
    def keeps(self) -> bool:
        """Whether policies of every evaluation stay; also where the one before the last may be wanted."""
        return self.keep_policies or self.stop_below is not None

    @property
    def overlaps(self) -> bool:
        """Whether evaluations run beside training."""
        return jax.default_backend() != "cpu" if self.overlap is None else self.overlap
