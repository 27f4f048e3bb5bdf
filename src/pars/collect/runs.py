"""Datasets from a trained run of ours: its policy with noise, in any environment that it was trained for."""

from __future__ import annotations

from pathlib import Path

import mujoco

from pars.collect.rollouts import Progress, noisy, roll_out
from pars.config import check_real
from pars.data.asked import check_asked
from pars.data.cache import data_folder
from pars.data.formats import hdf5
from pars.errors import TaskError
from pars.training.restore import only_folder, restore

ROWS = 100_000


def collect_run(
    run: Path,
    rows: int | None = None,
    *,
    seed: int = 0,
    member: int = 0,
    noise: float = 0.1,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write `rows` rows of the policy of one member with Gaussian action noise. -> the file

    Raises UsageError for numbers that make no sense, ResourceError for rows that do not fit into memory, TaskError for
    a run without an environment, CheckpointError.
    """
    rows = ROWS if rows is None else rows
    check_real("noise", noise, 0.0)
    there = restore(only_folder(run))
    task, position = there.task, there.position
    if task is None:
        raise TaskError(f"{run} was trained without an environment; there is nothing to collect in")
    check_asked(task, rows, seed)
    there.check_member(member)
    policy = there.policies.member(member)  # in [-1, 1], as tasks are acted in
    columns = roll_out(task, noisy(policy, noise, seed), rows, seed, progress=progress)
    if task.action_range:
        columns["actions"] = task.action_range.to_units(columns["actions"]).astype("float32")
    where = f"{position.phase} step {position.step:,}"
    name = f"{task.id.replace('/', '-').replace(':', '-')}-{there.algo.name}-{position.phase}-{position.step}"
    out = out or data_folder() / "runs" / f"{name}-member{member}-noise{noise:g}-{rows}-seed{seed}.hdf5"
    facts = {
        "dataset": out.stem,
        "rows": rows,
        "seed": seed,
        "physics": task.physics,
        "mujoco": mujoco.__version__,
        "made": f"{there.algo.title} (training seed {there.seeds[member]}) at {where} in {task.id}, "
        f"action noise {noise:g}, seed {seed}",
    }
    hdf5.write(out, columns, facts)
    return out
