"""Reading files or folders of offline data, in any of the common forms, as columns in D4RL's layout.

Files come from anywhere, so nothing is unpickled, nothing outside the files is opened (links, external storage and
virtual datasets are refused), and sizes that are declared are compared with the bytes that are there.

form                     told by            next observations
HDF5 in D4RL's layout    signature          those of the following row, as D4RL cuts it
HDF5, groups as episodes pattern in --map   those of the following row; `next_obs` in the mapping: that one
npz in D4RL's layout     signature          those of the following row
HDF5 of Minari, folder   episode_<k>        its own, true ones
npz of OGBench           no rewards         its own, true ones; needs a goal
CSV, Parquet             suffix; signature  those of the following row; `next_obs` in the mapping: that one

Several files of one form (sources.py) are read as if they were one, an episode ending with each.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.data.formats import arrow, cleaned, groups, hdf5, minari, npz, ogbench, tables
from pars.data.formats.contents import Contents, column_of, costs, never
from pars.data.formats.decimals import COMMAS
from pars.data.formats.episodes import ROW, Remarks, decoded, ended, longest_gap, rule
from pars.data.formats.forms import Form, form_of
from pars.data.formats.layout import (
    INFOS,
    OPTIONAL,
    REQUIRED,
    Column,
    Columns,
    Places,
    load,
    of_array,
    require,
    stacked,
)
from pars.data.formats.mapping import EPISODE, FILE, MATRICES, TIME, Where, canonical, origins, turned
from pars.data.formats.sources import SUFFIXES, find
from pars.errors import DataError, UsageError
from pars.units import ActionRange

__all__ = ["OPTIONAL", "REQUIRED", "SUFFIXES", "read_columns"]

TABLES = {"csv": (tables.names, tables.read), "parquet": (arrow.names, arrow.read)}
IN_MEMORY = 2**30  # bytes; more is written to the scratch folder, if there is one
MOST_NAMED = 6  # columns with missing values that a message names
HOW_TO_NAME = "; a first mapping is written by: pars data check DATA --suggest mapping.toml"  # of tables


class Part(NamedTuple):
    """One file, read."""

    arrays: dict[str, Any]
    starts: list[int]  # first rows of groups that are episodes
    missing: dict[str, tables.Missing]
    own_next: bool  # `next_observations` are true and no row lacks one
    names: Mapping[str, list[str]]  # of the file's columns that make up each of ours
    action_range: ActionRange | None = None  # that the file says of itself
    notes: tuple[str, ...] = ()  # what else was done
    lines: np.ndarray | None = None  # of each row, in CSV
    sentinels: tuple[float, ...] = ()  # of a cleaned file, see Columns


def read_columns(
    path: Path,
    *,
    mapping: Mapping[str, Any] | None = None,
    goal: tuple[float, float] | None = None,
    step_reward: float = ogbench.STEP_REWARD,
    infos: bool = False,
    scratch: Path | None = None,
    in_memory: int = IN_MEMORY,
) -> Columns:
    """The arrays of `REQUIRED` and `OPTIONAL` that a source has (sources.py), with the values on file.

    Args:
        mapping: the user's names and rules, see formats/mapping.py; left are ours.
        goal: position x, y to be rewarded in an OGBench file.
        step_reward: reward away from that goal; at it, one more is paid.
        infos: also what is recorded below `infos/` for every row, such as infos/qpos, infos/qvel and infos/goal.
        scratch: a folder for columns that together take more than `in_memory` bytes; they come back as memory maps.
            Tables are read into memory always.

    Raises DataError if there is no such file, it is damaged, in none of the forms, lacks a column or refers to other
    files; ResourceError if it does not fit into memory (without `scratch`); UsageError for options that do not apply.
    """
    source = find(path)
    forms = {form_of(file) for file in source.files}
    if len(forms) > 1:
        raise DataError(f"{path}: holds files of several forms ({', '.join(sorted(forms))}); name those of one")
    there = arrow.names(source.files[0]) if source.names else []
    mapping, minus = turned({key: name for key, name in source.names.items() if name in there} | canonical(mapping))
    chosen, split = rule(mapping), longest_gap(mapping)
    if forms == {"npz"} and len(source.files) > 1:
        ogbench.check_alike({file: origins(file, npz.names_of(file), mapping) for file in source.files})

    def read(file: Path, number: int) -> Part:
        place = scratch / f"part-{number}" if scratch and len(source.files) > 1 else scratch
        return _read_file(file, mapping, goal, step_reward, infos, place, in_memory)

    parts = [read(file, number) for number, file in enumerate(source.files)]
    lacking = _missing(path, source.files, parts, refuse=not chosen)
    arrays = _together(path, source.files, parts, scratch, in_memory)
    first = np.cumsum([0, *(len(part.arrays["observations"]) for part in parts)]).tolist()
    files = [(row, file.name) for row, file in zip(first, source.files)] if len(parts) > 1 else []
    lines = [part.lines for part in parts if part.lines is not None]
    places = Places(files, np.concatenate(lines) if lines else None)
    said = Remarks(places)
    said.notes += [f"missing values by column: {lacking}"] if lacking else []
    said.warnings += never(mapping, arrays)
    if 0 < (count := sum(COMMAS in part.notes for part in parts)) < len(parts):
        said.warnings.append(
            f"{count} of {len(parts)} files have decimal commas; look whether the others mean the same"
        )
    arrays = decoded(arrays, mapping, said)
    if minus:
        arrays["rewards"] = -np.asarray(arrays["rewards"], np.float64)
    said.warnings += [] if minus else costs(mapping, arrays["rewards"])
    if len(parts) > 1 or parts[0].starts or chosen or split or {EPISODE, TIME} & set(mapping):
        starts = [row + start for row, part in zip(first, parts) for start in part.starts or [0]]
        by_file = len(parts) > 1 or bool(parts[0].starts) or mapping.get(EPISODE) == FILE
        arrays = ended(path, arrays, starts, mapping, said, by_file)
    columns = Columns(arrays)
    columns.places, columns.kept, columns.missing = places, columns.pop(ROW, None), said.missing
    columns.sentinels = tuple(dict.fromkeys([*said.sentinels, *(code for part in parts for code in part.sentinels)]))
    columns.next_obs = "file" if parts[0].own_next else "shift"
    columns.action_range = parts[0].action_range
    done = dict.fromkeys(note for part in parts for note in part.notes)
    columns.notes, columns.warnings = (*done, *said.notes), tuple(said.warnings)
    named = {key: tuple(parts[0].names[key]) for key in MATRICES if key in parts[0].names and arrays[key].ndim == 2}
    columns.names = {key: own for key, own in named.items() if len(own) == arrays[key].shape[1] and own != (key,)}
    return columns


def _together(
    path: Path, files: list[Path], parts: list[Part], scratch: Path | None, in_memory: int
) -> dict[str, np.ndarray]:
    """The files' columns below one another."""
    if len(parts) == 1:
        return parts[0].arrays
    names = [file.name for file in files]
    for name, part in zip(names, parts, strict=True):
        if unlike := part.arrays.keys() ^ parts[0].arrays.keys():
            raise DataError(f"{path}: {', '.join(sorted(unlike))} is in {names[0]} or in {name} only; make them alike")
        if part.names != parts[0].names:  # a pattern takes columns in the order of their file
            raise DataError(f"{path}: {name} has its columns in another order than {names[0]}; name them one by one")
    found = {
        key: stacked([of_array(part.arrays[key]) for part in parts], names, key, str(path)) for key in parts[0].arrays
    }
    return load(path, found, scratch, in_memory)


