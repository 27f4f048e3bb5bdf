"""From names and axes to groups, and from groups to their folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from pars import presets
from pars.algos import find_algorithm
from pars.config import MOST_VALUES, as_axis, coerce, facts, from_dict, grid, structure, to_dict
from pars.core import Algorithm
from pars.data import Dataset
from pars.envs.base import Task
from pars.errors import CheckpointError, DivergenceError, UsageError, unknown
from pars.presets.from_data import Chosen, Facts, settings_from
from pars.probes import find_probes
from pars.training.earlier import of_today
from pars.training.fit import check_group, check_widths
from pars.training.folder import FORMAT, check_description, earlier, note_tasks, read_description, read_status
from pars.training.longer import in_words, is_longer
from pars.training.parts import make_group
from pars.training.plan import Group, How, Job, Plan, Request
from pars.training.restore import group_folders
from pars.training.run import run_jobs
from pars.training.stop_rule import STOPPED
from pars.training.teams import in_step, populations, shown, teams

Axes = Mapping[str, Sequence[Any]]


def make_groups(
    algorithms: Sequence[str], task_id: str | None, axes: Axes, seeds: Sequence[int], preset: str = presets.PAPER
) -> list[Group]:
    """`make_variants` with every seed, in groups."""
    return in_groups(make_variants(algorithms, task_id, axes, preset), as_seeds(seeds))


class Variant(NamedTuple):
    """An algorithm with its configs."""

    algo: Algorithm
    configs: list[Any]
    given: frozenset[str]  # settings that a preset or the user gave
    chosen: tuple[Chosen, ...] = ()  # those that the data decided
    left_out: Mapping[str, str] = MappingProxyType({})  # those that other algorithms alone heed, and why


def make_variants(
    algorithms: Sequence[str], task_id: str | None, axes: Axes, preset: str = presets.PAPER
) -> list[Variant]:
    """Every algorithm's settings on the grid of `axes`.

    An axis or a preset applies to each algorithm that has it and has it switched on, and is left out of the others;
    UsageError if none does.
    """
    algos = [find_algorithm(name) for name in algorithms]
    presets.check_choice(algorithms, preset)
    axes, published = _as_axes(algos, axes), [presets.settings(algo.name, task_id, preset) for algo in algos]
    bases = [algo.configure(known) for algo, known in zip(algos, published, strict=True)]
    left_out = [
        {name: why for name in axes if (why := idle(algo, base, name, axes))}
        for algo, base in zip(algos, bases, strict=True)
    ]
    for name in axes:
        if all(name in reasons for reasons in left_out):
            has = (reasons for algo, reasons in zip(algos, left_out, strict=True) if name in facts(algo.config))
            raise UsageError(next(has)[name])
    variants = []
    for algo, base, known, reasons in zip(algos, bases, published, left_out, strict=True):
        heeded = {name: values for name, values in axes.items() if name not in reasons}
        variants.append(Variant(algo, grid(base, heeded), frozenset({*known, *heeded}), left_out=reasons))
    return variants


def from_data(variant: Variant, known: Facts) -> Variant:
    """The variant with what own data decides."""
    spread, chosen = presets.value_spread(variant.algo.name), dict[Chosen, None]()
    configs = []
    for cfg in variant.configs:
        found = settings_from(known, cfg, variant.given, spread)
        chosen |= dict.fromkeys(found)
        configs.append(replace(cfg, **{one.name: one.value for one in found}))
    return variant._replace(configs=configs, chosen=tuple(chosen))


def in_groups(variants: Sequence[Variant], seeds: Sequence[int]) -> list[Group]:
    """All configs with every seed, cut into groups of one structure."""
    groups = []
    for algo, configs, _, chosen, _ in variants:
        alike: dict[Any, list[Any]] = defaultdict(list)
        for cfg in configs:
            alike[structure(cfg), algo.data_depends_on(cfg)].append(cfg)
        groups += [make_group(algo, [(cfg, seed) for cfg in same for seed in seeds], chosen) for same in alike.values()]
    return groups


def idle(algo: Algorithm, cfg: Any, name: str, axes: Axes) -> str | None:
    """Why setting `name` does nothing in an algorithm with config `cfg`; None if it does, or may by `axes`."""
    if name not in facts(algo.config):
        return f"{algo.name} has no setting {name}"
    fact = facts(algo.config)[name]
    if fact.phase and fact.phase not in algo.phases:
        return f"{name} does nothing in {algo.name}, which has no {fact.phase} phase"
    values = axes.get(fact.on, [getattr(cfg, fact.on)]) if fact.on else ()
    if fact.on and not any(coerce(algo.config, fact.on, value) for value in values):
        return f"{name} does nothing while {fact.on}=false; add {fact.on}=true"
    return None


def _as_axes(algos: Sequence[Algorithm], given: Any) -> dict[str, list[Any]]:
    """Settings as a user gives them -> name -> list of values. Raises UsageError."""
    if not isinstance(given, Mapping):
        raise UsageError(f"settings={given!r}: give names with their values, such as {{'discount': [0.99, 0.995]}}")
    known = {name: algo.config for algo in algos for name in facts(algo.config)}
    for name in given:
        if name not in known:
            raise UsageError(unknown("setting", str(name), {*known, "seed"}))
    return {name: as_axis(known[name], name, values) for name, values in given.items()}


def as_seeds(given: Any) -> list[int]:
    """Seeds as a user gives them. Raises UsageError; a number alone might mean one seed or so many."""
    seeds = [] if isinstance(given, str) or not isinstance(given, Iterable) else list(islice(given, MOST_VALUES + 1))
    if len(seeds) > MOST_VALUES:
        raise UsageError(f"more than {MOST_VALUES:,} seeds are given; give fewer")
    whole = all(isinstance(seed, int | np.integer) and not isinstance(seed, bool) for seed in seeds)
    if not seeds or not whole or not 0 <= min(seeds) <= max(seeds) < 2**31:
        raise UsageError(f"seeds={given!r}: give a list of whole numbers from 0 to 2147483647, such as seeds=range(5)")
    if len(set(seeds)) != len(seeds):
        raise UsageError("a seed is given twice; name each seed once, such as seed=0..4")
    return [int(seed) for seed in seeds]


def needs_data(variant: Variant) -> bool:
    """Whether it learns from a dataset at all."""
    return variant.algo.offline or any(cfg.offline_rows for cfg in variant.configs)


def train_groups(
    groups: Sequence[Group],
    dataset: Dataset,
    task: Task | None,
    plans: Sequence[Plan],
    out: Path,
    how: How,
    command: str = "",
) -> Path:
    """Train groups on one dataset into folders below `out`: `train_runs` of one run. -> `out`"""
    train_runs([Request(groups, plans, dataset, task, out)], how, command)
    return out


def train_runs(requests: Sequence[Request], how: How, command: str = "", root: Path | None = None) -> None:
    """Train all groups of all runs; continues what is unfinished. Groups of different runs that fit together, of one
    structure and one length, are one population, each member with the data and the task of its own run.

    Every group trains on its dataset as its algorithm prepares it, when its turn comes. What does not fit into memory
    is trained in parts, each a group with a folder of its own, or a population of fewer runs.

    Args:
        root: the folder that holds the runs, each under the name of its task; it is then evaluated and reported whole.

    Raises ResourceError if not even one member fits, Interrupted, and after all others DivergenceError if one diverged.
    """
    find_probes(list(how.probes))  # an unknown one is refused before anything trains
    for request in requests:
        check_widths(request.dataset, request.task)
        for group, plan in zip(request.groups, request.plans, strict=True):
            check_group(group, plan, request)
        _check_company(request)
    if root and any(root.glob("*/run.json")):
        raise CheckpointError(f"{root} holds a run of one task, and {len(requests)} are to be trained; use a new --out")
    if root:
        note_tasks(root, [request.out.name for request in requests])
    how.view.note(f"run: {root or requests[0].out}")
    diverged: list[str] = []
    with how.stop.listening():
        for team in teams(requests, how.view.note):
            for jobs in populations(team, how, command):
                diverged += train_jobs(jobs, how)
    if diverged:
        raise DivergenceError(diverged[0])


def train_jobs(jobs: Sequence[Job], how: How) -> list[str]:
    """Jobs that fit together, with their live view. -> what is wrong with those that diverged"""
    left, diverged = [], []
    for job in jobs:
        if there := check_description(job.folder, job.description):
            _check_longer(job, there["plan"], how)
        if finished(job.folder, job.description):
            how.view.note(f"already finished: {job.folder}")
        elif said := given_up(job.folder, how):
            diverged.append(said)
        else:
            left.append(job)
    while left:
        for team, at in in_step(left):
            how.view.start(*shown(team))
            try:
                run_jobs(team, how, at)
            except DivergenceError as error:
                diverged += str(error).splitlines()
            finally:
                how.view.close()
        left = [job for job in left if not (finished(job.folder, job.description) or given_up(job.folder, how))]
    for message in diverged:
        how.view.note(message)
    return diverged


def finished(folder: Path, description: Mapping[str, Any]) -> bool:
    """Whether this training is done in a group's `folder`. Raises CheckpointError if another one is there."""
    there = check_description(folder, description)
    return bool(
        there and read_status(folder)["state"] == "finished" and not is_longer(description["plan"], there["plan"])
    )


