"""Fetching a large file over HTTP, resumed where it broke off, and remembered by size and SHA-256 from first sight on.

`target.part` holds what has come so far and `target.part.json` of which content; `target.json` what the whole file was
when it was first seen. Only Python's standard library is used.
"""

import contextlib
import errno
import fcntl
import http.client
import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import h5py
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pars.data.cache import file_sha256
from pars.errors import DataError, ResourceError
from pars.system import write_whole

Report = Callable[[int, int | None], None]  # bytes so far, bytes in all

CHUNK = 2**18
TIMEOUT = 30.0  # seconds without a byte
PATIENCE = 3  # attempts in a row that bring nothing new
PAUSE = 1.0  # seconds before the second attempt, doubled before each further one
BUSY = (408, 425, 429)  # worth another attempt, as all of 500 and above
NO_RANGE = 416  # what is asked for begins behind the end
MOST = 2**34  # bytes of a body whose length is not announced


class Refused(Exception):
    """This source will not do, however often it is asked."""


class BrokeOff(Exception):
    """An attempt failed that may succeed when repeated."""


class _Web(urllib.request.HTTPRedirectHandler):
    """Leads to web addresses alone, and from https not to http."""

    def redirect_request(self, req: urllib.request.Request, *args: Any) -> urllib.request.Request | None:
        after = super().redirect_request(req, *args)
        if after is not None and after.type not in ("https", req.type):
            raise Refused(f"leads to {after.full_url}")
        return after


def fetch(sources: Sequence[str], target: Path, *, progress: Report | None = None) -> Path:
    """`target`, downloaded from the first of `sources` that delivers it whole, unless it is there already.

    Interrupted at any time, the next call goes on where it stopped.

    Raises ResourceError if no source delivers or the disk is full, DataError if the content is not that of first sight.
    """
    if target.exists():
        return verified(target)
    part = target.with_name(target.name + ".part")
    failures = []
    with _alone(part):
        begun_with = _origin_of(part).get("source")  # first, so that a part is not thrown away
        for source in sorted(sources, key=lambda source: source != begun_with):
            try:
                _whole(source, part, progress)
            except Refused as reason:
                failures.append(f"{source}: {reason}")
            else:
                os.replace(part, target)
                _origin(part).unlink(missing_ok=True)
                return verified(target, source)
    raise ResourceError(
        f"cannot download {target.name} ({'; '.join(failures)}); try again later, or get the file elsewhere "
        f"and put it at {target}"
    )


def verified(path: Path, source: str = "", record: Path | None = None) -> Path:
    """The path, if size and SHA-256 are those recorded when the file was first seen; then they are recorded now.

    Args:
        source: address for the record.
        record: where it is kept, by default beside the file.

    Raises DataError if the content is another, or damaged at first sight.
    """
    record = record or path.with_name(path.name + ".json")
    found = {"size": path.stat().st_size, "sha256": file_sha256(path)}
    try:
        known = json.loads(record.read_text())
        same = known["size"] == found["size"] and known["sha256"] == found["sha256"]
    except FileNotFoundError:
        if fault := damage(path):
            raise DataError(f"{path}: {fault}; delete the file to download it again") from None
        write_whole(record, json.dumps({**found, "source": source}))
        return path
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{record}: is no record of {path.name}; delete it if you trust the file") from None
    if not same:
        raise DataError(
            f"{path}: is not what it was at first sight ({found['size']:,} bytes now, {known['size']:,} then, or other "
            f"content); delete it to download it again, or delete {record} if the change was intended"
        )
    return path


