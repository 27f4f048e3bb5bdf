"""`pars sweep`: thin, as the other subcommands; the options of `pars train` come as one dict."""

from __future__ import annotations

from typing import Any


def sweep(
    options: dict[str, Any],
    ray: str | None = None,
    workers: int | None = None,
    cores: int | None = None,
    members: int | None = None,
    retries: int = 3,
    fetch: bool = False,
) -> None:
    """Train what `pars train` would, cut into units for several workers: here, or on a Ray cluster (extra `sweep`).

    The same command goes on where it was killed; a unit whose worker dies goes on from its last checkpoint with
    another. What fails is said in one line, the others go on, and the exit code is that of the first that failed.

    `pars sweep pars,td3_bc pointmaze-umaze-diverse seed=0..9 --workers 2`: two processes, half of the cores each.

    `pars sweep pars antmaze-medium-play-v2 reward_scale=1,10,100 seed=0..4 --ray auto --out /shared/runs/scales`

    Args:
        ray: Train on a cluster: `auto`, its address, or `local` for one of this machine. --out must be a folder that
            all machines share, or give --fetch. One worker a GPU, or one a machine.
        workers: Processes on this machine; by default one a GPU, or one with all cores.
        cores: Of each worker, at most as many as the machine has.
        members: Of a unit, at most; by default four units a worker (one a GPU), a member a core, as memory allows.
        retries: How often in a row a unit's worker may die without a new checkpoint of it.
        fetch: Workers train in folders of their own machines; what they write comes back to --out.
    """
    from pars.cli import commands
    from pars.cli.outcome import report
    from pars.errors import ParsError
    from pars.sweep.sweep import sweep
    from pars.sweep.workers import Workers
    from pars.training.restore import group_folders

    imports = options.pop("imports")
    commands.import_modules(imports)
    who = Workers(ray, workers, cores, members, retries, fetch)
    run, failures = sweep(who, commands.asked(**options), imports)
    if group_folders(run):
        report([run], quiet=options["quiet"])
    if failures:
        place, first = failures[0]
        error = ParsError(f"{len(failures)} units failed, first {place}: {first.message}")
        error.exit_code = first.code
        raise error
