"""Which groups of several runs train as one population, and how a population is cut where it cannot be one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from pars.config import field_types, structure, to_dict
from pars.position import Position
from pars.training import checkpoint
from pars.training.branch import branch, check_wires
from pars.training.description import describe
from pars.training.memory import SHARE, in_words
from pars.training.parts import fitting, needed
from pars.training.placement import free_memory, place
from pars.training.plan import Group, How, Job, Plan, Request

J = TypeVar("J")


class Entry(NamedTuple):
    """A group of a run."""

    request: Request
    group: Group
    plan: Plan

    @property
    def lengths(self) -> tuple[int, ...]:
        plan = self.plan
        return plan.offline_steps, plan.online_steps, plan.eval_every, plan.online_eval_every

    @property
    def widths(self) -> tuple[int, ...]:
        data, task = self.request.dataset, self.request.task
        return data.obs_dim, data.action_dim, task.goal_dim if task else 0

    @property
    def kind(self) -> Hashable:
        """What members of one program agree in."""
        algo = self.group.algo
        rows = len(self.request.dataset.last) if algo.weights else 0
        return algo, structure(self.group.configs[0]), self.widths, self.lengths, rows


def teams(requests: Sequence[Request], note: Callable[[str], None]) -> list[list[Entry]]:
    """The groups of all runs by kind, in the order they were asked for. `note` is told, for every group of the first
    run, which runs have it apart and why."""
    found: dict[Hashable, list[Entry]] = {}
    for request in requests:
        for group, plan in zip(request.groups, request.plans, strict=True):
            entry = Entry(request, group, plan)
            found.setdefault(entry.kind, []).append(entry)
    first: dict[Any, Entry] = {}
    for entry in (team[0] for team in found.values()):
        algo = entry.group.algo
        other = first.setdefault(algo, entry)
        alone = entry.request is not other.request
        if alone:
            names = ", ".join(one.request.name for one in found[entry.kind])
            note(f"{algo.name} trains {names} apart from {other.request.name}: {_why(entry, other)}")
    return [*found.values()]


def _why(one: Entry, other: Entry) -> str:
    """What two entries of one algorithm differ in."""
    widths = [entry.widths for entry in (one, other)]
    own, theirs = to_dict(one.group.configs[0]), to_dict(other.group.configs[0])
    kinds = field_types(one.group.algo.config)
    settings = [name for name, value in own.items() if value != theirs[name] and kinds[name] is not float]
    if widths[0] != widths[1]:
        return f"observations, actions and goals are of widths {widths[0]}, not {widths[1]}"
    if one.lengths != other.lengths:
        return f"steps and evaluations are {one.lengths}, not {other.lengths}"
    if settings:
        return ", ".join(f"{name}={own[name]}, not {theirs[name]}" for name in settings)
    return "their draws weigh all rows, and the datasets differ in length"


def populations(team: Sequence[Entry], how: How, command: str) -> Iterator[list[Job]]:
    """The jobs of a team, in parts that fit into memory one after another; which is noted. Raises ResourceError if not
    even one member fits."""
    jobs = []
    for request, group, plan in team:
        prepared = group.algo.data_for(group.configs[0], request.dataset)
        for part in fitting(group, prepared, plan, request.out, how, request.task):
            rows = len(request.dataset.last)
            begin = branch(part, plan, prepared.fingerprint, request.start) if request.start else None
            description = describe(part, prepared, request.task, plan, command, rows)
            if begin and request.start:
                run, seed = request.start
                description["start"] = {"run": str(run), "seed": seed, "digest": begin.digest}
                check_wires(run, part, description)
                if begin.differs:
                    how.view.note(f"{group.algo.name} begins as in {run}, with {', '.join(begin.differs)}")
            jobs.append(Job(part, prepared, request.task, plan, request.out / part.name, description, begin))
    yield from _cut(jobs, how)


def _cut(jobs: Sequence[Job], how: How) -> list[list[Job]]:
    """As many jobs together as fit, in their order."""
    if len(jobs) == 1:
        return [[*jobs]]
    parts: list[list[Job]] = [[]]
    for job in jobs:
        together = [*parts[-1], job]
        if parts[-1] and _need(together, how) > free_memory(place(_members(together))):
            parts.append([job])
        else:
            parts[-1] = together
    if len(parts) > 1 and (datasets := len(_data(jobs))) > 1:
        need, free = _need(jobs, how), free_memory(place(1))
        how.view.note(
            f"{_members(jobs)} members of {jobs[0].group.algo.name} on {datasets} datasets need about "
            f"{in_words(need)} and {in_words(free)} are free: trained as {len(parts)} populations"
        )
    return parts


def _need(jobs: Sequence[Job], how: How) -> float:
    """Bytes for all jobs together, and the share of memory that must stay free. Their data lie together."""
    first = jobs[0]
    rows = [len(one.last) for one in _data(jobs)]
    whole = sum(rows) if len(rows) > 1 else None
    need = needed(first.group, first.dataset, first.plan, how.data_in, whole, first.task)
    return need.total(_members(jobs)) / SHARE


def _data(jobs: Sequence[Job]) -> list[Any]:
    """The different datasets of jobs."""
    return [*{id(job.dataset): job.dataset for job in jobs}.values()]


def _members(jobs: Sequence[Job]) -> int:
    return sum(len(job.group.seeds) for job in jobs)


def in_step(jobs: Sequence[Job]) -> list[tuple[list[Job], Position | None]]:
    """Jobs that go on together, and where (None: each where it stands): at the newest checkpoint that all have, as a
    kill between the writing of two of them leaves it. Those that were trained apart stay so."""
    if len(jobs) == 1:
        return [([*jobs], None)]
    return [*by_step(jobs, [checkpoint.kept(job.folder / "checkpoints") for job in jobs])]


def by_step(jobs: Sequence[J], kept: Sequence[list[Position]]) -> list[tuple[list[J], Position]]:
    """`in_step`, by where each job could go on, newest first."""
    behind = min(positions[0] for positions in kept)
    if all(behind in positions for positions in kept):
        return [([*jobs], behind)]
    newest = sorted({positions[0] for positions in kept})
    return [([job for job, own in zip(jobs, kept, strict=True) if own[0] == at], at) for at in newest]


def shown(jobs: Sequence[Job]) -> tuple[str, list[str], list[tuple[str, int]]]:
    """What the live view says of a population: its title, its members' names, the phases with their steps.

    A member is called by its seed, the settings in which those of the whole group differ, and its task.
    """
    places = dict.fromkeys(job.name for job in jobs)
    every = [member["settings"] for job in jobs for member in job.description["members"]]
    differ = [name for name in every[0] if any(own[name] != every[0][name] for own in every)]
    names = []
    for job in jobs:
        for member in job.description["members"]:
            varied = job.description["varied"] if len(places) > 1 or len(jobs) == 1 else differ
            words = [f"{name}={member['settings'][name]}" for name in varied]
            names.append(" ".join([*([job.name] if len(places) > 1 else []), *words, f"seed={member['seed']}"]))
    group, plan = jobs[0].group, jobs[0].plan
    on = jobs[0].name if len(places) == 1 else f"{len(places)} tasks"
    return f"{group.algo.title} on {on}", names, [(name, steps) for name, steps in group.phases(plan) if steps]