def _missing(path: Path, files: list[Path], parts: list[Part], refuse: bool) -> str:
    """How many values tables lack in which columns, in words. Raises DataError, if asked to, with the first place."""
    counts: dict[str, int] = {}
    for part in parts:
        for name, missing in part.missing.items():
            counts[name] = counts.get(name, 0) + missing.rows
    if not counts:
        return ""
    rows = sum(len(part.arrays["observations"]) for part in parts)
    file, first = next((file, next(iter(part.missing.values()))) for file, part in zip(files, parts) if part.missing)
    shown = ", ".join(f"{name!r} in {count:,}" for name, count in [*counts.items()][:MOST_NAMED])
    shown += f" and {len(counts) - MOST_NAMED} more columns" if len(counts) > MOST_NAMED else ""
    if not refuse:
        return shown
    where = f"{first.first} of {file.name}" if len(files) > 1 else first.first
    raise DataError(
        f"{path}: of {rows:,} rows there is no value in column {shown} "
        f"(the first in {where}); fill them, or give --fill forward, --fill drop-row or --fill drop-episode"
    )


def _read_file(
    path: Path,
    mapping: Mapping[str, str],
    goal: tuple[float, float] | None,
    step_reward: float,
    infos: bool,
    scratch: Path | None,
    in_memory: int,
) -> Part:
    """One file."""
    form = form_of(path)
    if form == "minari":
        if mapping or goal:
            raise UsageError(f"{path}: a Minari file names its columns itself; leave --map and --data-goal out")
        with hdf5.opened(path) as file:
            known, (names, notes) = minari.action_range(path, file), minari.joined_names(file)
            arrays = load(path, minari.columns(path, file, infos), scratch, in_memory)
            return Part(arrays, [], {}, True, names, known, notes)
    episodes = groups.pattern(mapping) if form in ("hdf5", "npz") else None  # a column of a table may hold a slash
    if episodes and form == "npz":
        raise UsageError(f"{path}: --map: {episodes} stands for one group per episode, which HDF5 has; name the arrays")
    if episodes:
        with hdf5.opened(path) as file:
            grouped, starts = groups.columns(path, file, episodes, mapping)
            return Part(load(path, grouped, scratch, in_memory), starts, {}, "next_observations" in mapping, {})
    if form == "hdf5" and not mapping:
        with hdf5.opened(path) as file:
            groups.check(path, file)
    missing: dict[str, tables.Missing] = {}
    with _contents(path, form, mapping, infos, missing) as source:
        chosen = origins(path, source.names, mapping)
        relabel = form == "npz" and ogbench.is_ogbench(chosen)
        if goal and not relabel:
            raise UsageError(f"{path}: a goal is for OGBench files, which have no rewards; leave --data-goal out")
        if not relabel:
            require(path, chosen, source.names)
        found = {key: column_of(path, key, chosen, source, key in mapping or form in TABLES) for key in chosen}
        found |= _extra(source, found, relabel)
        arrays, lines = (
            load(path, found, scratch and (scratch / "rows" if relabel else scratch), in_memory),
            source.lines,
        )
    if relabel:
        relabelled = ogbench.transitions(path, arrays, goal, step_reward=step_reward)
        kept = {key: column for key, column in relabelled.items() if infos or not key.startswith(INFOS)}
        arrays = load(path, kept, scratch, in_memory)
    names = {key: sources for key, sources in chosen.items() if isinstance(sources, list)}
    told = (cleaned.read(path) if form == "hdf5" else None) or cleaned.Told(None, names, ())
    if scale := told.action_range:
        arrays["actions"] = scale.to_units(arrays["actions"]).astype(np.float32)
    own_next = relabel or "next_observations" in mapping
    return Part(arrays, [], missing, own_next, told.names, scale, source.notes, lines, told.sentinels)


