"""`pars reproduce`, as thin as the subcommands in main.py."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from pars.cli.options import Words


def reproduce(
    words: Annotated[Words, arg(metavar="ID|all [ID]... [NAME=VALUE]...")],
    data: Literal["d4rl", "twin"] | None = None,
    steps_scale: float | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    tasks: tuple[str, ...] = (),
    arms: tuple[str, ...] = (),
    rows: int | None = None,
    episodes: int | None = None,
    small: bool = False,
    dry_run: bool = False,
    out: Path = Path("runs/reproduce"),
    ray: str | None = None,
    workers: int | None = None,
    cores: int | None = None,
    retries: int = 3,
    fetch: bool = False,
    quiet: bool = False,
) -> None:
    """Run tables and figures of the PARS paper and lay what comes out beside the printed numbers.

    `pars reproduce figure5 table12 --small --budget 30m`

    `pars reproduce all --dry-run`: the catalogue, with what it would cost here and on a GPU.

    `pars reproduce all --ray auto --out /shared/reproduce`: populations trained by the workers of a Ray cluster, as
    `pars sweep` does.

    Running the same command again continues, with workers or without. Results on other data, with fewer steps or other
    settings have folders and pages of their own and are never held against the paper's.

    Args:
        words: Tables and figures by id (see --dry-run), and settings to change, one value each.
        data: D4RL's files, or twins of our own making; by default d4rl.
        steps_scale: Share of the paper's steps, up to 1.
        seeds: By default the paper's 5.
        budget: Stop after this long, such as 90s, 30m or 2h; what is left continues with the next call.
        tasks: Train on these only.
        arms: Train these methods only, by their labels on the page, such as PARS "RS-LN alone".
        rows: Of the twins; by default as many as the recipe makes.
        episodes: Of each evaluation.
        small: The experiment cut down to minutes on two cores (twins, small share of the steps, 3 seeds); the options
            above change it further.
        dry_run: Only print the plan.
        out: Where runs, pages and index go.
        ray: Train on a cluster (extra `sweep`): `auto`, its address, or `local` for one of this machine. --out must be
            a folder that all machines share, or give --fetch.
        workers: Train with so many processes on this machine.
        cores: Of each worker, at most as many as the machine has.
        retries: How often in a row a population's worker may die without a new checkpoint of it.
        fetch: Workers train in folders of their own machines; what they write comes back to --out.
        quiet: Print only the end.
    """
    from pars.cli.commands import reproduce as run
    from pars.errors import UsageError
    from pars.sweep.workers import Workers

    who = Workers(ray, workers, cores, None, retries, fetch)
    who.check()
    if not (ray or workers) and who != Workers():
        raise UsageError("--cores and --retries are of workers; add --workers 2 or --ray auto")

    options: dict[str, Any] = dict(
        data=data, steps_scale=steps_scale, seeds=seeds, budget=budget, tasks=tasks, arms=arms, rows=rows
    )
    options |= dict(episodes=episodes, small=small, dry_run=dry_run, out=out, quiet=quiet)
    run(words, **options, who=who if ray or workers else None, command=shlex.join(["pars", *sys.argv[1:]]))
