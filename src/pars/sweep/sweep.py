"""`pars sweep`: what `pars train` would train, cut into units, by workers here or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pars import api, system
from pars.errors import CheckpointError
from pars.sweep.drive import Drive, Pool, in_words
from pars.sweep.units import Order, Unit, cut_all, every, fair, read_order, write_order
from pars.sweep.work import Ended, options_of
from pars.sweep.workers import Workers, take_gpus
from pars.training.checkpoint import lock
from pars.training.folder import note_tasks
from pars.training.memory import most_members
from pars.training.parts import needed
from pars.training.plan import Group, How, Plan, Request
from pars.training.view import Stop

Failures = list[tuple[str, Ended]]  # a unit's place, and how it ended


def sweep(workers: Workers, options: Mapping[str, Any], imports: Sequence[str] = ()) -> tuple[Path, Failures]:
    """Train what `pars.api.train` would with these options. -> the folder of the run, and what failed

    Raises what `train` raises before it trains anything, ResourceError without Ray, and Interrupted.
    """
    workers.check()
    gpus, failures = take_gpus(), Failures()  # which `trainer` adds to

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
) -> Failures:
    """Cut, train, and say what failed."""
    out = out.resolve()
    if len(requests) > 1 and any(out.glob("*/run.json")):
        raise CheckpointError(f"{out} holds a run of one task, and {len(requests)} are to be trained; use a new --out")
    requests = [replace(request, out=request.out.resolve()) for request in requests]
    known = read_order(out)
    pool = workers.open(out, gpus)
    most = _most(workers.members, requests, pool, how)
    units = cut_all(requests, out, known.units if known else (), most)
    write_order(out, Order(options_of(dict(options)), tuple(units)))
    if len(requests) > 1:
        note_tasks(out, [request.out.name for request in requests])
    return run_units(out, units, pool, workers.retries, how.stop, how.view.note)


def run_units(
    out: Path, units: Sequence[Unit], pool: Pool, retries: int, stop: Stop, say: Callable[[str], None]
) -> Failures:
    """Have the units below `out`, whose order is written, trained. Raises Interrupted on a signal or at the end of its
    time."""
    members = sum(len(unit.members) for unit in units)
    say(f"sweep: {out}: {members} members in {len(units)} units, {in_words(pool)}")
    drive = Drive(out, units, pool, stop, retries, say)
    with stop.listening():
        drive.run()
    return [(units[i].place, ended) for i, ended in sorted(drive.failed.items())]


def _most(
    given: int | None, requests: Sequence[Request], pool: Pool, how: How
) -> Callable[[Request, Group, Plan], int]:
    """How many members of a group a unit has at most: what is given, or by the rule what each worker's share of this
    machine's memory holds; on other machines and GPUs a worker cuts its unit itself where it must."""
    all_members = sum(len(group.seeds) for _, group, _ in every(requests))
    free = system.free_on_host() / pool.workers

    def most(request: Request, group: Group, plan: Plan) -> int:
        asked = given or fair(all_members, pool.workers, pool.cores, pool.gpu)
        if pool.gpu:
            return asked
        prepared = group.algo.data_for(group.configs[0], request.dataset)
        need = needed(group, prepared, plan, how.data_in, task=request.task)
        return max(1, most_members(need, min(asked, len(group.seeds)), free))

    return most
