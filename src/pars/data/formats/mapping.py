"""A user's own names for the columns: `--map obs=pos_*+vel_*,action=u,reward=r,terminal=done,episode=run`.

Left of each `=` stands a name of ours, right of it where its values are: names of columns or arrays, joined by `+`.
`*`, `?` and `[...]` match as in file names, in the order of the file; `pos` alone also means pos_0, pos_1, ... if there
is no plain `pos`. A number instead of a name is a constant: `terminal=0` for a task that never ends. Names that the
mapping leaves out keep their meaning. `episode` is a column that changes when a new episode begins; the row before is
then marked as a timeout, unless the task ended there.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from pars.data.formats.layout import OPTIONAL, REQUIRED
from pars.errors import DataError, UsageError, unknown

EPISODE = "episode"
KEYS = (*REQUIRED, *OPTIONAL, EPISODE)
SHORT = {
    "obs": "observations",
    "action": "actions",
    "reward": "rewards",
    "terminal": "terminals",
    "done": "terminals",
    "timeout": "timeouts",
    "next_obs": "next_observations",
}
MATRICES = ("observations", "actions", "next_observations")

Origins = dict[str, list[str] | float]  # our name -> names in the file, or a constant


def parse_mapping(text: str) -> dict[str, str]:
    """`obs=state,action=u` as {"observations": "state", "actions": "u"}. Raises UsageError."""
    mapping: dict[str, str] = {}
    for entry in text.split(","):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (name and equals and value):
            raise UsageError(
                f"--map {text}: {entry.strip()!r} is not of the form name=column; "
                "write it as in --map obs=pos_*+vel_*,action=u"
            )
        key = _key(name)
        if key in mapping:
            raise UsageError(f"--map {text}: {key} is given twice; join columns by +, as in {name}=a+b")
        mapping[key] = value
    return mapping


def canonical(mapping: Mapping[str, str] | None) -> dict[str, str]:
    """The mapping with D4RL's names on the left, whichever were used. Raises UsageError for unknown ones."""
    return {_key(name): value for name, value in (mapping or {}).items()}


def _key(name: str) -> str:
    if name not in SHORT and name not in KEYS:
        raise UsageError(unknown("name in --map", name, [*SHORT, *KEYS]))
    return SHORT.get(name, name)


def origins(path: Path, names: Sequence[str], mapping: Mapping[str, str]) -> Origins:
    """Which of the file's names make up each of our columns; without a mapping those of the same name.

    Args:
        names: of the file's columns, in its order.
        mapping: from our names (`KEYS`) to expressions.

    Raises DataError for a name in the mapping that the file does not have.
    """
    found: Origins = {}
    for key in KEYS:
        if key not in mapping:
            if key != EPISODE and (sources := _matching(key, names)):
                found[key] = sources
        elif (value := _number(mapping[key])) is not None and mapping[key] not in names:
            found[key] = value
        else:
            found[key] = [name for part in mapping[key].split("+") for name in _named(path, key, part.strip(), names)]
    return found


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d*)?", text) else None


def _named(path: Path, key: str, part: str, names: Sequence[str]) -> list[str]:
    if found := _matching(part, names):
        return found
    raise DataError(f"{path}: --map {key}: {unknown('column', part, names) if names else 'the file has no columns'}")


def _matching(part: str, names: Sequence[str]) -> list[str]:
    """Names equal to `part`, else matching it as a pattern, else those it numbers."""
    if part in names:
        return [part]
    if any(sign in part for sign in "*?["):
        return [name for name in names if fnmatchcase(name, part)]
    numbered = [name for name in names if re.fullmatch(rf"{re.escape(part)}_\d+", name)]
    return sorted(numbered, key=natural)


def natural(name: str) -> list[int | str]:
    """Sort key that puts x_2 before x_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def ends_of_episodes(path: Path, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """[N] bool timeouts: the last row of every episode that the task did not end, and what was marked before.

    Args:
        arrays: `episode` [N] numbers or text, alike within an episode; `terminals` [N]; `timeouts` [N], if there are.

    Raises DataError if they differ in length.
    """
    flags = {key: arrays[key] for key in ("terminals", "timeouts", EPISODE) if key in arrays}
    rows = len(flags["terminals"])
    for key, values in flags.items():
        if values.size != rows or len(values) != rows:
            raise DataError(f"{path}: '{key}' has shape {values.shape}, expected [{rows}], one value per step")
    episode = flags.pop(EPISODE).reshape(rows)
    terminal, *marked = [values.reshape(rows) != 0 for values in flags.values()]
    last = np.ones(rows, bool)
    last[:-1] = episode[1:] != episode[:-1]
    return np.logical_or.reduce([last & ~terminal, *marked])
