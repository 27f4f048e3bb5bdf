"""Runs that cannot be lost: checkpoints written aside, synced and renamed, with checksums; logs that only grow.

A checkpoint is a folder named by its position, with the arrays of a pytree by key path (safetensors) and a manifest:
sizes, SHA-256, position, and how long each log was. What is in a log beyond that length was written after the
checkpoint, and is cut off when the run resumes. Nothing that is loaded can execute code.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from pars.errors import CheckpointError, ResourceError
from pars.system import sync

Tree = TypeVar("Tree")
MANIFEST = "manifest.json"
ARRAYS = "state.safetensors"
FORMAT = 2


@dataclass(frozen=True, order=True)
class Position:
    """Where a run stands: gradient steps in a phase on data, environment steps in the online one."""

    number: int  # of the phase, in the order in which they are trained
    phase: str
    step: int
    updates: int = 0  # online: gradient steps taken, of those that are due by `step`

    def __str__(self) -> str:
        return f"{self.phase} step {self.step:,}"

    @property
    def name(self) -> str:
        """Names sort as positions do."""
        taken = f"-{self.updates:09d}" if self.updates else ""
        return f"{self.number}-{self.phase}-{self.step:09d}{taken}"


START = Position(-1, "", 0)  # before the first phase


@dataclass(frozen=True)
class Checkpoint:
    position: Position
    folder: Path
    logs: Mapping[str, int]  # length in bytes of each append-only log
    digest: str  # SHA-256 of the arrays' file

    def restore(self, like: Tree) -> Tree:
        """The saved arrays in the shape of `like`. Raises CheckpointError if they do not fit."""
        try:
            arrays = load_file(self.folder / ARRAYS)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"damaged checkpoint {self.folder}: {error}; use a new --out") from None
        expected = flatten(like)
        if arrays.keys() != expected.keys():
            odd = sorted(arrays.keys() ^ expected.keys())
            raise CheckpointError(f"{self.folder} holds another kind of run: {odd[0]} is not in both; use a new --out")
        for name, array in expected.items():
            if arrays[name].shape != array.shape:
                raise CheckpointError(
                    f"{self.folder}: {name} has shape {arrays[name].shape}, this run needs {array.shape}; "
                    "use a new --out"
                )
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
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"damaged checkpoint {self.file}: {error}; train it again") from None
        if array.shape != self.shape:
            raise CheckpointError(f"{self.file}: {self.name} has shape {array.shape}, expected {self.shape}")
        return np.asarray(array, dtype)


def flatten(tree: Any) -> dict[str, Any]:
    """Key path -> leaf, in the order of the tree."""
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def save(folder: Path, position: Position, tree: Any, logs: Mapping[str, int], keep: int = 2) -> Checkpoint:
    """Write a checkpoint of NumPy leaves below `folder`, durable when this returns.

    The newest `keep` stay, and the newest of every earlier phase; later ones, which a resume passed over as damaged,
    go. The logs must have been synced before. Raises ResourceError if it cannot be written; the others then stay.
    """
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in flatten(tree).items()}
    aside = folder / f".writing-{position.name}"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        save_file(arrays, aside / ARRAYS)
        digest = _sha256(aside / ARRAYS)
        manifest = {
            "format": FORMAT,
            "position": asdict(position),
            "files": {ARRAYS: {"size": (aside / ARRAYS).stat().st_size, "sha256": digest}},
            "logs": dict(logs),
        }
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1))
        sync(aside / MANIFEST)
        sync(aside / ARRAYS)
        sync(aside)
        final = folder / position.name
        shutil.rmtree(final, ignore_errors=True)  # the same position, saved before a resume
        aside.rename(final)
        sync(folder)
    except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
        shutil.rmtree(aside, ignore_errors=True)
        raise ResourceError(f"cannot write checkpoint {folder / position.name}: {error}; free some space") from None
    _prune(folder, position, keep)
    return Checkpoint(position, final, dict(logs), digest)


def latest(folder: Path, at: Position | None = None) -> Checkpoint | None:
    """The newest checkpoint below `folder` that verifies; damaged ones are passed over with a warning.

    Args:
        at: pass over those that are newer, too.
    """
    return next((found for found in sound(folder) if at is None or found.position <= at), None)


def kept(folder: Path) -> list[Position]:
    """Where a run could go on, newest first; at its start, too, before its second checkpoint."""
    found = [one.position for one in islice(sound(folder), 2)]
    return found if len(found) > 1 else [*found, START]


def sound(folder: Path) -> Iterator[Checkpoint]:
    """The checkpoints below `folder` that verify, newest first."""
    for path in reversed(_checkpoints(folder)):
        try:
            yield verify(path)
        except CheckpointError as error:
            warnings.warn(f"{error}; falling back to the checkpoint before it", stacklevel=2)


def verify(path: Path) -> Checkpoint:
    """Read the manifest at `path` and check sizes and checksums against it. Raises CheckpointError."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        position = _position(manifest)
        logs = {str(name): int(length) for name, length in manifest["logs"].items()}
        files = {str(name): (int(entry["size"]), str(entry["sha256"])) for name, entry in manifest["files"].items()}
        for name, (size, checksum) in files.items():
            if (path / name).stat().st_size != size or _sha256(path / name) != checksum:
                raise CheckpointError(f"damaged checkpoint {path}: {name} does not match its checksum")
        digest = files[ARRAYS][1]
        for name, length in logs.items():
            if (path.parent.parent / name).stat().st_size < length:
                raise CheckpointError(f"damaged run: {path.parent.parent / name} is shorter than {path.name} says")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"damaged checkpoint {path}: {error or type(error).__name__}") from None
    return Checkpoint(position, path, logs, digest)


def _position(manifest: Mapping[str, Any]) -> Position:
    if manifest["format"] == 1:  # of earlier versions, which knew two phases
        phase = str(manifest["phase"])
        return Position(("offline", "online").index(phase), phase, int(manifest["step"]))
    return Position(**manifest["position"])


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders in the order of their positions (names sort so)."""
    return sorted(path for path in folder.glob("*-*") if path.is_dir() and not path.name.startswith("."))


def _prune(folder: Path, position: Position, keep: int) -> None:
    for path in _checkpoints(folder):
        if path.name > position.name:
            shutil.rmtree(path, ignore_errors=True)
    paths = _checkpoints(folder)
    newest = {path.name.partition("-")[0]: path for path in paths}  # per phase, the last one wins
    for path in paths[:-keep]:
        if path not in newest.values():
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".writing-*"):
        shutil.rmtree(path, ignore_errors=True)


class Log:
    """An append-only file. Opening it cuts it to `length` bytes: what the checkpoint that is resumed knows of."""

    def __init__(self, path: Path, length: int = 0):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = open(path, "ab")  # noqa: SIM115  open as long as the run
        self._file.truncate(length)
        self._file.seek(length)

    def append(self, data: bytes) -> None:
        self._file.write(data)

    def sync(self) -> int:
        """Make everything appended so far durable; its length in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. Raises CheckpointError if another process holds it; released even by kill -9."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise CheckpointError(f"{folder} is in use by {owner}; wait for it, or use another --out") from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
