"""The harness's end of a worker: a process that answers JSON lines, and one line of text when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.peers.base import Job

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS, ANSWER_SECONDS = 300.0, 120.0  # how long a start (imports, compiling) and an answer may take


class PeerError(Exception):
    """A worker that died, hung or answered nonsense. One line."""


class Worker:
    """One process with `python`; `start` holds the seconds to the end of its first gradient step.

    Args:
        patience: seconds that this may take.
    """

    def __init__(self, python: str, job: Job, patience: float = START_SECONDS):
        self.job, self.lock = job, threading.Lock()
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in `close`
        try:
            self.process = subprocess.Popen(
                [python, "-m", "benchmarks.peers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env=environment,
            )
        except OSError as error:
            self.errors.close()
            raise PeerError(f"cannot start {python}: {error.strerror}") from None
        try:
            self.start = float(self._exchange(asdict(job), patience)["start"])
        except PeerError:
            self.close()
            raise

    def ask(self, do: str, patience: float = ANSWER_SECONDS, **request: Any) -> dict[str, Any]:
        """The answer to one request; from several threads one after another. Raises PeerError."""
        with self.lock:
            return self._exchange({"do": do, **request}, patience)

    def _exchange(self, message: dict[str, Any], patience: float) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        late = threading.Timer(patience, self.process.kill)
        late.start()
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            hung = late.finished.is_set()
            late.cancel()
        if not line:
            raise PeerError(f"no answer in {patience:.0f} s" if hung else f"died: {self._last_words()}")
        try:
            reply = json.loads(line)
        except json.JSONDecodeError:
            raise PeerError(f"answered {line.strip()[:80]!r} instead of JSON") from None
        if not isinstance(reply, dict):
            raise PeerError(f"answered {line.strip()[:80]!r} instead of a JSON object")
        return reply

    def _last_words(self) -> str:
        """The last line of its stderr, which of a Python traceback is the error itself."""
        self.process.wait()
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip()]
        return lines[-1][:200] if lines else f"exit status {self.process.returncode}, nothing on stderr"

    def close(self) -> None:
        """End the process: it stops at the end of its input, or else is killed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
