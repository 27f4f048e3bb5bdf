"""The machine and the process: start, cores, free memory, and files written whole or not at all."""

from __future__ import annotations

import atexit
import errno
import glob
import importlib.util
import os
import re
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jax

from pars.errors import ResourceError, UsageError
from pars.places import cache_folder

CONTAINER = Path("/sys/fs/cgroup")
DEVICES = Path("/dev")
LEFT_BEHIND = 86_400.0  # seconds after which what a killed process was writing is cleared away
OLD = "old"  # a folder that is being replaced, beside the new one


def setup(cache: bool = False) -> None:
    """One XLA device per core where there is no GPU, before JAX starts (later calls change nothing).

    cache: keep compiled programs on disk.

    The persistent cache lives in `$PARS_CACHE_DIR`, else in the user's cache directory. Raises UsageError as
    `check_platforms` does.
    """
    check_platforms()
    if cache:
        _keep_programs()
    # on the processor, what one device computes runs in the thread that asks for it: a policy call of an evaluation
    # would wait longer for another thread to wake up than for its actions
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if has_gpu():
        return
    try:
        jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:
        pass  # JAX is already running in this process: use the devices it has


def _keep_programs() -> None:
    """Compile once and keep it; where there is no folder that can be written to, a warning says so."""
    try:
        folder = cache_folder() / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        _forget_half_written(folder)
    except UsageError as error:
        warnings.warn(f"compiled programs are not kept: {error}", stacklevel=2)
        return
    except OSError as error:
        why = f"{error.filename or folder}: {error.strerror}"
        warnings.warn(f"compiled programs are not kept ({why}); set PARS_CACHE_DIR to another folder", stacklevel=2)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)  # a start has many small programs
    # the path of XLA's own caches would become part of the key, and a moved folder would miss everything
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")


def has_gpu() -> bool:
    """Whether JAX will look for a GPU and there is one, as far as can be told before it starts: CUDA's plugin is
    installed, the driver shows a device, and nothing keeps JAX from it."""
    platforms = wanted_platforms() or "cuda"
    allowed = {"cuda", "gpu"} & {*platforms.split(",")}
    shown = os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1") and any(DEVICES.glob("nvidia[0-9]*"))
    return bool(allowed) and shown and any(importlib.util.find_spec(f"jax_cuda{n}_plugin") for n in (12, 13))


def wanted_platforms() -> str:
    """What JAX was told to use, such as "cuda,cpu"; empty where it may choose."""
    return jax.config.jax_platforms or ""  # type: ignore[attr-defined]


def check_platforms() -> None:
    """Raises UsageError where JAX must not use the host's processor: evaluations act there, and draw data on disk."""
    chosen = wanted_platforms()
    if chosen and "cpu" not in chosen.split(","):
        raise UsageError(f"JAX_PLATFORMS={chosen} leaves out the processor, where policies act; set {chosen},cpu")


def processors() -> list[jax.Device]:
    """The host's processor as JAX devices, also beside a GPU. Raises UsageError as `check_platforms` does."""
    check_platforms()
    return jax.local_devices(backend="cpu")


def _forget_half_written(folder: Path) -> None:
    """Drop programs that a process which was killed may have been writing: JAX would warn of them at every start.

    Every process leaves a marker while it runs; what is younger than the marker of a dead one goes.
    """
    for marker in folder.glob("running-*"):
        try:
            os.kill(int(marker.name.partition("-")[2]), 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another process that starts now is clearing it too
                begun = marker.stat().st_mtime
                for entry in folder.iterdir():
                    _drop_if_younger(entry, begun)
                marker.unlink(missing_ok=True)
        except (OSError, ValueError):
            pass  # alive under another user, or not one of ours
    marker = folder / f"running-{os.getpid()}"
    marker.touch()
    atexit.register(marker.unlink, missing_ok=True)


def _drop_if_younger(entry: Path, begun: float) -> None:
    with suppress(FileNotFoundError):
        if not entry.name.startswith("running-") and entry.stat().st_mtime >= begun:
            entry.unlink()


def limit() -> int | None:
    """How many devices may be used: `$PARS_DEVICES`, else all. One: nothing is shared out."""
    text = os.environ.get("PARS_DEVICES")
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"PARS_DEVICES={text!r} must be a whole number from 1 on")
    return int(text)


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_bytes(text: str) -> float:
    """20GB, 1.5 GiB, 2e10. Raises UsageError."""
    found = re.fullmatch(r"\s*([\d.]+(?:e\d+)?)\s*([KMGT]?)(i?)B?\s*", text, re.IGNORECASE)
    try:
        number, power = float(found[1]), "KMGT".find(found[2].upper()) + 1 if found[2] else 0  # type: ignore[index]
    except (TypeError, ValueError):
        raise UsageError(f"PARS_MEMORY={text}: expected bytes, such as 20GB or 2e10") from None
    return number * (1024 if found[3] else 1000) ** power  # type: ignore[index]