def damage(path: Path) -> str:
    """What is wrong with an HDF5 or npz file, as far as its frame tells; empty if nothing."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.lstrip()[:1] == b"<":
        return "the file is a web page, most likely an error page"
    if path.name.removesuffix(".part").endswith(".npz"):
        return "" if zipfile.is_zipfile(path) else "the npz file is truncated or damaged"
    if not h5py.is_hdf5(path):
        return "the file is no HDF5 file"
    try:
        with h5py.File(path, "r"):
            return ""
    except (OSError, RuntimeError):
        return "the HDF5 file is truncated or damaged"


@contextlib.contextmanager
def bar(name: str) -> Iterator[Report]:
    """A progress bar on the terminal for the time of one download."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), transient=True) as shown:
        task = shown.add_task(name, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Of all processes only this one writes the part file."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.with_name(f".{part.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResourceError(f"{part}: another process is downloading this file; wait until it is done") from None
        yield


def _whole(source: str, part: Path, progress: Report | None) -> None:
    """Complete the part file from one source, in as many attempts as bring something new. Raises Refused."""
    best, failures = 0, 0
    while True:
        try:
            _attempt(source, part, progress)
        except BrokeOff as reason:
            reached = part.stat().st_size if part.exists() else 0
            failures = failures + 1 if reached <= best else 1
            best = max(best, reached)
            if failures >= PATIENCE:
                raise Refused(str(reason)) from None
            time.sleep(PAUSE * 2 ** (failures - 1))
            continue
        if fault := damage(part):
            _discard(part)
            raise Refused(fault)
        return


def _attempt(source: str, part: Path, progress: Report | None) -> None:
    """One request, for the rest if a part of the same content is there. Raises BrokeOff or Refused."""
    origin = _origin_of(part)
    begun = part.stat().st_size if part.exists() and origin.get("source") == source else 0
    request = urllib.request.Request(source, headers={"User-Agent": "pars", "Accept-Encoding": "identity"})
    if begun:
        request.add_header("Range", f"bytes={begun}-")
        if origin.get("version"):
            request.add_header("If-Range", origin["version"])
    try:
        with urllib.request.build_opener(_Web).open(request, timeout=TIMEOUT) as answer:
            _receive(answer, source, part, begun, origin, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == NO_RANGE:
            _discard(part)
            raise BrokeOff("the part that was there did not fit") from None
        if error.code in BUSY or error.code >= 500:
            raise BrokeOff(f"error {error.code}") from None
        raise Refused(f"error {error.code}") from None
    except (http.client.HTTPException, urllib.error.URLError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
            raise ResourceError(
                f"cannot write {part}: {error.strerror}; free some space, or set PARS_DATA_DIR to another folder"
            ) from error
        if isinstance(getattr(error, "reason", None), socket.gaierror):
            raise Refused("no such host, or no network") from None
        raise BrokeOff(" ".join(str(getattr(error, "reason", "") or error or type(error).__name__).split())) from None
    except ValueError as error:  # of Python's own parsers of headers and addresses
        raise Refused(f"answers with what cannot be read: {error}") from None


def _receive(answer: Any, source: str, part: Path, begun: int, origin: dict[str, Any], progress: Report | None) -> None:
    """Write the body behind what is there, or from the start if that is what was sent."""
    if "html" in answer.headers.get("Content-Type", ""):
        raise Refused("answers with a web page")
    length = answer.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else None
    version = " ".join((answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "").split())
    if begun and not _goes_on(answer, begun, origin, version):
        if answer.status == http.client.PARTIAL_CONTENT:
            _discard(part)
            raise BrokeOff("the file has changed meanwhile")
        begun = 0
    total = None if size is None else begun + size
    if size is not None and size > (free := shutil.disk_usage(part.parent).free):
        raise Refused(f"announces {size:,} bytes, and {free:,} are free in {part.parent}")
    write_whole(_origin(part), json.dumps({"source": source, "version": version, "total": total}))
    with part.open("ab" if begun else "wb") as file:
        done = _copy(answer, file, begun, total, progress)
    if total is None and done > MOST:
        _discard(part)
        raise Refused(f"sends more than {MOST:,} bytes and has announced no end")
    if total is not None and done < total:
        raise BrokeOff(f"broke off after {done:,} of {total:,} bytes")


def _goes_on(answer: Any, begun: int, origin: dict[str, Any], version: str) -> bool:
    """The answer begins where the part ends and is of the same content."""
    if answer.status != http.client.PARTIAL_CONTENT:
        return False
    where = answer.headers.get("Content-Range", "").removeprefix("bytes ")
    span, _, total = where.partition("/")
    same_size = origin.get("total") is None or total in ("*", str(origin["total"]))
    return span.startswith(f"{begun}-") and same_size and version == origin.get("version", "")


def _copy(answer: Any, file: IO[bytes], done: int, total: int | None, progress: Report | None) -> int:
    """Bytes in the file when the answer ends."""
    while (total is not None or done <= MOST) and (chunk := answer.read1(CHUNK)):
        file.write(chunk)
        done += len(chunk)
        if progress:
            progress(done, total)
    return done


def _origin(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _origin_of(part: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        origin = json.loads(_origin(part).read_text())
        if isinstance(origin, dict):
            return origin
    return {}


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _origin(part).unlink(missing_ok=True)
