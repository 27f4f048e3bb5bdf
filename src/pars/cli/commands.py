"""What the subcommands do. Imported only when one runs, so that `pars --help` is quick."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pars import api, presets, system
from pars.algos import ALGORITHMS
from pars.algos import import_modules as import_modules
from pars.cli import listing, settings
from pars.cli.files import write_csv, write_text
from pars.cli.outcome import find_here, report, wide_console
from pars.config import parse_axes
from pars.data import DATASETS, collect_dataset, load_dataset
from pars.data import clean as cleaning
from pars.data import list_datasets as known_datasets
from pars.data.checking import doctor
from pars.data.checking import verify as verification
from pars.data.dataset import NextObs
from pars.data.formats.mapping_file import reading
from pars.data.formats.ogbench import parse_goal
from pars.data.formats.suggest import suggested
from pars.envs import TASKS, list_tasks, make_task
from pars.envs.measure import ENVIRONMENTS, Measurement, measure_all
from pars.errors import UsageError, printable, unknown
from pars.training import own_data
from pars.training.progress import progress_bar

system.setup(cache=True)

LONGEST_ID = 32  # characters of an id that a listing of 80 columns keeps on one line


def train(words: Sequence[str], **options: Any) -> None:
    run = api.train(**asked(words, **options))
    report([run], quiet=options["quiet"])


def asked(words: Sequence[str], **options: Any) -> dict[str, Any]:
    """Words and options of the command as those of `api.train`."""
    algorithms, tasks, axes = split_words(words)
    env = options.pop("env")
    find_here(env or (tasks[0] if tasks else ""))
    options["env_args"] = environment_args(options.pop("env_arg"))
    if tasks and env and tasks != [env]:
        raise UsageError(f"the task is {','.join(tasks)!r} and --env is {env!r}; name one of them")
    seeds = _seeds(axes.pop("seed", ["0"]))
    options["overlap"] = {"auto": None, "yes": True, "no": False}[options.pop("overlap_eval")]
    options["mapping"] = reading(options.pop("map"), options.pop("fill"), options.pop("split_gap"))
    options["data_goal"] = parse_goal(options["data_goal"]) if options["data_goal"] else None
    task = tasks if len(tasks) > 1 else tasks[0] if tasks else env
    return dict(algorithms=algorithms, task=task, settings=axes, seeds=seeds, **options)


def split_words(words: Sequence[str]) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """`["pars,bc", "pointmaze-umaze-diverse", "seed=0..4"]` -> algorithms, task ids, axes."""
    names = [word for word in words if "=" not in word]
    if not names or len(names) > 2:
        known = ", ".join(ALGORITHMS)
        raise UsageError(
            f"give an algorithm ({known}) and at most one word of tasks (A,B), got {' '.join(names) or 'nothing'}"
        )
    axes = parse_axes(word for word in words if "=" in word)
    return names[0].split(","), [name.strip() for name in names[1].split(",")] if len(names) > 1 else [], axes


def _seeds(values: Sequence[str]) -> list[int]:
    if not all(value.isdigit() and int(value) < 2**31 for value in values):
        raise UsageError(f"seed={','.join(values)}: seeds are whole numbers from 0 to 2147483647")
    return [int(value) for value in values]


def environment_args(given: Sequence[str]) -> dict[str, Any]:
    """`["size=3", "name=big"]` -> {"size": 3, "name": "big"}. Raises UsageError."""
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (equals and key.isidentifier()):
            raise UsageError(f"--env-arg {text}: give a name and a value, as in --env-arg size=3")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def reproduce(words: Sequence[str], **options: Any) -> None:
    from pars.reproduce import command  # draws figures: slow to import

    command.run(words, **options)


def algos(names: Sequence[str], with_presets: bool, markdown: bool) -> None:
    if with_presets and markdown:
        raise UsageError("--presets and --markdown are two pages; give one of them")
    if with_presets or markdown or names:
        pages = listing.preset_lines if with_presets else settings.page if markdown else settings.lines
        print(*pages(names), sep="\n")
        return
    console = wide_console()
    console.print(listing.table())
    console.print(listing.NOTE, highlight=False)


def tasks(measure: bool = False, seconds: float = 1.0, file: Path | None = None) -> None:
    found: dict[str, Measurement] | None = None
    if measure:
        with progress_bar("measuring") as advance:
            found = measure_all(list_tasks(), seconds, advance)
    header = ["task", "obs", "actions", "limit", "score 0..100", "episodes", "physics"]
    header += ["steps/s", "check_env"] if found else []
    rows = []
    for task in list_tasks():
        reference = f"{task.reference[0]:g}..{task.reference[1]:g}" if task.reference else "raw return"
        sizes = (str(task.obs_dim), str(task.action_dim), str(task.time_limit))
        row = [task.id, *sizes, reference, str(task.eval_episodes), task.physics]
        if found:
            speed, check = found[task.id]
            row += ["-" if speed is None else f"{speed:.0f}", check]
        rows.append(row)
    short = ["task", "obs", "act", "limit", "returns", "eval", "mode", "steps/s", "check"][: len(header)]
    table = Table(Column(short[0], no_wrap=True), *short[1:], box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for task, row in zip(list_tasks(), rows):
        low, high = task.reference or (0.0, 0.0)
        shown = [*row[:4], f"{low:.0f}..{high:.0f}" if task.reference else "raw", *row[5:]]
        table.add_row(*map(Text, shown))  # as it is: Rich takes brackets for markup
    Console().print(table)
    Console().print("limit: actions; returns: those that score 0 and 100; eval: episodes; mode: physics")
    if found:
        how = f"{ENVIRONMENTS} environments of one task, random actions, {system.cores()} cores, {seconds:g} s each"
        Console().print(f"steps/s: {how}; ids that differ in their dataset alone share a measurement")
    if file:
        write_csv(file, [header, *rows])
    Console().print(
        "Any Gymnasium id with a Box action space works too, with your own data: --env Hopper-v5 --data FILE"
    )


def collect(
    dataset: str | None,
    rows: int | None,
    seed: int,
    force: bool,
    run: Path | None,
    member: int,
    noise: float,
    out: Path | None,
    walker: Path | None,
    policy: Path | None,
) -> None:
    if (dataset is None) == (run is None):
        raise UsageError("name a dataset id (pars data list) or give --run RUN, one of the two")
    if out is not None and run is None:
        raise UsageError("--out goes with --run; a dataset's own place is in the data folder (PARS_DATA_DIR)")
    if dataset is not None and dataset not in TASKS:
        raise UsageError(unknown("dataset", dataset, TASKS))
    if dataset is None or dataset in DATASETS:
        if walker is not None:
            raise UsageError(f"--walker {walker} goes with the id of an AntMaze twin, such as antmaze-medium-play-v2")
        if policy is not None:
            raise UsageError(f"--policy {policy} goes with the id of a twin, such as door-expert-v1")
    with progress_bar(str(dataset or run)) as advance:
        if run is not None:
            from pars.collect.runs import collect_run

            path = collect_run(run, rows, seed=seed, member=member, noise=noise, out=out, progress=advance)
        elif dataset in DATASETS:
            path = collect_dataset(dataset, rows, seed, force=force, progress=advance)
        else:
            from pars.collect.twins import collect_twin

            path = collect_twin(str(dataset), rows, seed, force, advance, walker, policy)
    Console().print(str(path), soft_wrap=True)


def train_ant(out: Path, steps: int, seed: int) -> None:
    from pars.collect.train_ant import train_ant as train

    with progress_bar("walking ant") as advance:
        skill = train(out, steps=steps, seed=seed, progress=advance)
    facts = skill.facts
    print(
        f"{out}: {facts['speed']:.2f} m/s along the wanted direction, {facts['fallen']:.0%} of the walks end in a fall"
    )


def list_datasets() -> None:
    entries = known_datasets()
    width = min(LONGEST_ID, max(len(entry["id"]) for entry in entries))
    names = Column("dataset", overflow="fold", min_width=width)
    table = Table(names, "rows", "on disk", "how it was made, or where it is", box=None, pad_edge=False)
    for entry in entries:
        where = entry["path"] if entry["cached"] and not entry["made"] else entry["made"]
        rows = f"{entry['rows']:,}" if entry["rows"] else "?"
        table.add_row(*map(Text, map(printable, (entry["id"], rows, "yes" if entry["cached"] else "no", where))))
    Console().print(table)


def check(
    data: str,
    task_id: str | None,
    next_obs: NextObs,
    mapping: dict[str, str] | None,
    goal: str | None,
    action_range: str | None,
    page: Path | None,
) -> None:
    find_here(task_id or "")
    path, task_id = _file_and_task(data, task_id)
    task = make_task(task_id, action_range=action_range) if task_id else None
    options: dict[str, Any] = dict(next_obs=next_obs, mapping=mapping, action_range=action_range)
    options["goal"] = parse_goal(goal) if goal else None
    found = doctor.check(path, task, **options)
    if found.card and found.rewarded and presets.family(found.task) == presets.OWN:
        said, risks = own_data.outlook(load_dataset(path, task=task, **options))
        found = replace(found, training=said, warnings=found.warnings + risks)
    print_pairs(doctor.page_lines(found))
    if page is not None:
        from pars.report.pages.doctor import write_page  # slow to import

        Console().print(f"page: {write_page(found, page)}", markup=False, soft_wrap=True)
    if found.refusal:
        raise found.refusal


def suggest(data: str, file: Path) -> None:
    """Write a first mapping. Raises UsageError if there is a file already, which may hold a user's own corrections."""
    if file.exists() or file.suffix != ".toml":
        raise UsageError(
            f"--suggest {file}: {'is there already' if file.exists() else 'ends not in .toml'}; name another"
        )
    text = suggested(doctor.file_of(data))
    write_text(file, text)
    print(text, end="")
    Console().print(f"mapping: {file}; correct it, then: --map {file}", markup=False, soft_wrap=True)


