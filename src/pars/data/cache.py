"""The data folder, fingerprints, and converted copies: .npy files written in chunks, checksummed and memory-mapped."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.errors import ResourceError
from pars.files import GONE, read_json, read_sealed, sealed
from pars.places import user_folder
from pars.system import replacing, sync

FORMAT = 2  # of converted copies; a change makes older ones unused
SETTLED = 2.0  # seconds; a file changed more recently may change again without a new time stamp


def data_folder() -> Path:
    """`$PARS_DATA_DIR`, else pars/datasets in the user's cache folder."""
    return user_folder("PARS_DATA_DIR", "datasets")


@contextlib.contextmanager
def writing(target: Path) -> Iterator[Path]:
    """`system.replacing` for what lies in the data folder. Raises ResourceError."""
    try:
        with replacing(target) as aside:
            yield aside
    except OSError as error:
        raise cannot_write(target, error) from error


def cannot_write(target: Path, error: OSError) -> ResourceError:
    elsewhere = "set PARS_DATA_DIR to another folder" if target.is_relative_to(data_folder()) else "name another file"
    return ResourceError(f"cannot write {target}: {error.strerror or error}; free some space, or {elsewhere}")


def array_sha256(array: np.ndarray) -> str:
    """SHA-256 of type, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, hashed once as `remembered` has it."""
    return remembered(path, _content_sha256)


def _content_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _column_sha256(path: Path) -> str:
    return array_sha256(np.load(path, mmap_mode="r", allow_pickle=False))


def remembered(path: Path, compute: Callable[[Path], str], kind: str = "") -> str:
    """What `compute` says of a file; remembered by path, size and times, so that a large file is read once.

    kind: of what is computed, if there is more than one for a file.
    """
    path = path.resolve()
    stat = path.stat()
    known = [str(path), stat.st_size, stat.st_mtime_ns]
    known += [stat.st_ctime_ns, stat.st_ino] if kind else []  # of files of ours, which nobody copies or touches
    entry = data_folder() / "index" / f"{hashlib.sha256(os.fsencode(path) + kind.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError):
        recorded = read_json(entry)
        if recorded[:-1] == known:
            return str(recorded[-1])
    digest = compute(path)
    if time.time() - stat.st_mtime > SETTLED:
        with writing(entry) as aside:
            aside.write_text(json.dumps([*known, digest]))
    return digest


def converted_folder(source_sha256: str, options: dict[str, Any]) -> Path:
    """Where the copy of a source, converted with `options`, is kept."""
    text = json.dumps([FORMAT, source_sha256, options], sort_keys=True)
    return data_folder() / "converted" / hashlib.sha256(text.encode()).hexdigest()[:32]


def fingerprint(checksums: dict[str, str]) -> str:
    """One SHA-256 for a whole dataset from those of its columns."""
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()


class Pieces(NamedTuple):
    """An array that is never whole in memory."""

    shape: tuple[int, ...]
    dtype: np.dtype
    parts: Iterable[np.ndarray]  # along the first axis


def pieces(array: np.ndarray) -> Pieces:
    """An array in one piece."""
    return Pieces(array.shape, array.dtype, [array])


def store(folder: Path, arrays: dict[str, Pieces], facts: Callable[[], dict[str, Any]]) -> None:
    """Write the arrays and a manifest with their sizes and checksums, all or nothing.

    Args:
        facts: called when all arrays are written, while the disk takes them; JSON-serialisable, kept in the manifest.
    """
    with writing(folder) as aside:
        aside.mkdir()
        with ThreadPoolExecutor(1, "pars-sync") as pool:
            columns, synced = {}, []
            for name, array in arrays.items():
                columns[name] = _write(aside / f"{name}.npy", array)
                synced.append(pool.submit(sync, aside / f"{name}.npy"))
            manifest = {"format": FORMAT, "columns": columns, **facts()}
            for job in synced:
                job.result()
        (aside / "manifest.json").write_text(sealed(manifest))


def _write(path: Path, array: Pieces) -> dict[str, Any]:
    """Write one .npy file. -> its entry in the manifest, with the checksum of `array_sha256`."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    with path.open("wb") as file:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for part in array.parts:
            content = np.ascontiguousarray(part, array.dtype).data
            digest.update(content)
            file.write(content)
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def restore(folder: Path, *, verify: bool | None) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The stored arrays as read-only memory maps with the manifest, or None if absent or damaged.

    Args:
        verify: compare the checksums now (True), or unless they were compared since the files last changed (False);
            None: only the sizes, of what has just been written.
    """
    arrays = {}
    try:
        manifest = read_sealed(folder / "manifest.json")
        for name, column in manifest["columns"].items():
            path = folder / f"{name}.npy"
            if path.stat().st_size != column["bytes"]:
                return None
            if verify is not None:
                found = _column_sha256(path) if verify else remembered(path, _column_sha256, "column")
                if found != column["sha256"]:
                    return None
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        if error.errno not in (None, *GONE):
            raise
        return None
    except Exception:  # a damaged header gives whatever Python's parser can give
        return None
    return arrays, manifest
