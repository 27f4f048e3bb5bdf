"""`pars search`: thin, as the other subcommands; the options of `pars train` come as one dict."""

from __future__ import annotations

from typing import Any, Literal

from pars.errors import UsageError


def search(
    options: dict[str, Any],
    trials: int = 64,
    budget: str | None = None,
    width: int = 8,
    rungs: int = 3,
    keep: int = 4,
    sampler: Literal["tpe", "random"] = "tpe",
    search_seed: int = 0,
    final_seeds: int = 3,
    estimator: Literal["fqe", "critic", "is", "dr"] = "fqe",
) -> None:
    """Choose settings by trying many of them a little and the best ones longer, in populations of one program, and
    train the chosen one anew on fresh seeds: only that is a result (extra `sweep`).

    Settings to choose stand in one quoted word. Ranges of numbers, `log(low,high)` and `lin(low,high)`, are tried in
    one program; values in braces may be anything, and those that shape the program, such as critics, have one each.
    The same command goes on where it was killed, and ends as it would have.

    `pars search pars pointmaze-umaze-diverse "reward_scale=log(1,1e4) critics={2,4}" --trials 200 --steps 20000`

    `pars search td3_bc --data logs.hdf5 "bc_weight=log(0.01,10)"`: without a simulator, by what `pars judge` says.

    Args:
        trials: Settings to try.
        budget: Time after which no new one begins, such as 90s, 30m or 2h.
        width: Members of a population, which train side by side.
        rungs: How often trials are compared: the last time at --steps, before at 1/keep of that, and so on; 1: only
            at the end.
        keep: One of so many trials goes on to the next rung.
        sampler: What proposes settings: Optuna's tree-structured Parzen estimator, or chance.
        search_seed: Of the sampler.
        final_seeds: Runs of the chosen setting, of seeds 0, 1, ... that no trial had.
        estimator: What decides without a simulator, see `pars judge`.
    """
    from rich.console import Console

    from pars.algos import find_algorithm
    from pars.cli import commands
    from pars.cli.outcome import report
    from pars.reproduce.command import parse_budget
    from pars.sweep import space
    from pars.sweep.page import summary, write_page
    from pars.sweep.search import FINAL, Search
    from pars.sweep.search import search as run

    commands.import_modules(options.pop("imports"))
    if seeds := [word for every in options["words"] for word in every.split() if word.startswith("seed=")]:
        raise UsageError(
            f"{seeds[0]}: a trial has the seed of its number, the final runs those from 0 on; leave it out, and give "
            "--final-seeds N for their number, --search-seed N for other proposals"
        )
    chosen, options["words"] = space.split(options["words"])
    given = commands.asked(**options)
    what = Search(trials, width, rungs, keep, sampler, search_seed, final_seeds, parse_budget(budget), estimator)
    wanted = space.parse(chosen, find_algorithm(given["algorithms"][0]).config)
    out, record = run(what, wanted, given)
    report([out / FINAL], quiet=True)
    for line in summary(record, wanted):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    Console().print(f"page: {write_page(record, wanted, out)}", markup=False, soft_wrap=True)
