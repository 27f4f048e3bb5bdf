"""A dataset as training sees it, from a file or from arrays in memory."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pars.core import Transition
from pars.data.cache import (
    Pieces,
    array_sha256,
    cannot_write,
    converted_folder,
    fingerprint,
    pieces,
    restore,
    store,
)
from pars.data.checking.card import Card, data_card
from pars.data.checking.fields import made
from pars.data.checking.scan import chunks
from pars.data.extras import COLUMNS, STORED, episode, stored_column
from pars.data.formats.files import read_columns
from pars.data.formats.frames import is_frame, read_arrays, read_frame
from pars.data.formats.layout import Columns
from pars.data.formats.sources import digest, title
from pars.data.moments import Moments
from pars.data.own import alarms, is_own, own_rows
from pars.data.parallel import in_order
from pars.data.rows import checked_rows, named
from pars.data.transitions import kept_rows, transitions
from pars.data.yardsticks import beside_d4rl
from pars.envs.base import Task
from pars.errors import DataError, ResourceError, UsageError, unknown
from pars.files import GONE, naming
from pars.packing import Extra, pack, unpack
from pars.rl.returns import episode_returns
from pars.units import ActionRange, of_dict

Array = np.ndarray
NextObs = Literal["shift", "file"]
Verify = Literal["once", "always"]
BASE = "packed"  # of the converted copies of a file, the one without extra columns
BOTH = "rows that are both terminal and timeout are terminal here (D4RL's own files drop them)"
OWN = 5  # what is read of own data, and said in its card; a change makes older converted copies unused
SINGLE = "{count:,} episodes have a single row, which no row follows: they are left out"


@dataclass(frozen=True)
class Dataset:
    """Transitions in the order of the file, raw rewards, with everything worth knowing about where they come from."""

    name: str
    packed: Array  # [N, W] float32, rows of `pars.packing.pack`; possibly a read-only memory map
    last: Array  # [N] bool, last kept row of an episode
    fingerprint: str  # SHA-256 over the two
    source: str  # path, dataset id, or "arrays"
    card: Card  # see data/card.py
    obs_mean: Array  # [O] float32, over the transitions
    obs_std: Array  # [O]
    extra: Mapping[str, Array] = field(default_factory=dict)  # columns that were asked for, see data/extras.py
    held_out: "Dataset | None" = None  # episodes that are not trained on, of which there are
    holdout: float = 0.0  # this share
    reading: Mapping[str, Any] = field(default_factory=dict)  # how its file was read: mapping, goal, action_range

    @property
    def obs_dim(self) -> int:
        return len(self.obs_mean)

    @property
    def action_dim(self) -> int:
        return self.packed.shape[1] - 2 * self.obs_dim - 2

    @property
    def action_range(self) -> ActionRange | None:
        """Of the actions on file, in units of their own; None: [-1, 1]."""
        return of_dict(self.card["action"].get("range"))

    def name_of(self, key: str, number: int) -> str:
        """Of a column of "observations" or "actions"."""
        return named(self.card.get("names") or {}, key, number)

    @cached_property
    def columns(self) -> Transition:
        """The five columns as views of the packed rows, and the extra ones."""
        return unpack(self.packed, self.obs_dim)._replace(extra=dict(self.extra))

    def shapes(self, names: Sequence[str]) -> Extra:
        """The named extra columns with the shape of one value. Raises UsageError if one is not there."""
        for name in names:
            if name not in self.extra:
                raise UsageError(f"{self.name} has no column {name}; load it with columns={list(names)}")
        return tuple((name, self.extra[name].shape[1:]) for name in names)

    def with_extra(self, **columns: Array) -> "Dataset":
        """The same transitions with more columns [N] or [N, width], such as `mc_return` for a run's discount."""
        for name, column in columns.items():
            if np.ndim(column) not in (1, 2) or len(column) != len(self.last):
                raise UsageError(
                    f"column {name} has shape {np.shape(column)}; {self.name} has {len(self.last)} transitions"
                )
        return replace(self, extra={**self.extra, **columns})

    def reward_facts(self) -> dict[str, float]:
        """Of pars.core.Spec: mean and deviation of the rewards, and the range of the finished episodes' returns."""
        reward = np.asarray(self.columns.reward, np.float64)
        returns = episode_returns(reward, self.last)
        whole = returns[: int(self.last.sum())]
        apart = float(np.ptp(whole if len(whole) else returns))
        for what, value in (("reward", reward.std()), ("return", apart)):
            if value == 0.0:
                raise DataError(
                    f"{self.name}: every {what} is the same, so it cannot be normalised; set reward_norm=none"
                )
        return {"reward_mean": float(reward.mean()), "reward_std": float(reward.std()), "return_range": apart / 1000.0}

    def action_facts(self) -> dict[str, Any]:
        """Mean and standard deviation of the actions, [A] each."""
        mean, std = Moments.of(self.columns.action).facts().values()
        return {"action_mean": mean, "action_std": std}

    def select(self, kept: Array) -> "Dataset":
        """The transitions where `kept` [N] is true, whole episodes; means and deviations are theirs."""
        packed = self.packed[kept]
        moments = Moments.of(packed[:, : self.obs_dim])
        mean, std = (np.asarray(values, np.float32) for values in moments.facts().values())
        extra = {name: column[kept] for name, column in self.extra.items()}
        return replace(self, packed=packed, last=self.last[kept], obs_mean=mean, obs_std=std, extra=extra)


