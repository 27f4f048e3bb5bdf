"""Who trains units: processes of this machine, or workers on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax

from pars import system
from pars.config import check_whole
from pars.errors import UsageError
from pars.sweep.drive import Pool
from pars.sweep.local import Here
from pars.sweep.on_ray import OnRay
from pars.sweep.work import work

MOST = 1000  # processes of one machine


@dataclass(frozen=True)
class Workers:
    """What is asked for.

    Args:
        ray: "auto", "local" or the address of a cluster; None: processes of this machine.
        number: of processes here; by default one for each GPU, or one with all cores.
        cores: of each worker.
        members: of a unit, at most; by default by the rule of `fair`, and what fits a worker's memory.
        retries: how often in a row a unit's worker may die without a new checkpoint.
        fetch: from a cluster whose machines do not share a folder.
    """

    ray: str | None = None
    number: int | None = None
    cores: int | None = None
    members: int | None = None
    retries: int = 3
    fetch: bool = False

    def check(self) -> None:
        """Raises UsageError."""
        check_whole("--workers", self.number, 1, MOST)
        check_whole("--cores", self.cores, 1)
        check_whole("--members", self.members, 1)
        check_whole("--retries", self.retries, 0)
        if self.ray and self.number:
            raise UsageError("--workers is for this machine; on a cluster --cores decides how many fit")
        if self.fetch and not self.ray:
            raise UsageError("--fetch is for the machines of a cluster; add --ray auto")

    def open(self, out: Path, gpus: Sequence[str], by: str = work.__module__) -> Pool:
        """A pool for the units below `out`. Raises UsageError, and ResourceError without Ray or its cluster.

        Args:
            by: see `work`.
        """
        if self.ray:
            return OnRay(out, self.ray, self.cores, by, self.fetch)
        return Here(out, *layout_of(self, gpus), by)


def take_gpus() -> list[str]:
    """Those of this machine, kept free for workers: this process then computes on its processor."""
    gpus = gpus_here()
    if gpus:
        jax.config.update("jax_platforms", "cpu")
    return gpus


def gpus_here() -> list[str]:
    """Those of this machine that may be used, as CUDA_VISIBLE_DEVICES has them."""
    if not system.has_gpu():
        return []
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return shown.split(",") if shown else [str(i) for i, _ in enumerate(system.DEVICES.glob("nvidia[0-9]*"))]


def layout_of(workers: Workers, gpus: Sequence[str]) -> tuple[list[list[int]], list[Mapping[str, str]]]:
    """The cores and the environment of each worker of this machine. Raises UsageError for more than it has."""
    own = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    count = workers.number or max(len(gpus), 1)
    if gpus and count > len(gpus):
        raise UsageError(f"--workers {count}: there are {len(gpus)} GPUs, and each worker takes one")
    if workers.cores and workers.cores > len(own):
        raise UsageError(f"--cores {workers.cores}: this machine has {len(own)}; give at most that")
    each = workers.cores or max(1, len(own) // count)
    cores = [[own[(slot * each + i) % len(own)] for i in range(each)] for slot in range(count)]
    if gpus:
        return cores, [{"CUDA_VISIBLE_DEVICES": gpus[slot]} for slot in range(count)]
    return cores, [{"PARS_MEMORY": f"{system.memory() / count:.0f}"}] * count