def clean(data: str, out: Path, mapping: dict[str, str] | None, action_range: str | None) -> None:
    found = cleaning.clean(doctor.file_of(data), out, mapping, action_range)
    done = [("done", line) for line in found.record] or [("done", "nothing had to be changed")]
    print_pairs([("rows", f"{found.rows:,}"), *done, *(("warning", line) for line in found.warnings)])
    Console().print(f"file: {out}", markup=False, soft_wrap=True)


def verify(data: str, task_id: str | None, rows: int, physics: str | None, episodes: int) -> None:
    path, task_id = _file_and_task(data, task_id)
    found = verification.verify(path, task_id, rows=rows, physics=physics, episodes=episodes)
    print_pairs(verification.page_lines(found))
    if found.refusal:
        raise found.refusal


def _file_and_task(data: str, task_id: str | None) -> tuple[str, str | None]:
    """A twin's file (collected if it is absent) and the task that it was made for; anything else as it is."""
    twin = api.twin_of(data, make_task(task_id) if task_id else None)
    if twin is None:
        return data, task_id
    from pars.collect.twins import task_of

    path = api.collected_twin(twin)
    return str(path), task_id or task_of(path)


def print_pairs(pairs: Iterable[tuple[str, str]], console: Console | None = None) -> None:
    """Names and texts as two columns; a name stands once above texts that share it."""
    table, before = Table.grid(padding=(0, 1)), ""
    table.add_column(min_width=12, no_wrap=True)
    table.add_column(overflow="fold")
    colors = {"warning": "yellow", "verdict": "bold"}
    for name, words in pairs:
        table.add_row("" if name == before else Text(name), Text(printable(words, "\n"), style=colors.get(name, "")))
        before = name
    (console or Console()).print(table)
