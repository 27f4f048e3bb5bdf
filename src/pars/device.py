"""Where arrays run, decided in this one place. No algorithm, loss or loop knows which; results differ by rounding only.

On a CPU small matrices gain nothing from being split over threads, so each core becomes an XLA device of its own, the
members of a population are spread over them, and on each device members and stacked critics run one after another: one
critic's target, forward, backward and Adam stay in cache. On a GPU both axes are vmapped instead.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = Any


def setup(cache: bool = False) -> None:
    """One XLA device per core, before JAX starts (later calls change nothing). `cache`: keep compiled programs on disk.

    The persistent cache lives in `$PARS_CACHE_DIR`, else in the user's cache directory.
    """
    if cache:
        folder = cache_folder() / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        _forget_half_written(folder)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)  # a start has many small programs
        # the path of XLA's own caches would become part of the key, and a moved folder would miss everything
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
    try:
        jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:
        pass  # JAX is already running in this process: use the devices it has


def _forget_half_written(folder: Path) -> None:
    """Drop programs that a process which was killed may have been writing: JAX would warn of them at every start.

    Every process leaves a marker while it runs; what is younger than the marker of a dead one goes.
    """
    for marker in folder.glob("running-*"):
        try:
            os.kill(int(marker.name.partition("-")[2]), 0)
        except ProcessLookupError:
            begun = marker.stat().st_mtime
            for entry in folder.iterdir():
                if entry.stat().st_mtime >= begun and not entry.name.startswith("running-"):
                    entry.unlink(missing_ok=True)
            marker.unlink(missing_ok=True)
        except (OSError, ValueError):
            pass  # alive under another user, or not one of ours
    marker = folder / f"running-{os.getpid()}"
    marker.touch()
    atexit.register(marker.unlink, missing_ok=True)


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """`$PARS_CACHE_DIR`, else `pars` under the user's cache directory."""
    if folder := os.environ.get("PARS_CACHE_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pars"


def each(function: Callable[..., Tree], *stacked: Tree) -> Tree:
    """`function` for every slice of the leading axis of `stacked`, results stacked: in turn on a CPU, else vmapped."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda slices: function(*slices), stacked)
    return jax.vmap(function)(*stacked)


class Slot(NamedTuple):
    """A per-member array [P, ..] left whole, and the place in it that belongs to the member at hand."""

    array: Any
    member: Any


@dataclass(frozen=True)
class Placement:
    """Where a population of `members` runs.

    Per-member arrays on the devices have `rows` >= members on axis 0: the population is padded with copies of its last
    member to a multiple of the device count, and cut when it comes back.
    """

    members: int
    mesh: Mesh

    @property
    def rows(self) -> int:
        devices = self.mesh.size
        return -(-self.members // devices) * devices

    def put(self, tree: Tree) -> Tree:
        """Per-member arrays [P, ...] -> padded and spread over the devices."""
        return jax.tree.map(lambda x: jax.device_put(self.pad(x), self._sharding("members")), tree)

    def pad(self, array: Any) -> np.ndarray:
        """A per-member array [P, ..] padded, still on the host: for small ones that a compiled call takes along."""
        missing, array = self.rows - self.members, np.asarray(array)
        return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array

    def share(self, tree: Tree) -> Tree:
        """Arrays that every member reads -> a copy on every device."""
        return jax.tree.map(lambda x: jax.device_put(x, self._sharding()), tree)

    def take(self, tree: Tree) -> Tree:
        """Per-member device arrays -> NumPy [P, ...]."""
        return jax.tree.map(lambda x: np.asarray(x)[: self.members], tree)

    def map(
        self,
        function: Callable[..., Tree],
        shared: tuple[int, ...] = (),
        whole: tuple[int, ...] = (),
        donate: tuple[int, ...] = (),
    ) -> Callable[..., Tree]:
        """Compile `function`, written for one member, for the population.

        Arguments at `shared` have no member axis; those at `whole` reach the function as a `Slot`; all others have
        the member axis first and reach it without.
        """

        def members(*args: Tree) -> Tree:
            own = [i for i in range(len(args)) if i not in shared and i not in whole]
            count = len(jax.tree.leaves(args[own[0]])[0])

            def one(member: Any, *slices: Tree) -> Tree:
                rest = dict(zip(own, slices, strict=True))
                return function(
                    *(rest[i] if i in rest else Slot(arg, member) if i in whole else arg for i, arg in enumerate(args))
                )

            return each(one, jnp.arange(count), *(args[i] for i in own))

        def spread(*args: Tree) -> Tree:
            axes = PartitionSpec("members")
            specs = tuple(PartitionSpec() if i in shared else axes for i in range(len(args)))
            return jax.shard_map(members, mesh=self.mesh, in_specs=specs, out_specs=axes, check_vma=False)(*args)

        return jax.jit(spread if self.mesh.size > 1 else members, donate_argnums=donate)

    def _sharding(self, *axes: str) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(*axes))


def place(members: int) -> Placement:
    """A single run stays on one device (its large matmuls use all cores); a population is spread over all of them."""
    devices = jax.devices()[:members]
    return Placement(members, Mesh(np.array(devices), ("members",)))
