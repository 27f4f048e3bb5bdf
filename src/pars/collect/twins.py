"""Twins of D4RL's datasets: the same task, layout and protocol, but data of our own making, and labelled so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import mujoco
import numpy as np

from pars.collect import antmaze, locomotion
from pars.collect.rollouts import Progress, Recording, roll_out
from pars.collect.skill import load
from pars.data.cache import data_folder
from pars.data.formats import hdf5
from pars.envs import TASKS, make_task
from pars.envs.base import Task
from pars.errors import UsageError, unknown

ADROIT_ROWS = 100_000
ADROIT_RECIPE = 1
ANTMAZE_ROWS = 1_000_000


def twin_path(dataset_id: str, rows: int | None = None, seed: int = 0) -> Path:
    """Where a twin is kept. An id alone means as many rows as the recipe makes, and seed 0."""
    variant = ("" if rows is None else f"-{rows}") + ("" if seed == 0 else f"-seed{seed}")
    return data_folder() / "twins" / f"{dataset_id}{variant}.hdf5"


def collect_twin(
    dataset_id: str,
    rows: int | None = None,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """The file of a twin, collected if it is absent, of an older recipe, or if `force` says so.

    A function of id, rows and seed (and of the versions of MuJoCo, JAX and NumPy). Raises UsageError for an unknown id.
    """
    task = twin_task(dataset_id)
    if (rows is not None and rows < 2) or seed < 0:
        raise UsageError(f"rows={rows} seed={seed}; a twin takes at least 2 rows and a seed from 0")
    path = twin_path(dataset_id, rows, seed)
    recipe = {"antmaze": antmaze.RECIPE, "mujoco": locomotion.RECIPE, "adroit": ADROIT_RECIPE}[task.family]
    if not force and _recipe(path) == recipe:
        return path
    columns, made = _collect(task, rows, seed, progress)
    attributes = {
        "dataset": dataset_id,
        "twin": True,
        "rows": len(columns["rewards"]),
        "seed": seed,
        "recipe": recipe,
        "physics": task.physics,
        "mujoco": mujoco.__version__,
        "made": f"twin of {dataset_id}, not D4RL's file: {made}, seed {seed}",
    }
    hdf5.write(path, columns, attributes)
    return path


def twin_task(dataset_id: str) -> Task:
    """The task of an id that twins are made of. Raises UsageError for any other."""
    if dataset_id in TASKS and dataset_id.startswith("pointmaze"):
        raise UsageError(f"{dataset_id}: PointMaze's own datasets are ours already; leave `twin` out")
    known = [task_id for task_id in TASKS if not task_id.startswith("pointmaze")]
    if dataset_id not in known:
        raise UsageError(unknown("dataset", dataset_id, known))
    return make_task(dataset_id)


def _collect(task: Task, rows: int | None, seed: int, progress: Progress | None) -> tuple[Recording, str]:
    if task.family == "mujoco":
        return locomotion.collect(task, rows, seed, progress)
    if task.family == "adroit":
        made = (
            "random and smoothly wandering actions for tests; they do not do the task, so data of people or experts "
            "must be supplied"
        )
        return roll_out(task, wandering(task.action_dim, seed), rows or ADROIT_ROWS, seed, progress=progress), made
    assert task.maze is not None
    skill, protocol = load(), antmaze.protocol_of(task.id)
    columns = antmaze.collect(task.maze, protocol, rows or ANTMAZE_ROWS, seed, skill=skill, progress=progress)
    return columns, antmaze.description(protocol, skill)


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


def _recipe(path: Path) -> int | None:
    try:
        with h5py.File(path, "r") as file:
            return int(file.attrs.get("recipe", 0))
    except OSError:
        return None
