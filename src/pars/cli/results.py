"""What came out of runs: `pars eval`, `pars report` and `pars ls`, thin as the other subcommands."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from pars.cli.options import Import


def evaluate(
    run: Positional[Path],
    episodes: int | None = None,
    first_episode: int = 0,
    at: str | None = None,
    env: str | None = None,
    env_timeout: float | None = None,
    isolate: bool = False,
    csv: Path | None = None,
    json: Path | None = None,
    imports: Import = (),
) -> None:
    """Evaluate every member of a run, at its newest checkpoint.

    Args:
        run: A folder that `pars train` wrote.
        episodes: Episodes of each member; by default the task's own number.
        first_episode: Evaluation episodes are numbered and always start alike; count from here for fresh ones.
        at: The step of policies that are kept, such as 20000 or online-500, in the place of the newest.
        env: The run's environment once more, where a module of yours makes it: my_package:MyEnv-v0.
        env_timeout: Seconds that one step of a Gymnasium environment may take; by default 300, 0: any time.
        isolate: Step them in a process of their own, which native code of theirs may crash; the same numbers.
        csv: Write a table of all episodes to this file, one a line.
        json: The same as a list of objects.
    """
    from pars.cli import commands, outcome

    commands.import_modules(imports)
    outcome.evaluate(run, episodes, first_episode, env, env_timeout, isolate, csv, json, at)


def report(runs: Positional[tuple[Path, ...]], out: Path | None = None) -> None:
    """Write RUN/report.html, one self-contained page, and print its summary; of several runs one page that compares
    them.

    `pars report runs/A runs/B --out comparison.html`

    Args:
        runs: Folders that `pars train` wrote; runs may still be under way. One of `pars search`: its page is written
            anew.
        out: Of several runs: the page to write; by default comparison.html here.
    """
    from pars.cli import commands

    commands.report(runs, out=out)


def ls(
    folders: Positional[tuple[Path, ...]] = (Path("runs"),),
    algo: str = "*",
    task: str = "*",
    state: str = "*",
    csv: Path | None = None,
    json: Path | None = None,
) -> None:
    """List the runs in folders: algorithm, task, the settings that differ, score, steps, state, age; newest first. A
    search is one line, of the setting it has chosen.

    `pars ls runs --algo pars,iql --task 'antmaze-*' --state finished`

    Args:
        folders: Folders that hold runs, at any depth; by default runs.
        algo: Only these algorithms; a pattern, or several with commas between, as for the next two.
        task: Only runs on these tasks, or data.
        state: Only runs that are new (without a checkpoint yet, or killed before it), running (or killed), interrupted,
            stopped (by --stop-below), diverged, finished, searching (a search without its final runs) or damaged.
        csv: Write the table to this file, too.
        json: The same as a list of objects.
    """
    from pars.cli.outcome import list_runs

    list_runs(folders, algo, task, state, csv, json)
