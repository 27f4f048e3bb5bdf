"""Workers on a Ray cluster: a task for each unit. Ray places them; what they train lies on disk, not in Ray."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pars.errors import ResourceError
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

    Raises ResourceError where Ray or the cluster is missing.
    """

    room = MOST

    def __init__(self, root: Path, address: str, cores: int | None = None, by: str = work.__module__) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise ResourceError("--ray needs Ray, which is not installed; pip install 'pars[sweep]'") from None
        self.ray, self.root, self.by, self.refs = ray, root, by, dict[Any, int]()
        where: dict[str, Any] = {"include_dashboard": False} if address == "local" else {"address": address}
        try:
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
        self.cores = max(1, cores or min(fit, default=1))
        self.workers = max(
            1, sum(int(own.get("GPU", 0) if self.gpu else own.get("CPU", 0) // self.cores) for own in nodes)
        )
        sent = {name: value for name, value in os.environ.items() if name.startswith(SENT)}
        self._task = ray.remote(_work).options(
            num_cpus=self.cores, num_gpus=int(self.gpu), max_retries=0, runtime_env={"env_vars": sent}
        )

    def start(self, number: int) -> None:
        self.refs[self._task.remote(str(self.root), number, os.getcwd(), self.cores, self.by)] = number

    def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]:
        if not self.refs:
            time.sleep(seconds)
            return
        for ref in self.ray.wait([*self.refs], num_returns=1, timeout=seconds)[0]:
            yield self.refs.pop(ref), self._ended(ref)

    def close(self) -> None:
        """Stop what still trains, after a checkpoint, and leave the cluster."""
        for ref in self.refs:
            self.ray.cancel(ref)
        if self.refs:
            self.ray.wait([*self.refs], num_returns=len(self.refs), timeout=PATIENCE)
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


def _work(root: str, number: int, folder: str, cores: int, by: str) -> tuple[Any, ...]:
    """In a process of Ray's: one unit, with so many cores."""
    from pars import system

    if os.path.isdir(folder):
        os.chdir(folder)
    if cores < system.cores():
        os.environ["PARS_DEVICES"] = str(cores)
    system.setup(cache=True)
    return tuple(work(Path(root), number, by))
