"""run.json: what a folder says of the training in it."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import jax

from pars.algos import origin_of
from pars.config import to_dict
from pars.data import Dataset
from pars.envs.base import Task
from pars.system import cores
from pars.training.folder import FORMAT
from pars.training.plan import Group, Plan


def describe(
    group: Group,
    dataset: Dataset,
    task: Task | None,
    plan: Plan,
    command: str,
    rows: int | None = None,
) -> dict[str, Any]:
    """run.json: everything that a reader of the folder needs to know, as plain JSON.

    Args:
        rows: of the dataset before the algorithm prepared it, if that are not those it trains on.
    """
    settings = [to_dict(cfg) for cfg in group.configs]
    maze = task.maze.card() if task and task.maze else None
    columns = [column.name for column in group.algo.columns_of(group.configs[0])]
    return {
        "format": FORMAT,
        "algorithm": group.algo.name,
        "title": group.algo.title,
        "origin": origin_of(group.algo),
        "task": task.id if task else None,
        "physics": task.physics if task else None,
        "task_options": dict(task.options) if task else {},
        "members": [{"seed": seed, "settings": own} for seed, own in zip(group.seeds, settings, strict=True)],
        "varied": _varied(group.whole),
        "from_data": [chosen._asdict() for chosen in group.chosen],
        "part_of": group.part_of.name if group.part_of else None,
        "spec": [dataset.columns.obs.shape[1], dataset.columns.action.shape[1]],
        "inputs": [{"name": dataset.name_of("observations", i)} for i in range(dataset.obs_dim)],
        "outputs": _outputs(dataset, task),
        "goal_dim": task.goal_dim if task else group.configs[0].goal_dim,
        "columns": [[name, list(shape)] for name, shape in dataset.shapes(columns)],
        "plan": {**dataclasses.asdict(plan), "updates_per_step": settings[0]["updates_per_step"]},
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "source": dataset.source,
            "rows": len(dataset.last) if rows is None else rows,
            "trained_on": len(dataset.last),
            "card": dataset.card,
            **({"holdout": dataset.holdout} if dataset.holdout else {}),
            **({"reading": dict(dataset.reading)} if dataset.reading else {}),
        },
        "task_card": {
            "time_limit": task.time_limit if task else None,
            "max_return": task.max_return if task else None,
            "reference": list(task.reference) if task and task.reference else None,
            "maze": maze,
        },
        "command": command,
        "versions": versions(),
        "machine": {"cpu": cpu_name(), "cores": cores(), "devices": [str(d) for d in jax.devices()]},
    }


def _outputs(dataset: Dataset, task: Task | None) -> list[dict[str, Any]]:
    """Name and bounds of every action, in the units of the environment or of the data, and what it is kept within."""
    known = (task.action_range if task else None) or dataset.action_range
    bounds = zip(known.low, known.high) if known else [(-1.0, 1.0)] * dataset.action_dim
    found: list[dict[str, Any]] = [
        {"name": dataset.name_of("actions", i), "low": a, "high": b} for i, (a, b) in enumerate(bounds)
    ]
    if task and task.limits:
        for one, *limits in zip(found, task.limits.low, task.limits.high):
            one["limits"] = [one["low"] + (x + 1.0) / 2.0 * (one["high"] - one["low"]) for x in limits]
    return found


def _varied(group: Group) -> list[str]:
    settings = [to_dict(cfg) for cfg in group.configs]
    return [name for name in settings[0] if any(own[name] != settings[0][name] for own in settings)]


def versions() -> dict[str, str]:
    packages = ("pars", "jax", "jaxlib", "flax", "optax", "mujoco", "gymnasium", "numpy")
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def cpu_name() -> str:
    """The processor's model, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