def given_up(folder: Path, how: How) -> str:
    """Why the training in a group's `folder` does not go on: it diverged, or became too bad for the rule; else ""."""
    status = read_status(folder)
    below = how.stop_below is not None and status.get("score", how.stop_below) < how.stop_below
    return str(status["message"]) if status["state"] == "diverged" or (status["state"] == STOPPED and below) else ""


def _check_longer(job: Job, there: Mapping[str, Any], how: How) -> None:
    """Say what it means if the job makes a run of plan `there` longer. Raises UsageError where it cannot."""
    asked, algo = job.description["plan"], job.group.algo
    if not is_longer(asked, there):
        return
    if algo.weights and asked["online_steps"] > there["online_steps"]:
        raise UsageError(
            f"{algo.name} keeps a weight for each transition it will ever take, {there['online_steps']:,} online here; "
            "more need a new --out"
        )
    how.view.note(f"{job.folder.name}: {in_words(asked, there, job.group.configs)}")


def _check_company(request: Request) -> None:
    """Groups in one folder are compared with each other, so they share task and data. None is trained a second time
    beside its like of an earlier version, which had another name."""
    out, groups, dataset, task = request.out, request.groups, request.dataset, request.task
    for folder in group_folders(out):
        there = read_description(folder)
        if there["task"] != (task.id if task else None) or there["dataset"]["fingerprint"] != dataset.fingerprint:
            name = there["task"] or there["dataset"]["name"]
            raise CheckpointError(f"{out} holds a run on {name} with other data; use a new --out")
        if there["format"] != FORMAT and any(_holds(there, group) for group in groups):
            raise earlier(folder)


def _holds(there: Mapping[str, Any], group: Group) -> bool:
    """Whether a description is of members of the group alone; settings that came later stand at their defaults."""
    algo = group.algo
    if there["algorithm"] != algo.name:
        return False

    def heeded(cfg: Any) -> dict[str, Any]:
        return {name: value for name, value in to_dict(cfg).items() if idle(algo, cfg, name, {}) is None}

    known = [(heeded(cfg), seed) for cfg, seed in zip(group.configs, group.seeds, strict=True)]
    configs: list[Any] = [from_dict(algo.config, of_today(own["settings"], algo.config)) for own in there["members"]]
    return all((heeded(cfg), own["seed"]) in known for cfg, own in zip(configs, there["members"], strict=True))
