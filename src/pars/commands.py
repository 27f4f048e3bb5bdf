"""What the subcommands do. Imported only when one runs, so that `pars --help` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from pars import api, device
from pars.algos import ALGORITHMS
from pars.config import parse_axes
from pars.data import card_lines, collect_dataset, load_dataset
from pars.data import list_datasets as known_datasets
from pars.envs import list_tasks, make_task
from pars.errors import UsageError

device.setup(cache=True)


def train(words: Sequence[str], **options: Any) -> None:
    algorithms, task, axes = split_words(words)
    env = options.pop("env")
    if task and env and task != env:
        raise UsageError(f"the task is {task!r} and --env is {env!r}; name one of them")
    seeds = _seeds(axes.pop("seed", ["0"]))
    run = api.train(algorithms, task or env, settings=axes, seeds=seeds, **options)
    report(run, quiet=options["quiet"])


def split_words(words: Sequence[str]) -> tuple[list[str], str | None, dict[str, list[str]]]:
    """`["pars,bc", "pointmaze-umaze-diverse", "seed=0..4"]` -> algorithms, task id or None, axes."""
    names = [word for word in words if "=" not in word]
    if not names or len(names) > 2:
        known = ", ".join(ALGORITHMS)
        raise UsageError(f"give an algorithm ({known}) and at most one task, got {' '.join(names) or 'nothing'}")
    axes = parse_axes(word for word in words if "=" in word)
    return names[0].split(","), names[1] if len(names) > 1 else None, axes


def _seeds(values: Sequence[str]) -> list[int]:
    if not all(value.isdigit() and int(value) < 2**31 for value in values):
        raise UsageError(f"seed={','.join(values)}: seeds are whole numbers from 0 to 2147483647")
    return [int(value) for value in values]


def evaluate(run: Path, episodes: int | None, first_episode: int) -> None:
    table = Table("algorithm", "seed", "at", "score", "return mean", "std", "episodes", "length", "physics")
    for result in api.evaluate(run, episodes, first_episode):
        at = f"{result.position.phase} {result.position.step:,}"
        returns, lengths = result.evaluation.returns, result.evaluation.lengths
        for i, seed in enumerate(result.seeds):
            std = f"{returns[i].std(ddof=1):.2f}" if len(returns[i]) > 1 else "-"
            figures = (f"{result.scores[i].mean():.1f}", f"{returns[i].mean():.2f}", std)
            sizes = (str(len(returns[i])), f"{lengths[i].mean():.0f}")
            table.add_row(result.algorithm, str(seed), at, *figures, *sizes, result.task.physics)
    Console().print(table)


def report(run: Path, quiet: bool = False) -> None:
    from pars.report import summary, write_report  # slow to import, and training can start without it

    api.run_folders(run)
    console = Console()
    path = write_report(run)
    for line in summary(run) if not quiet else []:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {path}", markup=False, soft_wrap=True)


def algos() -> None:
    table = Table("name", "algorithm", "paper", "fine-tunes online", "file")
    for name, algo in ALGORITHMS.items():
        table.add_row(name, algo.title, algo.paper, "yes" if algo.can_go_online else "no", f"pars/algos/{name}.py")
    Console().print(table)


def tasks() -> None:
    table = Table(Column("task", overflow="fold"), "obs", "actions", "limit", "score 0..100", "episodes", "physics")
    for task in list_tasks():
        reference = f"{task.reference[0]:g}..{task.reference[1]:g}" if task.reference else "raw return"
        sizes = (str(task.obs_dim), str(task.action_dim), str(task.time_limit))
        table.add_row(task.id, *sizes, reference, str(task.eval_episodes), task.physics)
    Console().print(table)
    Console().print(
        "Any Gymnasium id with a Box action space works too, with your own data: --env Hopper-v5 --data FILE"
    )


def collect(dataset: str, rows: int | None, seed: int, force: bool) -> None:
    path = collect_dataset(dataset, rows, seed, force=force)
    Console().print(str(path), soft_wrap=True)


def list_datasets() -> None:
    table = Table(Column("dataset", overflow="fold"), "rows", "on disk", "how it was made, or where it is")
    for entry in known_datasets():
        where = entry["path"] if entry["cached"] and not entry["made"] else entry["made"]
        table.add_row(
            entry["id"], f"{entry['rows']:,}" if entry["rows"] else "?", "yes" if entry["cached"] else "no", where
        )
    Console().print(table)


def check(data: str, task_id: str | None, next_obs: str) -> None:
    task = make_task(task_id) if task_id else None
    dataset = load_dataset(data, task=task, next_obs=next_obs)  # type: ignore[arg-type]
    for line in card_lines(dataset.card):
        print(line)
