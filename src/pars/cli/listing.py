"""What `pars algos` prints: the table of algorithms, and their presets line by line."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from pars import presets
from pars.algos import every_algorithm, find_algorithm
from pars.config import as_text, to_dict
from pars.core import Algorithm
from pars.presets.sets import SETS

WIDTH = 110  # of plain lines
NOTE = """\
file: ours in src/pars/algos; LN: layer norm in the critics (layer_norm); PA: penalty on infeasible actions (penalty).
What is off can be switched on. All settings of one: pars algos NAME; the presets' settings: pars algos --presets"""
HEADING = """\
What differs from the defaults: for all sets of a family, then beside a dataset for that one (-: nothing more).
"""


def find(names: Sequence[str]) -> list[Algorithm]:
    """The algorithms of these names, all without any. Raises UsageError."""
    return [find_algorithm(name) for name in names] or every_algorithm()


def table() -> Table:
    header = ("name", "algorithm", "paper", "file (lines)", "ingredients", "offline", "online")
    columns = [Column(title, no_wrap=title != "paper") for title in header]
    found = Table(*columns, "other presets", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for algo in every_algorithm():
        phases = ("yes" if has else "no" for has in (algo.offline, algo.online))
        choices = ", ".join(presets.choices(algo.name)[1:])
        paper = algo.paper.replace("arXiv ", "")
        found.add_row(algo.name, algo.title, paper, file(algo), ingredients(algo), *phases, choices)
    return found


def file(algo: Algorithm) -> str:
    """iql.py (130): where an algorithm stands, and its number of lines. The module's name if it has no file."""
    name = algo.config.__module__
    try:
        module = sys.modules[name]
        path = inspect.getfile(module)
        return f"{Path(path).name} ({len(inspect.getsource(module).splitlines())})"
    except (KeyError, TypeError, OSError):
        return name


def ingredients(algo: Algorithm) -> str:
    """Which of PARS's ingredients are on by default, and which can be switched on."""
    cfg = algo.configure()
    switches = {"LN": "layer_norm", "PA": "penalty"}
    has = {short: getattr(cfg, name) for short, name in switches.items() if hasattr(cfg, name)}
    on = [short for short, value in has.items() if value not in (False, "none")]
    off = [short for short in has if short not in on]
    parts = ["+".join(on) + " on"] * bool(on) + [", ".join(off) + " off"] * bool(off)
    return ", ".join(parts) or "-"


def preset_lines(names: Sequence[str] = ()) -> Iterator[str]:
    """For each algorithm and D4RL dataset the settings that are not the defaults, their source, and what is a fallback.

    What all sets of a family share stands once, above them.
    """
    algos = find(names)
    yield HEADING
    for algo in algos:
        others = presets.choices(algo.name)[1:]
        yield from _wrapped(f"{algo.name}: {presets.source(algo.name)}")
        if others:
            yield f"  other presets: {', '.join(others)} (--preset)"
        for family, ids in SETS.items():
            own = {task_id: differences(algo, task_id) for task_id in ids}
            first = own[ids[0]]
            shared = {name: value for name, value in first.items() if all(o.get(name) == value for o in own.values())}
            yield from _wrapped(f"  {family}: {_words(shared) or 'the defaults'}")
            for task_id, settings in own.items():
                rest = _words({name: value for name, value in settings.items() if name not in shared})
                fallback = presets.fallback(algo.name, task_id)
                note = f"fallback: {fallback}" if fallback else ""
                yield from _wrapped(f"    {task_id:<29}" + ("; ".join(filter(None, (rest, note))) or "-"))
        yield ""


def differences(algo: Algorithm, task_id: str, preset: str = presets.PAPER) -> dict[str, Any]:
    """Settings of a preset that differ from the algorithm's defaults, and `--steps` where its length does."""
    usual = to_dict(algo.configure())
    found = to_dict(algo.configure(presets.settings(algo.name, task_id, preset)))
    changed = {name: value for name, value in found.items() if value != usual[name]}
    steps = presets.offline_steps(algo.name, task_id)
    return changed | ({"--steps": steps} if steps != presets.lengths(task_id).offline_steps else {})


def _words(settings: dict[str, Any]) -> str:
    """As they are written on the command line."""
    return " ".join(
        f"{name}{' ' if name.startswith('--') else '='}{as_text(value)}" for name, value in settings.items()
    )


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False)
