"""HDF5 files with one group per episode, as robomimic's: `--map obs=data/demo_*/obs/*,action=data/demo_*/actions`.

A pattern in any step of a name but the last stands for the episodes, in the order of their numbers; a pattern in the
last step joins arrays side by side, as everywhere.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from pathlib import Path
from typing import Any

from pars.data.formats import hdf5
from pars.data.formats.layout import DONES, REQUIRED, Column, constant, joined, require, stacked
from pars.data.formats.mapping import KEYS, MATRICES, Where, apart, natural, origins
from pars.errors import DataError, UsageError

MOST_NAMED = 6  # arrays of a group that a message names
PATTERN = re.compile(r"[*?\[]")


def pattern(mapping: Mapping[str, str]) -> str | None:
    """The groups that are episodes, such as `data/demo_*`; None if the mapping has no pattern but in last steps.

    Raises UsageError if it has several.
    """
    found: dict[str, None] = {}
    for key in KEYS:
        for part in apart(mapping.get(key, ""), "+"):
            steps = part.strip().strip('"').split("/")
            deep = [i for i, step in enumerate(steps[:-1]) if PATTERN.search(step)]
            if deep:
                found["/".join(steps[: deep[0] + 1])] = None
    if len(found) > 1:
        raise UsageError(
            f"--map: {' and '.join(found)} both stand for episodes; name the groups of the episodes in one way, and "
            "join arrays that are no episodes by +"
        )
    return next(iter(found), None)


def check(path: Path, file: Any) -> None:
    """Raise DataError if the file has no arrays of D4RL's names at its top but numbered groups, with the mapping."""
    if any(name in file for name in (*REQUIRED, *DONES)):
        return
    below: dict[str, dict[str, None]] = {}
    for name in hdf5.names(file):
        if found := re.match(r"((?:[^/]+/)*?[^/\d]*)\d+/(.+)", name):
            below.setdefault(f"{found[1]}*", {})[found[2]] = None
    for group, names in below.items():
        if "actions" in names:
            shown = ", ".join([*names][:MOST_NAMED])
            raise DataError(
                f"{path}: has groups {group} with {shown}; if each is an episode, say so by --map "
                f"'obs={group}/obs/*,action={group}/actions,reward={group}/rewards,terminal=..', with your names"
            )


def columns(path: Path, file: Any, groups: str, mapping: Mapping[str, str]) -> tuple[dict[str, Column], list[int]]:
    """The columns of all episodes below one another, and the first row of each; they can be read while `file` is open.

    Raises DataError for what is missing or differs between episodes.
    """
    below = _below(hdf5.names(file), groups)
    if not below:
        raise DataError(f"{path}: --map: no group is named like {groups}; see the names by pars data check")
    inside = {key: text.replace(f"{groups}/", "") for key, text in mapping.items()}
    episodes: dict[str, dict[str, Column]] = {}
    for group, names in below.items():
        chosen = origins(path, names, inside)
        require(path, chosen, names)
        episodes[group] = found = {}
        for key, sources in chosen.items():
            if isinstance(sources, Where):
                raise UsageError(f"--map {key}: comparisons are for tables; give an array, or a constant")
            if not isinstance(sources, float):
                parts = [hdf5.column(path, file, f"{group}/{name}") for name in sources]
                wide = key in MATRICES and (len(parts) > 1 or len(parts[0].shape) == 1)
                found[key] = joined(parts, f"{path}: '{key}' in {group}") if wide else parts[0]
        rows = {key: column.shape[0] for key, column in found.items()}
        if len(set(rows.values())) != 1:
            listed = ", ".join(f"{key} {count}" for key, count in rows.items())
            raise DataError(f"{path}: columns of {group} differ in length ({listed}); drop that episode")
        for key, sources in chosen.items():
            if isinstance(sources, float):
                found[key] = constant(sources, next(iter(rows.values())))
    names = list(episodes)
    first = episodes[names[0]]
    for group, found in episodes.items():
        if found.keys() != first.keys():
            apart_ = ", ".join(sorted(found.keys() ^ first.keys()))
            raise DataError(f"{path}: {apart_} is not in all episodes, but {group} differs from {names[0]}; drop it")
    whole = {key: stacked([episodes[name][key] for name in names], names, key, str(path)) for key in first}
    starts = [0]
    for name in names[:-1]:
        starts.append(starts[-1] + episodes[name]["observations"].shape[0])
    return whole, starts


def _below(names: Sequence[str], groups: str) -> dict[str, list[str]]:
    """Of each group that fits the pattern the names below it, groups in the order of their numbers."""
    steps = [re.compile(translate(step)) for step in groups.split("/")]
    found: dict[str, list[str]] = {}
    for name in names:
        parts = name.split("/")
        if len(parts) > len(steps) and all(step.match(part) for step, part in zip(steps, parts, strict=False)):
            found.setdefault("/".join(parts[: len(steps)]), []).append("/".join(parts[len(steps) :]))
    return {group: found[group] for group in sorted(found, key=natural)}
