"""Workers in processes of this machine, each with cores or a GPU of its own."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pars.sweep.work import Ended, work

PATIENCE = 60.0  # seconds in which a worker that is told to stop writes its checkpoint


class Here:
    """A pool of workers that live until they are killed or the sweep ends, so that programs stay compiled.

    Args:
        cores: of each worker, by number; its length is the number of workers.
        environment: of each worker, beside that of this process.
        by: see `work`.
    """

    def __init__(
        self, root: Path, cores: list[list[int]], environment: list[Mapping[str, str]], by: str = work.__module__
    ) -> None:
        self.root, self.room, self.workers, self.cores = root, len(cores), len(cores), len(cores[0])
        self.by, self.gpu = by, "CUDA_VISIBLE_DEVICES" in environment[0]
        self._asked: queue.Queue[int | None] = queue.Queue()
        self._ended: queue.Queue[tuple[int, Ended]] = queue.Queue()
        self._workers: dict[int, subprocess.Popen[str]] = {}
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(slot, own, more), daemon=True)
            for slot, (own, more) in enumerate(zip(cores, environment, strict=True))
        ]
        for thread in self._threads:
            thread.start()

    def start(self, number: int) -> None:
        """Give a unit to the next worker that is free."""
        self._asked.put(number)

    def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]:
        """Units that came back, after `seconds` at most."""
        try:
            yield self._ended.get(timeout=seconds)
            while True:
                yield self._ended.get_nowait()
        except queue.Empty:
            pass

    def close(self) -> None:
        """Stop what still trains, after a checkpoint."""
        self._closing.set()
        for _ in self._threads:
            self._asked.put(None)
        for worker in [*self._workers.values()]:
            worker.stdin.close()  # type: ignore[union-attr]
        for worker in [*self._workers.values()]:
            try:
                worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for thread in self._threads:
            thread.join()
        for worker in self._workers.values():
            _release(worker)

    def _keep(self, slot: int, cores: list[int], more: Mapping[str, str]) -> None:
        """One worker after another, and their units."""
        while (number := self._asked.get()) is not None and not self._closing.is_set():
            worker = self._workers.get(slot)
            if worker is None or worker.poll() is not None:
                _release(worker)
                worker = self._workers[slot] = self._begin(cores, more)
            self._ended.put((number, _ask(worker, number)))

    def _begin(self, cores: list[int], more: Mapping[str, str]) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "pars.sweep", str(self.root), ",".join(map(str, cores)), self.by]
        pipe = subprocess.PIPE
        # in a session of its own: Ctrl-C reaches the sweep, which tells its workers
        return subprocess.Popen(
            words, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **more}, start_new_session=True
        )


def _ask(worker: subprocess.Popen[str], number: int) -> Ended:
    assert worker.stdin and worker.stdout
    try:
        print(number, file=worker.stdin, flush=True)
        answer = worker.stdout.readline()
        if answer.endswith("\n"):
            ended = Ended(*json.loads(answer))
            if ended.state == "interrupted":
                worker.wait()  # as it then ends
            return ended
    except OSError:
        pass  # it is gone
    worker.wait()
    return Ended("died", f"its worker ended with code {worker.returncode}")


def _release(worker: subprocess.Popen[str] | None) -> None:
    """Close the pipes of one that has ended."""
    for pipe in (worker.stdin, worker.stdout) if worker else ():
        with suppress(OSError):  # what it was told last is lost with it
            pipe.close()  # type: ignore[union-attr]
