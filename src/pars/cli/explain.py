"""What the command says of an error or a warning: one line, and an exit code of pars.errors."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from typing import Any

from pars.errors import ParsError, ResourceError, UsageError, printable

LIBRARIES = ("JAX_", "XLA_", "CUDA_", "MUJOCO_", "PYOPENGL_")  # whose variables we start with


def explain(error: Exception) -> int:
    """Print one line about `error`; the exit code."""
    known = error if isinstance(error, ParsError) else None
    known = known or _resource(error) or _variable(error) or _theirs(error) or _system(error)
    if known is None:
        where = "--debug shows where" + ("; see pars.testing.check_algorithm, too, for your own" if _others() else "")
        line = printable(str(error).partition("\n")[0])
        _say(f"internal error: {type(error).__name__}: {line} ({where})")
        return 1
    _say(printable(" ".join(str(known).splitlines())))
    return known.exit_code


def _say(line: str) -> None:
    with suppress(OSError):  # a full disk behind 2>FILE changes no exit code
        print(f"pars: {line}", file=sys.stderr)


def _resource(error: Exception) -> ParsError | None:
    """Memory and disk that ran out, in whatever form libraries report it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(
            f"no space left for {error.filename or 'a file'}; free some and run the same command again"
        )
    if isinstance(error, NotADirectoryError | FileExistsError):
        return UsageError(f"{error.filename} is, or lies below, a file where a folder is needed; use another --out")
    if isinstance(error, PermissionError):
        return ResourceError(f"{error.filename}: permission denied; use another folder (--out, or $PARS_DATA_DIR)")
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return ResourceError("out of memory; train fewer members at once or smaller networks")
    return None


def _variable(error: Exception) -> ParsError | None:
    """A value of an environment variable that a library refuses: it names that, or a flag of its own by the name."""
    if not isinstance(error, ValueError | RuntimeError):
        return None
    line = str(error).partition("\n")[0]
    ours = (name for name in os.environ if name.startswith(LIBRARIES))
    named = (name for name in ours if re.search(rf"\b{re.escape(name)}\b", line, re.I))
    return next((UsageError(f"{name}={os.environ[name]}: {line}; correct it, or unset it") for name in named), None)


def _theirs(error: Exception) -> ParsError | None:
    """A mistake in the code of an algorithm from elsewhere."""
    line = sys.modules["pars.algos"].fault(error) if _others() else None
    return UsageError(f"{line} (--debug shows the traceback)") if line else None


def _system(error: Exception) -> ParsError | None:
    """Whatever else the system refuses, such as a disk that does not answer."""
    if not isinstance(error, OSError):
        return None
    number = f" (error {error.errno}, {errno.errorcode.get(error.errno, '?')})" if error.errno else ""
    return ResourceError(
        f"{error.filename or 'a file'}: {error.strerror or error}{number}; nothing that was saved is lost, run the "
        "same command again when it is mended"
    )


def _others() -> bool:
    """Whether algorithms from elsewhere are known. Imports nothing: what is imported may be what has failed."""
    algos = sys.modules.get("pars.algos")
    return bool(algos and algos.ALGORITHMS.keys() - algos.OURS)


def one_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Stands in the place of warnings.showwarning."""
    _say(f"warning: {printable(' '.join(str(message).splitlines()))}")