class _Conversion:
    """Checked rows of one source on their way to transitions."""

    def __init__(
        self,
        columns: Mapping[str, Array],
        source: str,
        task: Task | None,
        next_obs: str,
        own: bool,
        action_range: str | None = None,
    ):
        if isinstance(columns, Columns) and columns.next_obs == "file":
            next_obs = "file"
        self.columns, self.source, self.task, self.next_obs = columns, source, task, next_obs
        self.time_limit = task.time_limit if task else None
        self.rows, self.both, self.own = checked_rows(columns, source, task, next_obs, action_range), 0, own
        if own:
            self.rows, self.both = own_rows(self.rows, source)
        self.kept, self.last = kept_rows(self.rows, next_obs, self.time_limit)
        if not len(self.last):
            raise DataError(f"{source}: every row is a timeout, no transition is left; mark only the ends of episodes")

    def packed(self) -> Pieces:
        """Rows of `pack`; `moments` are complete when they have been read."""
        self.moments = Moments()
        obs_dim, action_dim = self.rows.obs.shape[1], self.rows.action.shape[1]
        shape = (len(self.kept), 2 * obs_dim + action_dim + 2)

        def convert(part: slice) -> tuple[Array, Moments]:
            columns = transitions(self.rows, self.kept[part], self.next_obs)
            return pack(columns), Moments.of(columns.obs)

        def parts() -> Iterator[Array]:
            for packed, moments in in_order(convert, chunks(len(self.kept))):
                self.moments.add(moments)
                yield packed

        return Pieces(shape, np.dtype(np.float32), parts())

    def extra(self, name: str) -> Array:
        return stored_column(name, self.columns, self.rows, self.kept, self.source, self.time_limit)

    @cached_property
    def card(self) -> Card:
        card = data_card(self.rows, self.task, self.next_obs)
        card["notes"] = [BOTH] if self.both else []
        if single := card["single_rows"]:
            card["notes"].append(SINGLE.format(count=single))
        card["terminal_timeouts"] += self.both
        if isinstance(self.columns, Columns):
            card |= self.columns.gaps()
            card["warnings"] += self.columns.warnings
            card["notes"] += self.columns.notes
        card["warnings"] += alarms(card, card["warnings"]) if self.own else []
        return card


def from_arrays(
    arrays: Any,
    *,
    name: str = "arrays",
    task: Task | None = None,
    next_obs: NextObs = "shift",
    action_range: str | None = None,
    columns: Sequence[str] = (),
    mapping: Mapping[str, Any] | None = None,
) -> Dataset:
    """A dataset from arrays with D4RL's keys: observations, actions, rewards, terminals, timeouts, next_observations.

    Args:
        arrays: a dict, or a frame of pandas, polars or Arrow.
        mapping: from our names to others, and rules, see `pars.data.formats.mapping`.
        action_range: see `from_file`.

    Raises DataError if the arrays must not be trained on.
    """
    _check_columns(columns)
    own = is_own(None, task)
    if mapping or is_frame(arrays):
        arrays = read_frame(arrays, mapping, name)
    elif not isinstance(arrays, Columns):
        arrays = read_arrays(arrays, name)
    conversion = _Conversion(arrays, name, task, next_obs, own, action_range)
    pieces_, at = conversion.packed(), 0
    packed = np.empty(pieces_.shape, pieces_.dtype)
    for part in pieces_.parts:
        packed[at : at + len(part)] = part
        at += len(part)
    checksum = fingerprint({BASE: array_sha256(packed), "last": array_sha256(conversion.last)})
    extra = {key: conversion.extra(key) for key in columns if key in STORED}
    facts = conversion.moments.facts() | {"card": conversion.card}
    return _dataset(name, "arrays", packed, conversion.last, checksum, facts, columns, extra)


