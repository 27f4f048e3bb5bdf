"""What a run's folder holds, brought back: its groups and their policies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from pars.algos import find_algorithm
from pars.config import from_dict, stack
from pars.core import Algorithm, Spec
from pars.envs import Task, make_task
from pars.errors import CheckpointError, UsageError
from pars.training.checkpoint import Checkpoint, Position, latest
from pars.training.earlier import of_today
from pars.training.folder import read_description, tasks_below
from pars.training.online import rounded
from pars.training.policy import Policies
from pars.training.program import state_shapes
from pars.units import ActionRange


def group_folders(run: Path) -> list[Path]:
    """The groups' folders of a run, in the order they were started; a group's own folder counts as a run of one, and a
    folder of runs, one for each task, as all of them."""
    if (run / "run.json").exists():
        return [run]
    found = [path for place in tasks_below(run) or [run] for path in place.glob("*/run.json")]
    return sorted((path.parent for path in found), key=lambda p: (p / "run.json").stat().st_mtime_ns)


@dataclass(frozen=True)
class Restored:
    """A group's policies as its newest checkpoint has them; of its arrays only those that they read are loaded."""

    algo: Algorithm
    configs: list[Any]
    seeds: list[int]
    description: Mapping[str, Any]
    position: Position
    policies: Policies
    state: Any  # of arrays that are read when they are asked for
    inputs: tuple[str, ...]  # names of the observations
    outputs: tuple[Output, ...]

    @cached_property
    def task(self) -> Task | None:
        """The environment, made when it is asked for: a policy runs where its environment is unknown. Raises TaskError,
        or UsageError if it needs a module that is not imported."""
        return task_of(self.description)


class Output(NamedTuple):
    """An action with its bounds, in units of its own."""

    name: str
    low: float
    high: float


class Policy:
    """The deterministic policy of one member of a run: obs [.., O] -> action [.., A], in the units of the data or the
    environment and within the bounds of `outputs`.

    One that sees goals is called with (obs, goal [.., G]), or with both as a pair; one goal may do for all rows of obs.
    One that sees a history is called with the last H observations [.., H, O], NaN before an episode's first.
    """

    def __init__(self, restored: Restored, member: int):
        self._act = restored.policies.member(member)
        self._name, self._sees = restored.algo.name, restored.algo.sees
        self._goal_dim = int(restored.description.get("goal_dim", 0))
        self.inputs, self.outputs = restored.inputs, restored.outputs
        self._range = ActionRange.of([one.low for one in self.outputs], [one.high for one in self.outputs], "")

    def __call__(self, obs: Any, goal: Any = None) -> np.ndarray:
        if goal is not None and not self._sees.goal:
            raise UsageError(f"a policy of {self._name} sees no goals; call it with the observation alone")
        if goal is None and self._sees.goal:
            if not isinstance(obs, tuple | list) or len(obs) != 2:
                raise UsageError(f"a policy of {self._name} needs a goal; call it with (obs, goal)")
            obs, goal = obs
        count, past = len(self.inputs), self._sees.history
        shape: tuple[int, ...] = (count,)
        what = f"{count} observations (policy.inputs)"
        if past > 1:
            shape, what = (past, count), f"the last {past} times {what}, NaN before an episode's first"
        obs = _numbers(obs, shape, what)
        lead = obs.shape[: -len(shape)]
        if not obs.size:
            return np.empty((*lead, len(self.outputs)), np.float32)
        action = self._act((obs, self._goals(goal, lead)) if self._sees.goal else obs)
        return action if self._range.plain else self._range.to_units(action).astype(np.float32)

    def _goals(self, goal: Any, lead: tuple[int, ...]) -> np.ndarray:
        """A goal for each of the observations [*lead]."""
        goal = _numbers(goal, (self._goal_dim,), f"goals of {self._goal_dim} numbers")
        try:
            return np.broadcast_to(goal, (*lead, self._goal_dim))
        except ValueError:
            raise UsageError(
                f"{goal.shape[:-1]} goals for {lead} observations; give one goal, or one for each observation"
            ) from None

    def __repr__(self) -> str:
        outputs = ", ".join(f"{one.name} {one.low:g}..{one.high:g}" for one in self.outputs)
        return f"<pars policy: {', '.join(self.inputs)} -> {outputs}>"


def _numbers(given: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """What a policy is called with as an array [.., *shape]. Raises UsageError: it sees `what`."""
    try:
        numbers = np.asarray(given, np.float32)
    except (TypeError, ValueError):
        raise UsageError(f"the policy sees {what}, not a {type(given).__name__}") from None
    if numbers.shape[-len(shape) :] != shape:
        raise UsageError(f"the policy sees {what}, not shape {numbers.shape}")
    return numbers


def load_policy(run: Path | str, member: int = 0) -> Policy:
    """The policy of one member; `run` is a group's folder, or a run that has just one group."""
    restored = restore(only_folder(run))
    if not 0 <= member < len(restored.seeds):
        raise UsageError(f"member {member} of {run}: members are 0 to {len(restored.seeds) - 1}")
    return Policy(restored, member)


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
        raise CheckpointError(f"{run} is not a run; give the folder that `pars train` printed")
    return folders


def restore(folder: Path, saved: Checkpoint | None = None) -> Restored:
    """The policies of a group's folder at a checkpoint, by default its newest, and the task they were trained for."""
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
    policies = Policies(algo, jax.tree.map(np.asarray, stack(configs)), state, seeds, spec)
    return Restored(algo, configs, seeds, description, saved.position, policies, state, *_wires(description))


def _wires(description: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Output, ...]]:
    """Inputs and outputs of a run's policies; those of earlier versions had no names and acted in [-1, 1]."""
    obs_dim, action_dim = description["spec"]
    inputs = description.get("inputs") or [{"name": f"observation {i}"} for i in range(obs_dim)]
    outputs = description.get("outputs") or [{"name": f"action {i}", "low": -1, "high": 1} for i in range(action_dim)]
    return tuple(str(one["name"]) for one in inputs), tuple(
        Output(str(one["name"]), float(one["low"]), float(one["high"])) for one in outputs
    )


def task_of(description: Mapping[str, Any], env_timeout: float | None = None) -> Task | None:
    """The environment of a run. One that a module of its own makes (`my_package:MyEnv-v0`) needs that module imported:
    whatever a run.json names is never imported by itself."""
    name = description["task"]
    if name is None:
        return None
    module = str(name).rpartition(":")[0]
    if module and module not in sys.modules:
        raise UsageError(
            f"the run's environment {name!r} is made by the module {module!r}, and what a run names is never imported "
            f"by itself: give --env {name} or --import {module} (or PARS_IMPORT) if you trust it"
        )
    return make_task(name, **description.get("task_options", {}), env_timeout=env_timeout)