@contextlib.contextmanager
def _contents(
    path: Path, form: Form, mapping: Mapping[str, str], infos: bool, missing: dict[str, tables.Missing]
) -> Iterator[Contents]:
    """The open file; what a table lacks is added to `missing`."""
    if form == "hdf5":
        with hdf5.opened(path) as file:
            names = [*hdf5.top(file), *(name for name in (hdf5.names(file) if mapping else []) if "/" in name)]
            below = hdf5.names(file, INFOS) if infos else []
            yield Contents(names, lambda name: hdf5.column(path, file, name), below)
    elif form == "npz":
        with npz.opened(path) as archive:
            names = npz.names(archive)
            extra = [name for name in names if name.startswith(INFOS)] if infos else []
            yield Contents(names, lambda name: npz.column(path, archive, name), extra)
    else:
        names_in, read = TABLES[form]
        if form == "csv":
            tables.check_header(path, mapping.values())
        names = names_in(path)
        chosen = origins(path, names, mapping, HOW_TO_NAME)
        require(path, chosen, names, HOW_TO_NAME)
        listed = {key: sources for key, sources in chosen.items() if isinstance(sources, list)}
        numbers = dict.fromkeys(
            name for key, sources in listed.items() if key not in (EPISODE, TIME) for name in sources
        )
        flags = [where.name for where in chosen.values() if isinstance(where, Where)]
        try:
            cells = read(path, list(numbers), {*flags, *listed.get(EPISODE, [])}, listed.get(TIME, []))
        except tables.NotNumbers as error:
            if error.column in listed["actions"]:
                raise DataError(f"{error}; actions in words are discrete, and pars needs continuous ones") from error
            raise
        for name in listed.get(EPISODE, []):
            if name in cells.missing:
                rows, first = cells.missing[name]
                raise DataError(
                    f"{path}: column {name!r} says where episodes begin and has no value in {rows:,} rows (the first "
                    f"in {first}); write the episode into every row"
                )
        missing |= {name: found for name, found in cells.missing.items() if name in numbers}  # no word is a word too
        yield Contents(
            names,
            lambda name: of_array(cells.numbers[name]),
            [],
            lambda name: of_array(cells.words[name]),
            lambda name: of_array(cells.times[name]),
            cells.lines,
            cells.notes,
        )


def _extra(source: Contents, found: Mapping[str, Column], relabel: bool) -> dict[str, Column]:
    """What is recorded for every row beside the usual columns; anything else there is passed over."""
    rows = found["observations"].shape[0]
    extra: dict[str, Column] = {}
    for name in [*source.infos, *(key for key in ogbench.STATES if relabel and key in source.names)]:
        with contextlib.suppress(DataError):
            column = source.column(name)
            if column.shape[0] == rows:
                extra[name] = column
    return extra