def from_file(
    path: Path,
    *,
    name: str | None = None,
    source: str | None = None,
    task: Task | None = None,
    next_obs: NextObs = "shift",
    mapping: Mapping[str, str] | None = None,
    goal: tuple[float, float] | None = None,
    action_range: str | None = None,
    columns: Sequence[str] = (),
    verify: bool = False,
) -> Dataset:
    """A dataset from a file, converted on first use and memory-mapped from then on; it may be larger than memory.

    Args:
        task: whose widths and time limit the file should fit.
        next_obs: "shift" takes the following row as D4RL does, "file" the file's `next_observations`; formats whose own
            are known to be true and complete are read with them in any case.
        mapping, goal: see `read_columns`.
        action_range: of the actions in the file, see `pars.units.parse_range`; "scaled": they are in [-1, 1]. By
            default the box of the task, else what the file says, else it is inferred, with a warning in the card.
        columns: extra ones, of `pars.data.extras.COLUMNS`.
        verify: compare the checksums of an existing converted copy every time, not only when it has changed since.

    Raises DataError if the file must not be trained on, ResourceError if the converted copy cannot be written.
    """
    if next_obs not in ("shift", "file"):
        raise UsageError(f"next_obs={next_obs!r}; choose shift (the following row) or file (its next_observations)")
    _check_columns(columns)
    name, source = name or title(path), source or str(path)
    own = is_own(path, task)
    options = _options(task, next_obs, action_range) | {"mapping": dict(mapping or {}), "goal": goal}
    options |= {"own": OWN} if own else {}
    try:
        with naming(path):
            sha256 = digest(path)
    except OSError as error:
        if error.errno not in GONE:  # a disk that does not answer is no damage
            raise
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; check the file") from error
    folders = {BASE: converted_folder(sha256, options)}
    folders |= {key: converted_folder(sha256, options | {"column": key}) for key in columns if key in STORED}
    found = {key: restore(folder, verify=verify) for key, folder in folders.items()}
    missing = {key: folders[key] for key, copy in found.items() if copy is None}
    if missing:
        with _scratch(folders[BASE]) as scratch:
            read = read_columns(path, mapping=mapping, goal=goal, infos="goal" in missing, scratch=scratch)
            conversion = _Conversion(read, str(path), task, next_obs, own, action_range)
            found |= {key: _convert(conversion, key, folder, options) for key, folder in missing.items()}
    stored = {key: copy for key, copy in found.items() if copy is not None}
    arrays, manifest = stored.pop(BASE)
    checksum = fingerprint({key: column["sha256"] for key, column in manifest["columns"].items()})
    extra = {key: copy[0][key] for key, copy in stored.items()}
    more = {"made": made(path), "yardsticks": beside_d4rl(path, manifest["card"]["reward"]["density"])}
    facts = manifest | {"card": manifest["card"] | {key: said for key, said in more.items() if said}}
    return _dataset(name, source, arrays[BASE], arrays["last"], checksum, facts, columns, extra)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Where columns that do not fit into memory can be written to, beside the converted copies; gone afterwards."""
    path = folder.parent / f".{folder.name}.{os.getpid()}"
    try:
        yield path
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _convert(
    conversion: _Conversion, what: str, folder: Path, options: dict[str, Any]
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Convert one of the copies of a file, store it and map it."""
    facts: dict[str, Any] = {"source": conversion.source, "options": options}
    for _ in range(2):  # another process that stores the same copy may take ours away for a moment
        if what == BASE:
            arrays = {BASE: conversion.packed(), "last": pieces(conversion.last)}
            store(folder, arrays, lambda: facts | conversion.moments.facts() | {"card": conversion.card})
        else:
            store(folder, {what: pieces(conversion.extra(what))}, lambda: facts)
        if stored := restore(folder, verify=None):
            return stored
    raise ResourceError(f"{folder}: cannot be read back after it was written; check the disk")


def _check_columns(columns: Sequence[str]) -> None:
    for name in columns:
        if name not in COLUMNS:
            raise UsageError(unknown("column", name, COLUMNS))


def _options(task: Task | None, next_obs: str, action_range: str | None) -> dict[str, Any]:
    """Everything but the file and how it is read that a conversion and its card depend on."""
    if task is None:
        return {"next_obs": next_obs, "task": None, "action_range": [action_range]}
    maze = task.maze.card() if task.maze else None
    units = {"action_range": [action_range, str(task.action_range)]} if task.action_range or action_range else {}
    return units | {"next_obs": next_obs, "task": [task.id, task.obs_dim, task.action_dim, task.time_limit, maze]}


def _dataset(
    name: str,
    source: str,
    packed: Array,
    last: Array,
    checksum: str,
    facts: dict[str, Any],
    columns: Sequence[str],
    extra: dict[str, Array],
) -> Dataset:
    """The dataset with its columns in the order in which they were asked for."""
    if "episode" in columns:
        extra["episode"] = episode(last)
    if "last" in columns:
        extra["last"] = np.asarray(last, np.float32)
    mean, std = (np.asarray(facts[key], np.float32) for key in ("obs_mean", "obs_std"))
    return Dataset(name, packed, last, checksum, source, facts["card"], mean, std, {key: extra[key] for key in columns})
