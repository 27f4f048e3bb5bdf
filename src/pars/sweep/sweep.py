"""`pars sweep`: what `pars train` would train, cut into units, by workers here or on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax

from pars import api, system
from pars.errors import CheckpointError, UsageError
from pars.sweep.drive import Drive, Pool
from pars.sweep.local import Here
from pars.sweep.on_ray import OnRay
from pars.sweep.units import Order, cut_all, every, fair, read_order, write_order
from pars.sweep.work import Ended, options_of
from pars.training.checkpoint import lock
from pars.training.folder import note_tasks
from pars.training.memory import most_members
from pars.training.parts import needed
from pars.training.plan import Group, How, Plan, Request


@dataclass(frozen=True)
class Workers:
    """Who trains.

    Args:
        ray: "auto", "local" or the address of a cluster; None: processes of this machine.
        number: of processes here; by default one for each GPU, or one with all cores.
        cores: of each worker.
        members: of a unit, at most; by default by the rule of `fair`, and what fits a worker's memory.
        retries: how often in a row a unit's worker may die without a new checkpoint.
    """

    ray: str | None = None
    number: int | None = None
    cores: int | None = None
    members: int | None = None
    retries: int = 3

    def check(self) -> None:
        """Raises UsageError."""
        given = {"workers": self.number, "cores": self.cores, "members": self.members}
        for name, value in given.items():
            if value is not None and value < 1:
                raise UsageError(f"--{name} {value}: give at least 1")
        if self.retries < 0:
            raise UsageError(f"--retries {self.retries}: give 0 or more")
        if self.ray and self.number:
            raise UsageError("--workers is for this machine; on a cluster --cores decides how many fit")


Failures = list[tuple[str, Ended]]  # a unit's place, and how it ended


def sweep(workers: Workers, options: Mapping[str, Any], imports: Sequence[str] = ()) -> tuple[Path, Failures]:
    """Train what `pars.api.train` would with these options. -> the folder of the run, and what failed

    Raises what `train` raises before it trains anything, ResourceError without Ray, and Interrupted.
    """
    workers.check()
    gpus, failures = gpus_here(), Failures()  # which `trainer` adds to
    if gpus:
        jax.config.update("jax_platforms", "cpu")  # they are the workers'

    def trainer(requests: Sequence[Request], how: How, command: str, root: Path | None) -> None:
        out = root or requests[0].out
        with lock(out):
            given = {**options, "out": str(out), "imports": list(imports)}
            failures.extend(_drive(workers, gpus, requests, how, out, given))

    return api.train(**options, trainer=trainer), failures


def _drive(
    workers: Workers,
    gpus: Sequence[str],
    requests: Sequence[Request],
    how: How,
    out: Path,
    options: Mapping[str, Any],
) -> list[tuple[str, Ended]]:
    """Cut, train, and say what failed."""
    out = out.resolve()
    if len(requests) > 1 and any(out.glob("*/run.json")):
        raise CheckpointError(f"{out} holds a run of one task, and {len(requests)} are to be trained; use a new --out")
    requests = [replace(request, out=request.out.resolve()) for request in requests]
    known = read_order(out)
    pool: OnRay | None = OnRay(out, workers.ray, workers.cores) if workers.ray else None
    layout = None if pool else layout_of(workers, gpus)
    count, cores = (pool.workers, pool.cores) if pool else (len(layout[0]), len(layout[0][0]))  # type: ignore[index]
    gpu = pool.gpu if pool else bool(gpus)
    most = _most(workers.members, requests, count, cores, gpu, how)
    units = cut_all(requests, out, known.units if known else (), most)
    write_order(out, Order(options_of(dict(options)), tuple(units)))
    if len(requests) > 1:
        note_tasks(out, [request.out.name for request in requests])
    members = sum(len(unit.members) for unit in units)
    each = "a GPU" if gpu else "a core" if cores == 1 else f"{cores} cores"
    how.view.note(f"sweep: {out}: {members} members in {len(units)} units, {count} workers with {each} each")
    crew: Pool = pool or Here(out, *layout)  # type: ignore[misc]
    drive = Drive(out, units, crew, how.stop, workers.retries, how.view.note)
    with how.stop.listening():
        drive.run()
    return [(units[i].place, ended) for i, ended in sorted(drive.failed.items())]


def _most(
    given: int | None, requests: Sequence[Request], count: int, cores: int, gpu: bool, how: How
) -> Callable[[Request, Group, Plan], int]:
    """How many members of a group a unit has at most: what is given, or by the rule what each worker's share of this
    machine's memory holds; on other machines and GPUs a worker cuts its unit itself where it must."""
    all_members = sum(len(group.seeds) for _, group, _ in every(requests))
    free = system.free_on_host() / count

    def most(request: Request, group: Group, plan: Plan) -> int:
        asked = given or fair(all_members, count, cores, gpu)
        if gpu:
            return asked
        prepared = group.algo.data_for(group.configs[0], request.dataset)
        fits = most_members(needed(group, prepared, plan, how.data_in), min(asked, len(group.seeds)), free)
        return max(1, fits)

    return most


def gpus_here() -> list[str]:
    """Those of this machine that may be used, as CUDA_VISIBLE_DEVICES has them."""
    if not system.has_gpu():
        return []
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return shown.split(",") if shown else [str(i) for i, _ in enumerate(system.DEVICES.glob("nvidia[0-9]*"))]


def layout_of(workers: Workers, gpus: Sequence[str]) -> tuple[list[list[int]], list[Mapping[str, str]]]:
    """The cores and the environment of each worker of this machine. Raises UsageError for more than it has GPUs."""
    own = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    count = workers.number or max(len(gpus), 1)
    if gpus and count > len(gpus):
        raise UsageError(f"--workers {count}: there are {len(gpus)} GPUs, and each worker takes one")
    each = min(workers.cores or max(1, len(own) // count), len(own))
    cores = [[own[(slot * each + i) % len(own)] for i in range(each)] for slot in range(count)]
    if gpus:
        return cores, [{"CUDA_VISIBLE_DEVICES": gpus[slot]} for slot in range(count)]
    memory = system.parse_bytes(os.environ["PARS_MEMORY"]) if "PARS_MEMORY" in os.environ else system.free_on_host()
    return cores, [{"PARS_MEMORY": f"{memory / count:.0f}"}] * count
