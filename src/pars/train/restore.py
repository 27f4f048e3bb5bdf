"""What a run's folder holds, brought back: its groups, their populations, the policy of one member."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pars.algos import find_algorithm
from pars.config import from_dict
from pars.core import Spec
from pars.envs import Task, make_task
from pars.errors import CheckpointError, UsageError
from pars.train.checkpoint import Position, latest
from pars.train.folder import read_description
from pars.train.learner import Learner


def group_folders(run: Path) -> list[Path]:
    """The groups' folders of a run, in the order they were started; a group's own folder counts as a run of one."""
    if (run / "run.json").exists():
        return [run]
    return sorted((path.parent for path in run.glob("*/run.json")), key=lambda p: (p / "run.json").stat().st_mtime_ns)


class Policy:
    """The deterministic policy of one member of a run: obs [.., O] -> action in [-1, 1] [.., A]."""

    def __init__(self, learner: Learner, member: int):
        self._algo, self._cfg = learner.algo, learner.configs[member]
        self._state = jax.tree.map(lambda x: x[member], learner.placement.take(learner.state))
        self._act = jax.jit(lambda state, obs: self._algo.act(self._cfg, state, obs, jax.random.key(0), 0.0))

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        return np.asarray(self._act(self._state, np.asarray(obs, np.float32)))


def load_policy(run: Path | str, member: int = 0) -> Policy:
    """The policy of one member; `run` is a group's folder, or a run that has just one group."""
    folders = run_folders(run)
    if len(folders) > 1:
        raise UsageError(f"{run} has several groups; name one: {', '.join(path.name for path in folders)}")
    learner, _, _ = restore(folders[0])
    if not 0 <= member < len(learner.seeds):
        raise UsageError(f"member {member} of {folders[0]}: members are 0 to {len(learner.seeds) - 1}")
    return Policy(learner, member)


def run_folders(run: Path | str) -> list[Path]:
    """The groups' folders of a run. Raises CheckpointError if it is none."""
    folders = group_folders(Path(run))
    if not folders:
        raise CheckpointError(f"{run} is not a run; give the folder that `pars train` printed")
    return folders


def restore(folder: Path) -> tuple[Learner, Task | None, Position]:
    """The population of a group's folder at its newest checkpoint, ready to act."""
    description = read_description(folder)
    algo = find_algorithm(str(description["algorithm"]), description.get("origin"))
    task, members = _task_of(description), description["members"]
    configs: list[Any] = [from_dict(algo.config, member["settings"]) for member in members]
    spec = Spec(*description["spec"])
    extra = tuple((name, tuple(shape)) for name, shape in description.get("columns", []))
    learner = Learner(algo, configs, [int(member["seed"]) for member in members], spec, extra)
    checkpoint = latest(folder / "checkpoints")
    if checkpoint is None:
        raise CheckpointError(f"{folder} has no checkpoint that verifies; train it again with the same command")
    if checkpoint.position.phase == "online":
        learner.go_online()
    learner.restore(checkpoint)
    return learner, task, checkpoint.position


def _task_of(description: Mapping[str, Any]) -> Task | None:
    """The environment of a run. One that a module of its own makes (`my_package:MyEnv-v0`) needs that module imported:
    whatever a run.json names is never imported by itself."""
    name = description["task"]
    if name is None:
        return None
    module = str(name).rpartition(":")[0]
    if module and module not in sys.modules:
        raise UsageError(
            f"the run's environment {name!r} is made by the module {module!r}, and what a run names is never imported "
            "by itself: give --import (or PARS_IMPORT) if you trust it"
        )
    return make_task(name, **description.get("task_options", {}))
