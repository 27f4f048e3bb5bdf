"""What an open source offers by name, and our columns made of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pars.data.formats.layout import Column, constant, joined
from pars.data.formats.mapping import EPISODE, MATRICES, TIME, Origins, Where
from pars.data.formats.roles import words_of
from pars.errors import UsageError

COSTS = {"cost", "costs", "loss", "losses", "penalty", "penalties", "error", "errors", "deviation", "consumption"}


class Contents(NamedTuple):
    """What an open file offers: its names, and a column by name, as numbers, words or seconds."""

    names: list[str]
    column: Callable[[str], Column]
    infos: list[str]
    words: Callable[[str], Column] | None = None
    seconds: Callable[[str], Column] | None = None
    lines: np.ndarray | None = None  # of each row, in CSV
    notes: tuple[str, ...] = ()  # what was done while reading


def column_of(path: Path, key: str, chosen: Origins, source: Contents, widen: bool) -> Column:
    """Our column `key`, joined from where it comes from; `widen` makes one column of numbers a matrix, where due."""
    sources = chosen[key]
    if isinstance(sources, float):
        first = chosen["observations"]
        assert isinstance(first, list)  # of what may not be constant, see origins
        return constant(sources, source.column(first[0]).shape[0])
    if isinstance(sources, Where):
        return _flag(key, sources, (source.words or source.column)(sources.name))
    get = {EPISODE: source.words, TIME: source.seconds}.get(key) or source.column
    columns = [get(name) for name in sources]
    if len(columns) > 1 or (widen and key in MATRICES and len(columns[0].shape) == 1):
        return joined(columns, f"{path}: '{key}'")
    return columns[0]


def _flag(key: str, where: Where, column: Column) -> Column:
    """1 where another column holds one of the values (or, with !=, none of them); numbers are compared as numbers."""
    try:
        numbers = np.array(where.values, float)
    except ValueError:
        numbers = None
    if column.dtype.kind != "U" and numbers is None:
        raise UsageError(f"--map {key}: column {where.name!r} holds numbers; compare it with a number")

    def holds(block: np.ndarray) -> np.ndarray:
        if numbers is None:
            return np.isin(block, np.array(where.values))
        if block.dtype.kind != "U":
            return np.isin(block, numbers)
        words, at = np.unique(block, return_inverse=True)
        return np.isin([*map(_number, words)], numbers)[at].reshape(block.shape)

    return Column(
        column.shape,
        np.dtype(np.float32),
        lambda rows: ((holds(block) == where.equal).astype(np.float32) for block in column.blocks(rows)),
    )


def _number(word: str) -> float:
    """NaN, which equals nothing, of a word that is none."""
    try:
        return float(word)
    except ValueError:
        return np.nan


def never(mapping: Mapping[str, str], found: Mapping[str, np.ndarray]) -> list[str]:
    """Warnings of flags that are read off another column and stand in no row, as one does whose word is misspelt."""
    flags = [key for key in ("terminals", "timeouts") if "==" in str(mapping.get(key, "")) and key in found]
    return [
        f"no row is {mapping[key]}, so '{key}' is 0 everywhere; look at the word if there should be some"
        for key in flags
        if not np.any(found[key])
    ]


def costs(mapping: Mapping[str, str], rewards: np.ndarray) -> list[str]:
    """A warning where rewards are read off a column that is named as a cost and is one: never below 0."""
    name = mapping.get("rewards", "")
    if not COSTS & {*words_of(name)} or "=" in name:
        return []
    if not (np.nanmin(rewards, initial=0.0) >= 0.0 < np.nanmax(rewards, initial=0.0)):
        return []
    return [
        f"rewards are {name!r}, which is named as a cost and is never below 0, and here more is better; if less is, "
        f"turn it round: --map reward=-{name}"
    ]


def column_names(chosen: Origins, found: Mapping[str, Column]) -> dict[str, tuple[str, ...]]:
    """Of observations and actions that the file has column by column; arrays of several have none."""
    names: dict[str, tuple[str, ...]] = {}
    for key in ("observations", "actions"):
        sources, shape = chosen.get(key), found[key].shape if key in found else ()
        if isinstance(sources, list) and shape[1:] == (len(sources),) and sources != [key]:
            names[key] = tuple(sources)
    return names
