"""What a run's folder holds, brought back: its groups and their policies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pars.algos import find_algorithm
from pars.config import from_dict, stack
from pars.core import Algorithm, Spec, State
from pars.errors import CheckpointError, UsageError
from pars.position import Position
from pars.training.checkpoint import Checkpoint, latest
from pars.training.earlier import of_today
from pars.training.folder import read_description, tasks_below
from pars.training.kept import moment
from pars.training.plan import rounded
from pars.training.policy import Policies
from pars.training.program import state_shapes
from pars.units import ActionRange, Output

if TYPE_CHECKING:
    from pars.envs import Task


def group_folders(run: Path) -> list[Path]:
    """The groups' folders of a run, in the order they were started; a group's own folder counts as a run of one, and a
    folder of runs, one for each task, as all of them."""
    if (run / "run.json").exists():
        return [run]
    found = [path for place in tasks_below(run) or [run] for path in place.glob("*/run.json")]
    return sorted((path.parent for path in found), key=lambda p: (p / "run.json").stat().st_mtime_ns)


@dataclass(frozen=True)
class Restored:
    """A group's members as its newest checkpoint has them; of its arrays only those that are asked for are loaded."""

    folder: Path
    algo: Algorithm
    configs: list[Any]
    seeds: list[int]
    description: Mapping[str, Any]
    saved: Checkpoint
    spec: Spec
    state: State  # leaves [P, ..], as `Stored`
    inputs: tuple[str, ...]  # names of the observations
    outputs: tuple[Output, ...]  # as they leave the policy: within limits
    scale: ActionRange  # what [-1, 1] stands for

    @property
    def position(self) -> Position:
        return self.saved.position

    @property
    def sentinels(self) -> tuple[float, ...]:
        """Numbers that stand for a missing value in the data."""
        return tuple(self.description["dataset"]["card"].get("sentinels", ()))

    @cached_property
    def policies(self) -> Policies:
        """As they evaluate."""
        cfg = jax.tree.map(np.asarray, stack(self.configs))
        return Policies(self.algo, cfg, self.state, self.seeds, self.spec)

    @cached_property
    def task(self) -> Task | None:
        """The environment, made when it is asked for: a policy runs where its environment is unknown. Raises TaskError,
        or UsageError if it needs a module that is not imported."""
        return task_of(self.description)

    def check_member(self, member: int) -> None:
        """Raises UsageError unless there is such a member."""
        if not 0 <= member < len(self.seeds):
            raise UsageError(f"member {member} of {self.folder}: members are 0 to {len(self.seeds) - 1}")


def only_folder(run: Path | str) -> Path:
    """The folder of a run's only group. Raises UsageError if it has several."""
    folders = run_folders(run)
    if len(folders) > 1:
        names = ", ".join(str(path.relative_to(run)) for path in folders)
        raise UsageError(f"{run} has several groups; name one: {names}")
    return folders[0]


def run_folders(run: Path | str) -> list[Path]:
    """The groups' folders of a run. Raises CheckpointError if it is none."""
    folders = group_folders(Path(run))
    if not folders:
        below = sorted({path.parent.parent for path in Path(run).glob("*/*/run.json")})
        named = (
            f"it holds {len(below)}: name them, such as {below[0]}"
            if below
            else "give the folder that `pars train` printed"
        )
        raise CheckpointError(f"{run} is not a run; {named}")
    return folders


def restore(folder: Path, saved: Checkpoint | None = None) -> Restored:
    """The members of a group's folder at a checkpoint, by default its newest."""
    description = read_description(folder)
    algo = find_algorithm(str(description["algorithm"]), description.get("origin"))
    members = description["members"]
    configs: list[Any] = [from_dict(algo.config, of_today(member["settings"], algo.config)) for member in members]
    seeds = [int(member["seed"]) for member in members]
    saved = saved or latest(folder / "checkpoints", logs=False)
    if saved is None:
        raise CheckpointError(f"{folder} has no checkpoint that verifies; train it again with the same command")
    plan, data = description["plan"], description["dataset"]
    spec = Spec(*description["spec"])._replace(
        goal_dim=description.get("goal_dim", 0),
        rows=data["trained_on"] if algo.weights else 0,
        capacity=rounded(plan["online_steps"], configs[0].environments),
    )
    state = saved.lazily(len(seeds), state_shapes(algo, configs[0], spec, saved.position.phase))
    return Restored(folder, algo, configs, seeds, description, saved, spec, state, *_wires(description))


def member_of(run: Path | str, member: int, at: str | None = None) -> Restored:
    """A run's only group, which has such a member, at a step (see `kept.moment`), by default its newest checkpoint."""
    folder = only_folder(run)
    restored = restore(folder, moment(folder, at))
    restored.check_member(member)
    return restored


def _wires(description: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Output, ...], ActionRange]:
    """Inputs, outputs and scale of a run's policies; those of earlier versions had no names and acted in [-1, 1]."""
    obs_dim, action_dim = description["spec"]
    inputs = description.get("inputs") or [{"name": f"observation {i}"} for i in range(obs_dim)]
    outputs = description.get("outputs") or [{"name": f"action {i}", "low": -1, "high": 1} for i in range(action_dim)]
    scale = ActionRange.of([one["low"] for one in outputs], [one["high"] for one in outputs], "")
    limits = [one.get("limits") or (one["low"], one["high"]) for one in outputs]
    bounds = [Output(str(one["name"]), float(low), float(high)) for one, (low, high) in zip(outputs, limits)]
    return tuple(str(one["name"]) for one in inputs), tuple(bounds), scale


def task_of(description: Mapping[str, Any], env_timeout: float | None = None, isolate: bool = False) -> Task | None:
    """The environment of a run. One that a module of its own makes (`my_package:MyEnv-v0`) needs that module imported,
    or with `isolate` named before to `make_task`: whatever a run.json names is never imported by itself."""
    from pars.envs import make_task  # brings a simulator along, which those who load policies may lack
    from pars.envs.gym import KNOWN

    name = description["task"]
    if name is None:
        return None
    module = str(name).rpartition(":")[0]
    named = isolate and any(env_id == name for env_id, _ in KNOWN)
    if module and module not in sys.modules and not named:
        raise UsageError(
            f"the run's environment {name!r} is made by the module {module!r}, and what a run names is never imported "
            f"by itself: give --env {name} or --import {module} (or PARS_IMPORT) if you trust it"
        )
    return make_task(name, **description.get("task_options", {}), env_timeout=env_timeout, isolate=isolate)
