"""Units of a sweep: groups of `pars train`, or parts of them, each with a folder of its own; what is left of each.

The truth lies in the folders. `sweep.json` only keeps how the groups were cut, so that a sweep that is started again,
with more workers or fewer, goes on with the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pars.errors import CheckpointError, UsageError
from pars.files import read_sealed, sealed
from pars.position import Position
from pars.system import write_whole
from pars.training.folder import read_description, read_status
from pars.training.longer import is_longer
from pars.training.memory import cut
from pars.training.parts import begun_parts, part
from pars.training.plan import Group, Plan, Request

FILE = "sweep.json"
FORMAT = 1
UNITS_EACH = 4  # units for each worker on processors: a slow one holds the others up by a quarter of its share at most


@dataclass(frozen=True)
class Unit:
    """Members that one worker trains as one population."""

    run: str  # its folder below the sweep's, by the name of its task; empty where there is one task
    group: str  # whose members they are
    members: tuple[int, ...]  # by their numbers in the group
    folder: str  # of this part, below the run
    phases: tuple[tuple[str, int], ...]  # name and steps of each

    @property
    def place(self) -> str:
        """Its folder below the sweep's."""
        return str(Path(self.run) / self.folder)


@dataclass(frozen=True)
class Order:
    """What a worker needs to know: options, such as those of `pars.api.train`, and how groups were cut into units."""

    options: Mapping[str, Any]
    units: tuple[Unit, ...]


def write_order(out: Path, order: Order) -> None:
    out.mkdir(parents=True, exist_ok=True)
    units = [asdict(unit) for unit in order.units]
    write_whole(out / FILE, sealed({"format": FORMAT, "options": dict(order.options), "units": units}))


def read_order(out: Path) -> Order | None:
    """None where there is none. Raises CheckpointError if it is damaged."""
    if not (out / FILE).exists():
        return None
    try:
        found = read_sealed(out / FILE)
        if found["format"] != FORMAT:
            raise ValueError(f"has format {found['format']!r}")
        units = tuple(
            Unit(one["run"], one["group"], tuple(one["members"]), one["folder"], tuple(map(tuple, one["phases"])))
            for one in found["units"]
        )
        return Order(found["options"], units)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{out / FILE} cannot be read: {error}; move it away, or use a new --out") from None


def cut_all(
    requests: Sequence[Request], root: Path, known: Sequence[Unit], most: Callable[[Request, Group, Plan], int]
) -> list[Unit]:
    """The units of all groups: those that are known or have folders, the others of at most so many members."""
    units: list[Unit] = []
    for request, group, plan in every(requests):
        run = name_of(request, root)
        parts = [list(unit.members) for unit in known if (unit.run, unit.group) == (run, group.name)]
        if sorted(i for own in parts for i in own) != [*range(len(group.seeds))]:
            parts = _cut(request, group, plan, most)
        for own in parts:
            folder = group.name if len(own) == len(group.seeds) else part(group, own).name
            units.append(Unit(run, group.name, tuple(own), folder, tuple(group.phases(plan))))
    if len({unit.place for unit in units}) < len(units):
        raise UsageError("two units would have the same folder; give another number of --members")
    return units


def every(requests: Sequence[Request]) -> Iterator[tuple[Request, Group, Plan]]:
    for request in requests:
        for group, plan in zip(request.groups, request.plans, strict=True):
            yield request, group, plan


def name_of(request: Request, root: Path) -> str:
    """The folder of its run below the sweep's."""
    name = str(request.out.relative_to(root))
    return "" if name == "." else name


def _cut(request: Request, group: Group, plan: Plan, most: Callable[[Request, Group, Plan], int]) -> list[list[int]]:
    """Members by number, all seeds of a setting together where they fit."""
    if (request.out / group.name / "run.json").exists():
        return [[*range(len(group.seeds))]]
    begun = begun_parts(group, request.out)
    left = sorted({*range(len(group.seeds))} - {i for own in begun for i in own})
    if not left:
        return begun
    new = cut([group.configs[i] for i in left], min(len(left), most(request, group, plan)))
    return begun + [[left[i] for i in own] for own in new]


def fair(members: int, workers: int, cores: int, gpu: bool) -> int:
    """Members of a unit by the rule: on processors four units for each worker, but at least a member for each of its
    cores; on GPUs, where members are nearly free, one for each."""
    if gpu:
        return -(-members // workers)
    return max(cores, -(-members // (UNITS_EACH * workers)))


def is_done(root: Path, unit: Unit) -> bool:
    """Whether its training is finished, by the folder alone. A damaged one is not: its worker says what is wrong."""
    folder = root / unit.place
    if read_status(folder)["state"] != "finished":
        return False
    try:
        there = read_description(folder)["plan"]
    except CheckpointError:
        return False
    asked = {f"{name}_steps": steps for name, steps in unit.phases if f"{name}_steps" in there}
    return not is_longer({**there, "online_steps": 0, **asked}, there)


def share(root: Path, unit: Unit) -> float:
    """How much of its steps it has checkpoints of, from 0 to 1."""
    if is_done(root, unit):
        return 1.0
    reached, total = newest(root, unit), sum(steps for _, steps in unit.phases)
    if reached is None or not total:
        return 0.0
    return min(1.0, (sum(steps for _, steps in unit.phases[: reached.number]) + reached.step) / total)


def newest(root: Path, unit: Unit) -> Position | None:
    """Where its newest checkpoint stands, by its name."""
    names = [path.name for path in (root / unit.place / "checkpoints").glob("*-*")]
    return max((place for name in names if (place := Position.of(name))), default=None)
