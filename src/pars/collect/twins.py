"""Twins of D4RL's datasets: the same task, layout and protocol, but data of our own making, and labelled so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from pars.collect import antmaze, locomotion
from pars.collect.policy import Policy, follow, supplied_policy
from pars.collect.rollouts import Progress, Recording, roll_out
from pars.collect.walker import Walker, load_walker
from pars.data.asked import check_asked
from pars.data.cache import data_folder
from pars.data.catalog import attributes
from pars.data.d4rl import D4RL
from pars.data.formats import hdf5
from pars.envs import TASKS, make_task
from pars.envs.base import Task
from pars.errors import DataError, UsageError, unknown

ADROIT_ROWS = 100_000
ADROIT_RECIPE = 1
ANTMAZE_ROWS = 1_000_000


def twin_path(dataset_id: str, rows: int | None = None, seed: int = 0, weights: Path | None = None) -> Path:
    """Where a twin is kept. An id alone means as many rows as the recipe makes, seed 0, and our own behaviour."""
    variant = ("" if rows is None else f"-{rows}") + ("" if seed == 0 else f"-seed{seed}")
    variant += "" if weights is None else f"-by-{weights.stem}"  # no name of a file looks like rows or a seed then
    return data_folder() / "twins" / f"{dataset_id}{variant}.hdf5"


def collect_twin(
    dataset_id: str,
    rows: int | None = None,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
    walker: Path | None = None,
    policy: Path | None = None,
) -> Path:
    """The file of a twin, collected if it is absent, of an older recipe or other weights, or if `force` says so.

    A function of id, rows, seed and weights (and of the versions of MuJoCo, JAX and NumPy).

    Args:
        walker: weights of the ant that walks an AntMaze twin instead of ours (pars.collect.walker).
        policy: weights of the policy that makes a twin of Adroit, or a robot's medium or expert (pars.collect.policy).

    Raises UsageError for an unknown id, for weights that do not go with it and impossible numbers, ResourceError for
    rows that do not fit into memory, CheckpointError if weights cannot be read.
    """
    task = twin_task(dataset_id)
    check_asked(task, rows, seed)
    if walker is not None and task.family != "antmaze":
        raise UsageError(f"--walker {walker}: nobody walks in {dataset_id}; a walker goes with antmaze ids")
    if policy is not None and not takes_policy(task):
        raise UsageError(
            f"--policy {policy}: {dataset_id} is not made by one policy; Adroit's ids, *-medium and *-expert are"
        )
    path = twin_path(dataset_id, rows, seed, walker or policy)
    walks = load_walker(walker) if task.family == "antmaze" else None
    acts = supplied_policy(policy, task) if policy is not None else None
    recipe = _recipe(task)
    weights = {"walker": walks.sha256 if walks else "", "policy": acts.sha256 if acts else ""}
    if not force and _made_by(path) == {"recipe": recipe, **weights}:
        return path
    columns, made = _collect(task, rows, seed, walks, acts, progress)
    attributes = {
        "dataset": dataset_id,
        "twin": True,
        "rows": len(columns["rewards"]),
        "seed": seed,
        "recipe": recipe,
        **weights,
        **(antmaze.measured(columns) if task.family == "antmaze" else {}),
        "physics": task.physics,
        "mujoco": mujoco.__version__,
        "made": f"twin of {dataset_id}, not D4RL's file: {made}, seed {seed}",
    }
    hdf5.write(path, columns, attributes)
    return path


def listed_twin(name: str, progress: Progress | None = None) -> Path:
    """The file that `pars data list` calls twin:NAME, or an id's. Absent or of an older recipe it is collected.

    Raises as `collect_twin`, and DataError for an older recipe's file whose rows, seed or weights are not known.
    """
    path = twin_path(name)
    if name in TASKS or not path.is_file():
        return collect_twin(name, progress=progress)
    dataset_id, found = task_of(path), attributes(path)
    if dataset_id is None or found.get("recipe") == _recipe(make_task(dataset_id)):
        return path
    rows, seed = (found.get(key, -1) for key in ("rows", "seed"))  # -1: of no twin
    if twin_path(dataset_id, rows, seed) != path:
        again = f"pars data collect {dataset_id} with its --rows, --seed and weights"
        raise DataError(f"twin:{name}: of an older recipe; collect it again ({again}), or give the path of the file")
    return collect_twin(dataset_id, int(rows), int(seed), progress=progress)


def _recipe(task: Task) -> int:
    if task.family == "antmaze":
        return antmaze.RECIPE[antmaze.ending_of(task.id)]
    return {"mujoco": locomotion.RECIPE, "adroit": ADROIT_RECIPE}[task.family]


def task_of(path: Path) -> str | None:
    """The id of the task that a twin's file says it was made for; None if it names none that there is."""
    dataset_id = str(attributes(path).get("dataset", ""))
    return dataset_id if dataset_id in D4RL else None


def twin_task(dataset_id: str) -> Task:
    """The task of an id that twins are made of. Raises UsageError for any other."""
    if dataset_id in TASKS and dataset_id.startswith("pointmaze"):
        raise UsageError(f"{dataset_id}: PointMaze's own datasets are ours already; leave `twin` out")
    if dataset_id not in D4RL:
        raise UsageError(unknown("dataset", dataset_id, D4RL))
    return make_task(dataset_id)


def takes_policy(task: Task) -> bool:
    """Whether one policy makes the rows of a task's dataset."""
    return task.family == "adroit" or (
        task.family == "mujoco" and locomotion.qualities(task.id)[1] in ("medium", "expert")
    )


def _collect(
    task: Task, rows: int | None, seed: int, walker: Walker | None, policy: Policy | None, progress: Progress | None
) -> tuple[Recording, str]:
    if policy is not None:
        return follow(task, policy, rows, seed, progress)
    if task.family == "mujoco":
        return locomotion.collect(task, rows, seed, progress)
    if task.family == "adroit":
        made = (
            "random and smoothly wandering actions for tests; they do not do the task, so data of people or experts "
            "must be supplied, or a policy that does (--policy)"
        )
        return roll_out(task, wandering(task.action_dim, seed), rows or ADROIT_ROWS, seed, progress=progress), made
    assert task.maze is not None and walker is not None
    columns = antmaze.collect(
        task.maze,
        antmaze.protocol_of(task.id),
        rows or ANTMAZE_ROWS,
        seed,
        walker=walker,
        ending=antmaze.ending_of(task.id),
        progress=progress,
    )
    return columns, antmaze.description(task.id, walker, columns["rewards"])


def wandering(action_dim: int, seed: int) -> Any:
    """Uniform noise in every other environment, in the others noise that changes slowly (time constant 20 steps)."""
    state: dict[str, np.ndarray] = {}

    def act(obs: np.ndarray, step: int) -> np.ndarray:
        rng = np.random.default_rng([seed, step])
        fresh = rng.uniform(-1.0, 1.0, (len(obs), action_dim))
        slow = 0.95 * state.get("slow", np.zeros_like(fresh)) + 0.05 * 3.0 * rng.standard_normal(fresh.shape)
        state["slow"] = slow
        return np.where((np.arange(len(obs)) % 2 == 0)[:, None], fresh, slow)

    return act


def _made_by(path: Path) -> dict[str, Any]:
    """Recipe of a file (0: none), SHA-256 of a walker and a policy ("" for none)."""
    found = attributes(path)
    return {"recipe": int(found.get("recipe", 0)), **{name: str(found.get(name, "")) for name in ("walker", "policy")}}
