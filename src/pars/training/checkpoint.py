"""Runs that cannot be lost: checkpoints written aside, synced and renamed, with checksums; logs that only grow.

A checkpoint is a folder named by its position, with the arrays of a pytree by key path (safetensors) and a manifest:
size and SHA-256 of the arrays, position, how long each log was and the SHA-256 of that much of it, its own checksum.
What is in a log beyond that length was written after the checkpoint, and is cut off when the run resumes. Nothing
that is loaded can execute code, and nothing is believed that can be checked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from pars.errors import CheckpointError, InUse, ParsError, ResourceError, printable
from pars.files import GONE, beneath, naming, open_plain, read_sealed, sealed, sha256_of, taken
from pars.position import EARLIER, NAME, START, Position
from pars.system import OLD, replacing
from pars.training.log import WALL_CLOCK, Prefix

Tree = TypeVar("Tree")
MANIFEST = "manifest.json"
ARRAYS = "state.safetensors"
FORMAT = 3
ENTRIES = {  # of a manifest, by its format; the first two had no checksums of logs, and the first knew two phases
    1: {"format", "phase", "step", "files", "logs"},
    2: {"format", "position", "files", "logs"},
    FORMAT: {"format", "position", "files", "logs"},
}
ASIDE = re.compile(rf"\.(?:writing-)?({NAME})(?:\.\w{{8}})?")  # what is being written, or was when a process died
GLANCE = 0.05  # seconds; to see whether a folder is held takes its lock for less


@dataclass(frozen=True)
class Checkpoint:
    position: Position
    folder: Path
    logs: Mapping[str, Prefix]  # what is known of each append-only log
    digest: str  # SHA-256 of the arrays' file

    def restore(self, like: Tree) -> Tree:
        """The saved arrays in the shape of `like`. Raises CheckpointError if they do not fit."""
        try:
            arrays = load_file(self.folder / ARRAYS)
        except Exception as error:  # of safetensors, of the system, of NumPy: types that it lacks
            raise unreadable(self.folder, error) from None
        expected = flatten(like)
        if arrays.keys() != expected.keys():
            odd = sorted(arrays.keys() ^ expected.keys())
            raise CheckpointError(f"{self.folder} holds another kind of run: {odd[0]} is not in both; use a new --out")
        for name, array in expected.items():
            check_array(f"{self.folder}: {name}", arrays[name], np.shape(array), np.asarray(array).dtype)
        return jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name in expected])

    def lazily(self, members: int, shapes: Tree) -> Tree:
        """The state [P, ..] of a population whose members have states of `shapes`, as arrays that are not read yet."""

        def stored(path: Any, leaf: Any) -> Stored:
            name = jax.tree_util.keystr((jax.tree_util.DictKey("state"), *path))
            return Stored(self.folder / ARRAYS, name, (members, *leaf.shape), leaf.dtype)

        return jax.tree.map_with_path(stored, shapes)


@dataclass(frozen=True)
class Stored:
    """An array of a checkpoint that is read when it is asked for."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        try:
            with safe_open(self.file, framework="numpy") as file:
                array = file.get_tensor(self.name)
        except Exception as error:
            raise unreadable(self.file, error) from None
        check_array(f"{self.file}: {self.name}", array, self.shape, self.dtype)
        return np.asarray(array, dtype)


