"""Whole commands in children of a process that has imported everything, so that a start costs a fork. JAX itself must
not have begun in that process."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

TASK = "pointmaze-umaze-diverse"
ROWS = 2000
ENDS = 600.0  # seconds in which a command must end, on a busy machine
LATER = ("cli.commands", "api", "report", "report.comparison", "export.folder", "export.onnx_file", "export.c_file")
TINY = ["hidden=8x8", "actor_hidden=8x8", "critics=2", "batch_size=16", "updates_per_step=2", "--eval-episodes", "1"]
PLAN = ["--steps", "3000", "--eval-every", "500", "--online-steps", "120", "--online-eval-every", "15"]

Hook = Callable[[], object]


class Ended(NamedTuple):
    """How a command ended: its exit code, None if it was killed, and what it said."""

    code: int | None
    out: str
    err: str

    def wrong(self, *codes: int | None) -> str:
        """What a command must not do that may end with `codes`; empty if it did not."""
        lines = [line for line in self.err.splitlines() if not line.startswith("pars: warning: ")]
        bad = (self.code and len(lines) > 2) or "Traceback" in self.err or "internal error" in self.err
        return "" if self.code in codes and not bad else f"ended with {self.code}: {self.err[-300:]}"


@cache
def warm() -> None:
    """Import what commands import while they run."""
    for name in LATER:
        importlib.import_module(f"pars.{name}")


def start(words: Sequence[str], said: Path, before: Hook = int, after: Hook = int) -> int:
    """Begin the command in a child; `before` and `after` it are called there. -> the child"""
    warm()
    sys.stdout.flush()
    if child := os.fork():
        return child
    code = 70
    try:
        for stream, name in enumerate(("out", "err"), 1):
            os.dup2(os.open(f"{said}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        before()
        code = _code(words)
        after()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def over(child: int, said: Path, wait: int = os.WNOHANG) -> Ended | None:
    """How the child ended, if it has; wait=0: wait until it has."""
    found, status = os.waitpid(child, wait)
    if not found:
        return None
    texts = [Path(f"{said}.{name}").read_text(errors="replace") for name in ("out", "err")]
    return Ended(os.WEXITSTATUS(status) if os.WIFEXITED(status) else None, *texts)


def end(child: int, said: Path, wait: float = ENDS) -> Ended:
    """Wait for the child, and kill it when that takes too long."""
    until = time.monotonic() + wait
    while time.monotonic() < until:
        if ended := over(child, said):
            return ended
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    last = over(child, said, 0)
    assert last is not None
    return last


def call(words: Sequence[str], said: Path, before: Hook = int, after: Hook = int, wait: float = ENDS) -> Ended:
    return end(start(words, said, before, after), said, wait)


def train(out: Path, data: Path, plan: Sequence[str] = PLAN) -> list[str]:
    """The words of a tiny run."""
    return ["train", "pars", TASK, *TINY, *plan, "--data", str(data), "--quiet", "--out", str(out)]


def few_rows() -> Path:
    """A small dataset of the task."""
    from pars.data import collect_dataset

    return collect_dataset(TASK, ROWS)


def copied(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def _code(words: Sequence[str]) -> int:
    from pars.cli.main import main

    try:
        main(list(words))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
