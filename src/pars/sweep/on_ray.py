"""Workers on a Ray cluster: a task for each unit. Ray places them; what they train lies on disk, not in Ray."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pars.errors import ResourceError, UsageError
from pars.sweep.post import Post, Sent, work_apart
from pars.sweep.work import Ended, work

MOST = 1000  # units that wait in Ray's own queue, so that a cluster that grows by demand sees it
SENT = ("PARS_", "JAX_", "XLA_", "PYTHONPATH", "MUJOCO_GL")  # variables that workers get from the driver
PATIENCE = 60.0  # seconds in which stopped workers write their checkpoints


class OnRay:
    """A pool on a cluster.

    Args:
        address: "auto", an address, or "local": a cluster of this machine alone, for as long as the sweep lasts.
        cores: of each worker; None: all of the smallest machine's, or its share beside each GPU.
        by: see `work`.
        fetch: for workers that do not see `root`: what they train comes back through Ray, see pars.sweep.post.

    Raises ResourceError where Ray or the cluster is missing, UsageError for more cores than this machine has.
    """

    def __init__(
        self, root: Path, address: str, cores: int | None = None, by: str = work.__module__, fetch: bool = False
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise ResourceError("--ray needs Ray, which is not installed; pip install 'pars[sweep]'") from None
        self.ray, self.root, self.by, self.refs = ray, root, by, dict[Any, int]()
        where: dict[str, Any] = {"include_dashboard": False} if address == "local" else {"address": address}
        try:
            with _silent():
                ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise ResourceError(f"--ray {address}: {reason}; start one with `ray start --head`, or use local") from None
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        with_gpu = [own for own in nodes if own.get("GPU", 0) >= 1]
        self.gpu = bool(with_gpu)
        fit = [
            int(own.get("CPU", 1) // max(own.get("GPU", 1), 1)) for own in with_gpu or nodes if own.get("CPU", 0) >= 1
        ]
        if cores and address == "local" and cores > max(fit, default=0):
            ray.shutdown()
            raise UsageError(f"--cores {cores}: this machine has {max(fit, default=0)}; give at most that")
        self.cores = max(1, cores or min(fit, default=1))
        self.workers = max(
            1, sum(int(own.get("GPU", 0) if self.gpu else own.get("CPU", 0) // self.cores) for own in nodes)
        )
        sent = {name: value for name, value in os.environ.items() if name.startswith(SENT)}
        self._task = ray.remote(_work).options(
            num_cpus=self.cores, num_gpus=int(self.gpu), max_retries=0, runtime_env={"env_vars": sent}
        )

        self.post = Post(ray, root) if fetch else None
        self.room = 2 * self.workers if fetch else MOST  # what waits is carried along

    def start(self, number: int) -> None:
        where = self.post.send(number) if self.post else str(self.root)
        self.refs[self._task.remote(where, number, os.getcwd(), self.cores, self.by)] = number

    def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]:
        if not self.refs:
            time.sleep(seconds)
            return
        ready = self.ray.wait([*self.refs], num_returns=1, timeout=seconds)[0]
        if self.post:
            self.post.receive()
        for ref in ready:
            number = self.refs.pop(ref)
            damaged = self.post.damaged.pop(number, None) if self.post else None
            yield number, damaged or self._ended(ref)

    def close(self) -> None:
        """Stop what still trains, after a checkpoint, and leave the cluster."""
        for ref in self.refs:
            self.ray.cancel(ref)
        if self.refs:
            self.ray.wait([*self.refs], num_returns=len(self.refs), timeout=PATIENCE)
            if self.post:
                self.post.receive()
        self.refs.clear()
        self.ray.shutdown()

    def _ended(self, ref: Any) -> Ended:
        errors = self.ray.exceptions
        try:
            return Ended(*self.ray.get(ref))
        except errors.TaskCancelledError:
            return Ended("interrupted")
        except errors.RayTaskError as error:
            return Ended("failed", str(error).strip().rpartition("\n")[2])
        except errors.RayError as error:  # of the worker, its machine or its memory
            return Ended("died", f"{type(error).__name__}: its worker was lost")


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Warnings of Ray's native code, one a second while nobody answers, go nowhere: its exception says as much."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _work(where: str | Sent, number: int, folder: str, cores: int, by: str) -> tuple[Any, ...]:
    """In a process of Ray's: one unit, with so many cores. where: the sweep's folder, or what was sent in its place."""
    from pars import system

    if os.path.isdir(folder):
        os.chdir(folder)
    if cores < system.cores():
        os.environ["PARS_DEVICES"] = str(cores)
    system.setup(cache=True)
    return tuple(work(Path(where), number, by) if isinstance(where, str) else work_apart(where, number, by))
