"""Files that others may have written: read only where they are what they seem; JSON with its checksum; locks."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

SEAL = "sha256"  # of a JSON object: the checksum of all its other entries
MOST = 64 * 2**20  # bytes of a JSON file
CHUNK = 2**20
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL)  # a file that is not there, or no file


def open_plain(path: Path, flags: int = os.O_RDONLY, mode: str = "rb") -> BinaryIO:
    """Open a file that is one itself: no link, device or pipe. Raises OSError."""
    with naming(path):
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        return open(descriptor, mode)  # type: ignore[return-value]


def beneath(root: Path, name: str) -> Path:
    """`root/name`, which leads out of `root` neither by its words nor by a link. Raises OSError."""
    path = root
    for word in Path(name).parts:
        if word in ("/", ".."):
            raise OSError(errno.EINVAL, "leads out of the folder", str(root / name))
        path = path / word
        if path.is_symlink():
            raise OSError(errno.ELOOP, "is a link; put what it leads to in its place", str(path))
    return path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the system that name no file, as those of a write, name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        if error.errno == errno.ELOOP and not str(error.strerror).startswith("is a link"):
            error.strerror = "is a link; put what it leads to in its place"
        raise


def pass_on(path: Path, error: BaseException) -> None:
    """Raise an error of the system (the disk, rights, limits) as what it is, with the file's name: the file may be
    whole. So where a library took it for damage (zipfile). Other errors, and that there is no such file, return."""
    for one in (error, error.__context__):
        if isinstance(one, OSError) and one.errno not in (None, *GONE):
            one.filename = one.filename or str(path)
            raise one


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises OSError, ValueError."""
    with open_plain(path) as file, naming(path):
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(f"is larger than {MOST:,} bytes")
    try:
        return json.loads(data.decode())
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def sealed(facts: Mapping[str, Any]) -> str:
    """JSON of an object with its checksum."""
    plain = json.loads(json.dumps(facts))
    return json.dumps({**plain, SEAL: _seal(plain)}, indent=1)


def read_sealed(path: Path) -> dict[str, Any]:
    """An object that `sealed` wrote, without its checksum, which must agree; files of earlier versions have none.
    Raises OSError, ValueError."""
    facts = read_json(path)
    if not isinstance(facts, dict):
        raise ValueError(f"holds a {type(facts).__name__} instead of an object")
    known = facts.pop(SEAL, None)
    if known is not None and known != _seal(facts):
        raise ValueError("does not match its checksum")
    return facts


def _seal(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def sha256_of(file: BinaryIO, length: int | None = None) -> Any:
    """hashlib's SHA-256 of a file from where it stands, of `length` bytes at most."""
    digest, left = hashlib.sha256(), float("inf") if length is None else length
    while left > 0 and (data := file.read(int(min(CHUNK, left)))):
        digest.update(data)
        left -= len(data)
    return digest


def deserted(folder: Path) -> bool:
    """Whether whoever held `folder` is gone: its lock is there and free. Without one, as in a copy, nobody can tell."""
    try:
        with open_plain(folder / "lock") as file:
            return taken(file, fcntl.LOCK_SH)
    except OSError:
        return False


def taken(file: BinaryIO, kind: int, pause: float = 0) -> bool:
    """Whether the lock of a file, fcntl.LOCK_EX or LOCK_SH, could be had at once after `pause` seconds."""
    time.sleep(pause)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
