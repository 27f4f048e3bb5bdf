"""What `pars` says without a command: the commands in groups, each with an example."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

WIDTH = 100
GROUPS: dict[str, dict[str, str]] = {
    "Begin": {
        "demo": "pars demo --short",
        "algos": "pars algos pars",
        "tasks": "pars tasks",
    },
    "Data": {"data": "pars data check logs.hdf5"},
    "Train": {
        "train": "pars train pars pointmaze-umaze-diverse seed=0..4",
        "sweep": "pars sweep pars,td3_bc pointmaze-umaze-diverse seed=0..9 --workers 2",
        "search": 'pars search pars pointmaze-umaze-diverse "reward_scale=log(1,1e4)" --trials 200',
    },
    "Look at what came out": {
        "ls": "pars ls runs",
        "report": "pars report runs/A runs/B",
        "eval": "pars eval runs/RUN --episodes 100",
        "judge": "pars judge runs/RUN",
        "film": "pars film runs/RUN --out film.gif",
        "video": "pars video runs/RUN --out video.gif",
    },
    "Deliver": {
        "export": "pars export runs/RUN --out policy",
        "replay": "pars replay runs/RUN --data logs.hdf5",
    },
    "The paper": {"reproduce": "pars reproduce figure5 --seeds 2"},
}
OTHERS = "More"


def lines(commands: Mapping[str, Callable[..., Any]], about: str, end: str) -> Iterator[str]:
    """The page, line by line."""
    yield from ("usage: pars [-h] COMMAND ...", "", *textwrap.wrap(about, WIDTH))
    known = {name for group in GROUPS.values() for name in group}
    others = {name: "" for name in commands if name not in known}
    for title, group in {**GROUPS, OTHERS: others}.items():
        shown = {name: example for name, example in group.items() if name in commands}
        if shown:
            yield from ("", title)
        for name, example in shown.items():
            first = (inspect.getdoc(commands[name]) or "").partition("\n\n")[0]
            yield from textwrap.wrap(first, WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13)
            if example:
                yield f"{'':13}$ {example}"
    yield from ("", *textwrap.wrap(end, WIDTH))
    yield from ("", "pars COMMAND --help: all options of one. Completion of words in a shell:")
    yield "  pars --tyro-write-completion bash ~/.local/share/bash-completion/completions/pars  (or zsh, fish)"
