"""A part of a benchmark in a process of its own, where JAX, XLA's flags or memory must start anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

ERROR = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt)\b.*$", re.MULTILINE)


def ask(module: str, *words: str, seconds: float | None = None, **environment: str) -> Any:
    """What `python -m benchmarks.MODULE WORDS` prints last, as JSON.

    Raises RuntimeError with the line of its error, and subprocess.TimeoutExpired after so many seconds.
    """
    line = [sys.executable, "-m", f"benchmarks.{module}", *words]
    done = subprocess.run(line, env=os.environ | environment, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2] or f"benchmarks.{module} ended with {done.returncode}"
        raise RuntimeError([last, *ERROR.findall(done.stderr)][-1])
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def flags(more: str) -> str:
    """XLA's flags of this process and some more."""
    return f"{os.environ.get('XLA_FLAGS', '')} {more}".strip()