def check_array(what: str, array: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
    """Raises CheckpointError if an array is not what the run needs; a maximum may begin at -Inf, NaN is in no run."""
    if array.shape != shape:
        raise CheckpointError(f"{what} has shape {array.shape}, this run needs {shape}; use a new --out")
    if array.dtype != dtype:
        raise CheckpointError(f"{what} is {array.dtype}, this run needs {dtype}; use a new --out")
    if np.issubdtype(array.dtype, np.inexact) and np.isnan(array).any():
        raise CheckpointError(f"{what} holds NaN; use a new --out")


def unreadable(path: Path, error: Exception, what: str = "damaged checkpoint") -> ParsError:
    """What it means that a file or folder of a run cannot be read: it is damaged, or the disk does not give it now."""
    if isinstance(error, OSError) and error.errno not in (None, *GONE):
        return ResourceError(
            f"cannot read {error.filename or path}: {error.strerror} (error {error.errno}); run the same command "
            f"again, or move {path} away"
        )
    reason = printable(" ".join(str(error).split())) or type(error).__name__
    if isinstance(error, OSError) and error.filename and error.strerror:
        reason = f"{error.filename} {error.strerror}"
    return CheckpointError(f"{what} {path}: {reason}; use a new --out")


def flatten(tree: Any) -> dict[str, Any]:
    """Key path -> leaf, in the order of the tree."""
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def save(folder: Path, position: Position, tree: Any, logs: Mapping[str, Prefix], keep: int = 2) -> Checkpoint:
    """Write a checkpoint of NumPy leaves below `folder`, durable when this returns.

    The newest `keep` stay, and the newest of every earlier phase; later ones, which a resume passed over as damaged,
    go. The logs must have been synced before. Raises ResourceError if it cannot be written; the others then stay.
    """
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in flatten(tree).items()}
    final = folder / position.name
    try:
        with replacing(final) as aside:
            aside.mkdir()
            save_file(arrays, aside / ARRAYS)
            with open_plain(aside / ARRAYS) as file:
                digest, size = sha256_of(file).hexdigest(), file.tell()
            known = {name: one._asdict() if one.sha256 else {"bytes": one.bytes} for name, one in logs.items()}
            files = {ARRAYS: {"size": size, "sha256": digest}}
            manifest = {"format": FORMAT, "position": asdict(position), "files": files, "logs": known}
            (aside / MANIFEST).write_text(sealed(manifest))
            (aside / ARRAYS).chmod((aside / MANIFEST).stat().st_mode)  # safetensors lets nobody else read it
    except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
        full = not isinstance(error, OSError) or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = getattr(error, "strerror", None) or error
        mend = "free some space" if full else f"error {error.errno}, check the disk"  # type: ignore[union-attr]
        raise ResourceError(f"cannot write checkpoint {final}: {reason}; {mend}") from None
    prune(folder, position, keep)
    return Checkpoint(position, final, dict(logs), digest)


def latest(folder: Path, at: Position | None = None, logs: bool = True) -> Checkpoint | None:
    """The newest checkpoint below `folder` that verifies; damaged ones are passed over with a warning.

    Args:
        at: pass over those that are newer, too.
        logs: see `verify`.
    """
    return next((found for found in sound(folder, logs) if at is None or found.position <= at), None)


def resumable(folder: Path, at: Position | None = None) -> Checkpoint | None:
    """`latest`; None only where there is none at all. Raises CheckpointError where all are damaged: training from the
    start again would delete what is left of them."""
    found = latest(folder, at)
    if found is None and any(at is None or position <= at for position, _ in _checkpoints(folder)):
        raise CheckpointError(f"{folder}: no checkpoint verifies; put back a copy of the run, or use a new --out")
    return found


def kept(folder: Path) -> list[Position]:
    """Where a run could go on, newest first; at its start, too, before its second checkpoint. Raises CheckpointError as
    `resumable` does."""
    found = [one.position for one in islice(sound(folder), 2)] or [one.position for one in [resumable(folder)] if one]
    return found if len(found) > 1 else [*found, START]


def sound(folder: Path, logs: bool = True) -> Iterator[Checkpoint]:
    """The checkpoints below `folder` that verify, newest first."""
    for position, path in reversed(_checkpoints(folder)):
        try:
            yield verify(path, position, logs)
        except CheckpointError as error:
            warnings.warn(f"{error}; falling back to the checkpoint before it", stacklevel=2)


