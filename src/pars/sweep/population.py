"""A population of a search: trained on one rung, from its start or from checkpoints, and what its members are worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from pars.core import OFFLINE
from pars.envs.base import Task
from pars.errors import CheckpointError, ResourceError
from pars.judge.fitted import Fit
from pars.judge.judging import judge
from pars.report.load import read_group
from pars.report.stats.statistics import LEVEL, wilson_interval
from pars.sweep.halving import Result
from pars.training.branch import Branch
from pars.training.checkpoint import latest
from pars.training.description import describe
from pars.training.folder import read_status
from pars.training.launch import train_jobs
from pars.training.memory import in_words, most_members
from pars.training.parts import needed
from pars.training.placement import free_memory, place
from pars.training.plan import Group, How, Job, Plan, Request

LEAST = 3  # episodes: the spread of fewer says next to nothing


def most(request: Request, plan: Plan, width: int, how: How) -> int:
    """Members of any structure that fit into memory, up to `width`. Raises ResourceError if not even one does."""
    free, found = free_memory(place(width)), width
    for group in request.groups:
        prepared = group.algo.data_for(group.configs[0], request.dataset)
        need = needed(group, prepared, plan, how.data_in, task=request.task)
        found = min(found, most_members(need, width, free))
        if not found:
            raise ResourceError(
                f"a member needs about {in_words(need.total(1))} of memory and {in_words(free)} are free; search "
                "smaller networks or batches"
            )
    return found


def begin(group: Group, plan: Plan, origins: Sequence[tuple[Path, int]]) -> Branch:
    """Where members go on from: the folders of populations, and their numbers in them. Raises CheckpointError."""
    found = {folder: latest(folder / "checkpoints") for folder, _ in dict(origins).items()}
    if lost := [folder for folder, saved in found.items() if saved is None]:
        raise CheckpointError(f"{lost[0]} has no checkpoint that verifies; use a new --out")
    kept = tuple((found[folder], member) for folder, member in origins)
    return Branch(kept[0][0].position, kept)  # type: ignore[union-attr, arg-type]


def train(
    request: Request, group: Group, plan: Plan, out: Path, branch: Branch | None, how: How, command: str
) -> list[int]:
    """Train a population to the end of its plan, from wherever its folder stands. -> members that diverged"""
    prepared = group.algo.data_for(group.configs[0], request.dataset)
    description = describe(group, prepared, request.task, plan, command, len(request.dataset.last))
    if branch:
        description["start"] = {"digest": branch.digest}
    folder = out / group.name
    train_jobs([Job(group, prepared, request.task, plan, folder, description, branch)], how)
    status = read_status(folder)
    return [int(i) for i in status["diverged"]] if status["state"] == "diverged" else []


def values(folder: Path, request: Request, plan: Plan, estimator: str) -> list[Result]:
    """Of each member what it is worth at the end of a plan, with an interval: its score in the simulator over the
    evaluation's episodes, else the estimate of `pars judge`, which counts with its lower end where it is not trusted.
    """
    if request.task is None:
        return _judged(folder, request, plan, estimator)
    known = read_group(folder).metrics[OFFLINE]
    means = zip(known["return_mean"].values[:, -1], known["return_std"].values[:, -1], strict=True)
    return [scored(request.task, float(mean), float(std), plan.eval_episodes) for mean, std in means]


def scored(task: Task, mean: float, std: float, episodes: int) -> Result:
    """The score of returns with this mean and standard deviation (ddof=0), and its interval of 95 %: Wilson's where
    returns lie between what scores 0 and what scores 100, else Student's; none of fewer than `LEAST` episodes."""
    low, high, most = None, None, task.max_return
    if episodes >= LEAST and task.reference == (0.0, most) and most:
        low, high = (most * end for end in wilson_interval(mean / most, episodes))
    elif episodes >= LEAST:
        half = std * stats.t.ppf(0.5 + LEVEL / 2, episodes - 1) / (episodes - 1) ** 0.5
        low, high = mean - half, min(mean + half, np.inf if most is None else most)
    score = lambda value: None if value is None else float(task.score(np.asarray(value)))  # noqa: E731
    return float(task.score(np.asarray(mean))), score(low), score(high)


def _judged(folder: Path, request: Request, plan: Plan, estimator: str) -> list[Result]:
    judged = judge([folder], request.dataset, how=Fit())
    found = {}
    for one in judged.policies:
        said = one.by(estimator)
        if one.name.step == plan.offline_steps and said is not None:
            member = int(one.name.member.rpartition("/")[2])
            found[member] = (said.estimate if said.trust else said.low, said.low, said.high)
    return [found[member] for member in sorted(found)]


def as_json(facts: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(facts))