def memory() -> float:
    """Bytes to plan with on the host: `$PARS_MEMORY` (bytes, or such as 20GB), else what is free. Raises UsageError."""
    text = os.environ.get("PARS_MEMORY")
    return parse_bytes(text) if text else free_on_host()


def check_memory(what: str, needed: float) -> None:
    """Raises ResourceError where `what` takes more bytes than there are to plan with."""
    if needed > (free := memory()):
        raise ResourceError(
            f"{what} would take {needed / 1e9:,.1f} GB of memory at least, and {free / 1e9:,.1f} GB are free; ask for "
            "less, or say how much there is (PARS_MEMORY)"
        )


def free_on_host() -> float:
    """Bytes, as far as the system tells: what is available, within the limits of a container and of the process."""
    free = [float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]
    with suppress(OSError, KeyError, ValueError, IndexError):
        free.append(1024.0 * int(_table("/proc/meminfo")["MemAvailable:"]))
    with suppress(OSError, KeyError, ValueError, IndexError):  # "max" where there is no limit
        used = _table(CONTAINER / "memory.stat")
        cached = int(used["active_file"]) + int(used["inactive_file"])  # given up when memory is short
        most, now = (float((CONTAINER / f"memory.{name}").read_text()) for name in ("max", "current"))
        free.append(most - now + cached)
    with suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
        free.append(float("inf") if limit == resource.RLIM_INFINITY else float(limit))
    return min(free)


def _table(path: Path | str) -> dict[str, str]:
    """First and second word of each line."""
    return dict(line.split()[:2] for line in Path(path).read_text().splitlines())


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write a file or a folder to; synced, it takes the place of `target` when the block ends well.

    Readers and whoever comes after a kill find the old or the new, never half of it. An error leaves no trace.
    Raises OSError that names the target; also where that is a device or a pipe, whose place nothing may take.
    """
    aside = None
    try:
        if _is_special(target):
            raise OSError(errno.EINVAL, "is a device or a pipe; name a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_behind(target)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))  # not shared with any process
        new = aside / f"new{target.suffix}"  # some writers look at the ending
        yield new
        for path in (*new.rglob("*"), new):
            sync(path)
        _take_its_place(new, target, aside / OLD)
        sync(target.parent)
    except OSError as error:
        if error.filename is None or f".{target.name}." in str(error.filename):
            error.filename = str(target)
        raise
    finally:
        if aside is not None and (target.exists() or not (aside / OLD).exists()):  # else it is the only copy
            shutil.rmtree(aside, ignore_errors=True)


def _take_its_place(new: Path, target: Path, old: Path) -> None:
    """Rename `new` to `target`; a folder that is there goes to `old`, since none can be renamed over another. Once more
    if another process has put its own there in between."""
    for again in (True, False):
        if target.is_dir() and new.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            with suppress(FileNotFoundError):
                target.rename(old)
        try:
            new.replace(target)
            return
        except OSError as error:
            if again and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue
            with suppress(FileNotFoundError):
                old.rename(target)
            raise


def _clear_left_behind(target: Path) -> None:
    """Delete what killed processes were writing to take the place of `target`, unless it is the only copy."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.????????"):
        with suppress(FileNotFoundError):
            old = time.time() - left.stat().st_mtime > LEFT_BEHIND and not left.is_symlink()
            if old and (target.exists() or not (left / OLD).exists()):
                shutil.rmtree(left, ignore_errors=True)


def write_whole(path: Path, data: str | bytes) -> None:
    """Replace the content of a file; text as UTF-8, odd bytes of a path written out. A device or a pipe, such as
    /dev/stdout, is written to. Raises OSError."""
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    if _is_special(path):
        path.write_bytes(content)
        return
    with replacing(path) as aside:
        aside.write_bytes(content)


def _is_special(path: Path) -> bool:
    """Whether something is there, or where its link leads, that is neither a file nor a folder."""
    with suppress(OSError):
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