def verify(path: Path, position: Position | None = None, logs: bool = True) -> Checkpoint:
    """Read the manifest at `path` and check all that it says. Raises CheckpointError, ResourceError.

    Args:
        position: what it must be of; by default what the folder's name says.
        logs: check what it says of the run's logs, too, which training goes on with.
    """
    position, run = position or Position.of(path.name), path.parents[2 if path.name == OLD else 1]
    try:
        manifest = read_sealed(path / MANIFEST)
        form = manifest.get("format")
        if form not in (*ENTRIES,) or manifest.keys() != ENTRIES[form]:
            raise ValueError(f"{MANIFEST} has format {form!r}, or entries of another one")
        if position is None or _stated(manifest) != asdict(position):
            raise ValueError(f"{MANIFEST} is of another position")
        known = {name: _prefix(form, entry) for name, entry in manifest["logs"].items()}
        with open_plain(path / ARRAYS) as file, naming(path / ARRAYS):
            found = {"size": os.fstat(file.fileno()).st_size, "sha256": sha256_of(file).hexdigest()}
        if manifest["files"] != {ARRAYS: found}:
            raise ValueError(f"{ARRAYS} does not match its checksum")
        for name, prefix in known.items() if logs else ():
            if name not in WALL_CLOCK and (fault := prefix.fault(beneath(run, name))):
                raise CheckpointError(f"damaged run: {run / name} {fault} {path.name} says")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(path, error) from None
    return Checkpoint(position, path, known, found["sha256"])


def _stated(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The position that a manifest states."""
    if manifest["format"] == 1:
        phase = manifest["phase"]
        return asdict(Position(EARLIER.index(phase), phase, manifest["step"]))
    return {"updates": 0, **manifest["position"]}


def _prefix(form: int, entry: Any) -> Prefix:
    """What a manifest says of a log."""
    prefix = Prefix(**entry) if form == FORMAT else Prefix(entry)
    if not isinstance(prefix.bytes, int) or prefix.bytes < 0:
        raise ValueError(f"{MANIFEST} has a log of {prefix.bytes!r} bytes")
    return prefix


def _checkpoints(folder: Path) -> list[tuple[Position, Path]]:
    """What is named as a checkpoint, by position. What was to be replaced when a process died comes before what took
    its place. Raises CheckpointError."""
    if folder.is_symlink():
        raise CheckpointError(f"{folder} is a link; put the folder that it leads to in its place")
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        aside = ASIDE.fullmatch(path.name)
        old = bool(aside and (path / OLD).is_dir())
        position = Position.of(aside[1] if aside else path.name) if old or not aside else None
        if position and path.is_dir() and not path.is_symlink():
            found.append((position, not old, path / OLD if old else path))
    return [(position, path) for position, _, path in sorted(found)]


def newest_of_each(folder: Path) -> list[Path]:
    """The newest checkpoint of each phase below `folder`, by its name."""
    return [*{place.number: path for place, path in _checkpoints(folder) if path.name != OLD}.values()]


def prune(folder: Path, position: Position, keep: int) -> None:
    """Delete what is no longer needed, and nothing that has another name than checkpoints have, or is a copy of one
    under a name that is not its own."""
    found = [(place, path) for place, path in _checkpoints(folder) if path.name != OLD and not _is_copy(path, place)]
    earlier = [path for place, path in found if place <= position]
    stay = {*earlier[-keep:], *{place.number: path for place, path in found if place <= position}.values()}
    aside = [path for path in folder.iterdir() if ASIDE.fullmatch(path.name)]
    for path in (*(path for _, path in found if path not in stay), *aside):
        shutil.rmtree(path, ignore_errors=True)


def _is_copy(path: Path, position: Position) -> bool:
    """Whether the manifest at `path` is whole and of another position."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        return _stated(read_sealed(path / MANIFEST)) != asdict(position)
    return False


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. Raises InUse if another process holds it; released even by kill -9."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = open_plain(folder / "lock", os.O_RDWR | os.O_CREAT, "r+b")
    except OSError as error:
        raise unreadable(folder, error, "cannot lock") from None
    with file:
        if not any(taken(file, fcntl.LOCK_EX, pause) for pause in (0, GLANCE)):
            owner = printable(file.read(100).decode(errors="replace")) or "another process"
            raise InUse(f"{folder} is in use by {owner}; wait for it, or use another --out")
        file.truncate(0)
        file.write(f"process {os.getpid()}".encode())
        file.flush()
        yield
