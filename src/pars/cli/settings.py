"""The reference of settings, from the facts on them: what `pars algos NAME` prints, and docs/settings.md."""

from __future__ import annotations

import inspect
import textwrap
import typing
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from pars.cli.listing import WIDTH, file, find
from pars.config import Fact, as_text, facts, field_types
from pars.core import Algorithm

HEADING = """\
# Settings

What can be written as NAME=VALUE: first the settings that methods share, then those of each algorithm, and where its
defaults are others. `pars algos NAME` prints all settings of one algorithm with its own defaults. On D4RL's datasets a
preset lies over them (`pars algos --presets NAME`). In brackets: symbols of the papers.

This page is written by `pars algos --markdown`.
"""
LEGEND = """\
Indented: does nothing while the setting above is false. In brackets: symbols of the paper.
On D4RL's datasets a preset lies over these defaults: pars algos --presets {name}
"""


HOOKS = ("before", "draw", "weights", "due", "sees", "columns", "prepare", "go_online")


class Row(NamedTuple):
    """One setting."""

    name: str
    default: str
    range: str
    meaning: str
    on: str  # the switch above it
    depth: int  # of switches above it
    home: type  # the class that defines it


def lines(names: Sequence[str]) -> Iterator[str]:
    """Every setting of these algorithms, its own first. A setting stands below the switch that turns it on."""
    for algo in find(names):
        table = rows(algo.configure(), algo.phases)
        sizes = [max(len(cell) for cell in column) for column in zip(*(_cells(row) for row in table), strict=True)][:3]
        yield f"{algo.name}: {algo.title}, {algo.paper}; {file(algo)}"
        yield course(algo)
        for home, group in _groups(algo.config, table):
            yield ""
            yield "Of its own" if home is algo.config else _title(home)
            for row in group:
                *cells, meaning = _cells(row)
                start = "  " + "  ".join(f"{cell:<{size}}" for cell, size in zip(cells, sizes, strict=True)) + "  "
                yield from textwrap.wrap(
                    meaning, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
                )
        yield from ("", *LEGEND.format(name=algo.name).splitlines(), "")


def course(algo: Algorithm) -> str:
    """Its phases, and which hooks of `Algorithm` it uses beside init, update and act."""
    phases = [*(phase.name for phase in algo.before), *algo.phases]
    plain = {hook.name: hook.default for hook in fields(Algorithm) if hook.name in HOOKS}
    hooks = [name for name, usual in plain.items() if getattr(algo, name) != usual]
    return f"phases: {', '.join(phases)}; hooks: {', '.join(hooks) or 'none'}"


def page(names: Sequence[str] = ()) -> Iterator[str]:
    """docs/settings.md: each class of settings once, then what each algorithm adds and changes."""
    algos = find(names)
    yield HEADING
    methods = {algo.config: algo for algo in reversed(algos)}  # whose settings stand below its own heading
    shared = dict.fromkeys(home for algo in algos for home in _homes(algo.config) if home not in methods)
    for home in sorted(shared, key=lambda home: len(home.__mro__)):
        own = [row for row in rows(home(), ("offline", "online")) if row.home is home]
        yield from (f"## {_title(home)}", "", *_markdown(own), "")
    written: dict[type, Algorithm] = {}
    for algo in algos:
        first = written.setdefault(algo.config, algo)
        own = [row for row in rows(algo.configure(), algo.phases) if row.home is algo.config and first is algo]
        about = [f"{algo.paper}.", _phases(algo), "" if first is algo else f"The settings of `{first.name}`."]
        from_others = [methods[home].name for home in _homes(algo.config) if methods.get(home, first) is not first]
        about += [f"And the settings of `{name}`." for name in from_others]
        yield from (f"## `{algo.name}`: {algo.title}", "", " ".join(filter(None, about)), "")
        if own:
            yield from (*_markdown(own), "")
        if changed := _changed(algo, first):
            yield from (f"Defaults of its own: {', '.join(f'`{word}`' for word in changed)}.", "")


def rows(cfg: Any, in_phases: Sequence[str]) -> list[Row]:
    """All settings with the values of `cfg`, each switch before what it turns on; none of a phase that is not there."""
    known, types = facts(type(cfg)), field_types(type(cfg))

    def below(switch: str, depth: int) -> Iterator[Row]:
        for name, fact in known.items():
            if fact.on == switch and fact.phase in ("", *in_phases):
                value, bounds = as_text(getattr(cfg, name)), str(fact.range or "")
                yield Row(name, value, bounds, _meaning(fact, types[name]), switch, depth, fact.home)
                yield from below(name, depth + 1)

    return [*below("", 0)]


def _meaning(fact: Fact, kind: Any) -> str:
    """One line: meaning, unit, choices, phase, symbol."""
    choices = ", ".join(map(str, typing.get_args(kind))) if typing.get_origin(kind) is typing.Literal else ""
    parts = {" ({})": fact.unit, ": {}": choices, "; {} only": fact.phase, " [{}]": fact.symbol}
    return fact.meaning + "".join(form.format(text) for form, text in parts.items() if text)


def _cells(row: Row) -> tuple[str, str, str, str]:
    return "  " * row.depth + row.name, row.default, row.range, row.meaning


def _homes(config: type) -> list[type]:
    """The classes that a config's settings come from, its own first."""
    homes = {fact.home for fact in facts(config).values()}
    return [base for base in config.__mro__ if base in homes]


def _groups(config: type, table: Sequence[Row]) -> Iterator[tuple[type, list[Row]]]:
    """Rows by the class of the setting that stands above them all."""
    top, groups = config, {home: list[Row]() for home in _homes(config)}
    for row in table:
        top = row.home if row.depth == 0 else top
        groups[top].append(row)
    yield from ((home, group) for home, group in groups.items() if group)


def _title(home: type) -> str:
    return (inspect.getdoc(home) or home.__qualname__).splitlines()[0].rstrip(".")


def _phases(algo: Algorithm) -> str:
    missing = [phase for phase in ("offline", "online") if phase not in algo.phases]
    return " ".join(
        f"It has no {phase} phase: settings that are read {phase} only are not for it." for phase in missing
    )


def _changed(algo: Algorithm, first: Algorithm) -> list[str]:
    """Defaults that are not those of `first`, which has the same settings, or of the class that defines a setting."""
    cfg, found = algo.configure(), []
    for name, fact in facts(algo.config).items():
        usual = fact.home() if algo is first else first.configure()
        if getattr(cfg, name) != getattr(usual, name):
            found.append(f"{name}={as_text(getattr(cfg, name))}")
    return found


def _markdown(table: Sequence[Row]) -> Iterator[str]:
    yield from ("| setting | default | range | meaning |", "|---|---|---|---|")
    for row in table:
        meaning = row.meaning.replace("|", r"\|") + (f"; needs `{row.on}=true`" if row.on else "")
        yield f"| `{row.name}` | {row.default} | {row.range} | {meaning} |"
