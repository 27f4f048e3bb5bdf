"""Several runs as one: their groups side by side on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pars.report.load import read_run, tasks_of
from pars.report.pages import html, page, verdict
from pars.report.records import Run


def together(folders: Sequence[Path | str]) -> Run:
    """The groups of all runs; each says which run it is of, and on which data where that differs.

    Raises UsageError if a folder is no run, CheckpointError if it cannot be read.
    """
    runs = [read_run(path) for folder in map(Path, folders) for path in tasks_of(folder) or [folder]]
    names = [run.folder.name for run in runs]
    named = [str(run.folder) if names.count(run.folder.name) > 1 else run.folder.name for run in runs]
    several = len({(group.task, group.dataset.get("fingerprint")) for run in runs for group in run.groups}) > len(
        {group.task for run in runs for group in run.groups}
    )
    groups = []
    for run, name in zip(runs, named, strict=True):
        for group in run.groups:
            said = f"{name}, data {group.dataset.get('name', 'unknown')}" if several else name
            # a name of its own, too: what one run has of an algorithm is compared with what another has
            groups.append(replace(group, title=f"{group.title} [{said}]", algorithm=f"{group.algorithm} [{name}]"))
    return Run(Path(" + ".join(names)), groups)


def summary(folders: Sequence[Path | str]) -> list[str]:
    """Lines for the terminal. Raises as `together`."""
    return verdict.summary(together(folders))


def write(folders: Sequence[Path | str], target: Path) -> Path:
    """Write the page that compares runs and return its path. Raises as `together`, and ResourceError."""
    return html.save(target, page.render(together(folders)), "give another file to --out")
