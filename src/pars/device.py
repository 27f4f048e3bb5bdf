"""Where arrays run, decided in this one place. No algorithm, loss or loop knows which; results differ by rounding only.

On a CPU small matrices gain nothing from being split over threads, so each core becomes an XLA device of its own, the
members of a population are spread over them, and on each device members and stacked critics run one after another: one
critic's target, forward, backward and Adam stay in cache. On a GPU both axes are vmapped instead.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pars.errors import UsageError

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
    # on the processor, what one device computes runs in the thread that asks for it: a policy call of an evaluation
    # would wait longer for another thread to wake up than for its actions
    jax.config.update("jax_cpu_enable_async_dispatch", False)
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


def cache_folder() -> Path:
    """`$PARS_CACHE_DIR`, else `pars` under the user's cache directory."""
    if folder := os.environ.get("PARS_CACHE_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pars"


_over_critics: ContextVar[Mesh | None] = ContextVar("over_critics", default=None)


def each(function: Callable[..., Tree], *stacked: Tree) -> Tree:
    """`function` for every slice of the leading axis of `stacked`, results stacked.

    One after another on a CPU, vmapped on a GPU. Where a single run has several devices they share the slices; then
    nothing may be differentiated through this call, only inside `function`.
    """
    mesh = _over_critics.get()
    if mesh is None or len(jax.tree.leaves(stacked)[0]) % mesh.size:
        return _each(function, *stacked)
    spread = jax.shard_map(
        lambda *part: _each(function, *part),
        mesh=mesh,
        in_specs=PartitionSpec("critics"),
        out_specs=PartitionSpec("critics"),
        check_vma=False,
    )
    return spread(*stacked)


def _each(function: Callable[..., Tree], *stacked: Tree) -> Tree:
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda slices: function(*slices), stacked)
    return jax.vmap(function)(*stacked)


def _each_in_place(function: Callable[..., tuple[Tree, ...]], stacked: list[Tree], replaced: list[int]) -> Tree:
    """`function(number, *slices)` for every slice; its results take the places of the arguments at `replaced`, where
    `_each` would fill fresh arrays at every call."""
    count = len(jax.tree.leaves(stacked)[0])
    if jax.default_backend() != "cpu":
        return _each(function, jnp.arange(count), *stacked)

    def body(number: Any, successors: tuple[Tree, ...]) -> tuple[Tree, ...]:
        args = list(stacked)
        for at, tree in zip(replaced, successors, strict=True):
            args[at] = tree
        results = function(number, *jax.tree.map(lambda x: x[number], args))
        return jax.tree.map(lambda x, y: jax.lax.dynamic_update_index_in_dim(x, y, number, 0), successors, results)

    return jax.lax.fori_loop(0, count, body, tuple(stacked[i] for i in replaced))


def some(stacked: Tree, indices: jax.Array) -> Tree:
    """The slices at `indices` of the leading axis: leaves [E, ..] -> [k, ..]."""
    mesh = _over_critics.get()
    if mesh is None or len(jax.tree.leaves(stacked)[0]) % mesh.size or len(indices) % mesh.size:
        return jax.tree.map(lambda x: x[indices], stacked)

    def send(part: Tree, indices: jax.Array) -> Tree:
        """Every device offers what it has of the chosen, as one array, and keeps its share of all of them."""
        leaves, structure = jax.tree.flatten(part)
        at = indices - len(leaves[0]) * jax.lax.axis_index("critics")
        mine = (at >= 0) & (at < len(leaves[0]))
        chosen = [x[jnp.clip(at, 0, len(x) - 1)].reshape(len(at), -1) for x in leaves]
        row = jnp.where(mine[:, None], jnp.concatenate(chosen, axis=1), 0)
        row = jax.lax.psum_scatter(row, "critics", tiled=True)
        parts = jnp.split(row, np.cumsum([x.shape[1] for x in chosen])[:-1], axis=1)
        shaped = [y.reshape(-1, *x.shape[1:]) for x, y in zip(leaves, parts, strict=True)]
        return jax.tree.unflatten(structure, shaped)

    critics = PartitionSpec("critics")
    spread = jax.shard_map(send, mesh=mesh, in_specs=(critics, PartitionSpec()), out_specs=critics, check_vma=False)
    return spread(stacked, indices)


def everywhere(tree: Tree) -> Tree:
    """Where a single run has several devices: all of them get all of `tree`, at once."""
    mesh = _over_critics.get()
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def materialized(function: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """function(x), of the shape of x, in a buffer of its own.

    XLA would work it out again for each of its readers. On a CPU that is dear for one that transposes: element by
    element it takes three times as long as a plain transposition. Nothing is fused across the borders of a loop, and
    this one turns once (or twice for NaN, which stays NaN), but the compiler cannot know.
    """
    if jax.default_backend() != "cpu":
        return function(x)
    turns = 1 + jnp.isnan(x.ravel()[0]).astype(jnp.int32)
    return jax.lax.fori_loop(0, turns, lambda _, x: function(x), x)


def transposed(x: jax.Array) -> jax.Array:
    """x.T as an operand of a product. On a CPU it is not folded into the product, which would take a slower kernel."""
    return jax.lax.optimization_barrier(x.T) if jax.default_backend() == "cpu" else x.T


class Slot(NamedTuple):
    """A per-member array [P, ..] left whole, and the place in it that belongs to the member at hand."""

    array: Any
    member: Any


@dataclass(frozen=True)
class Placement:
    """Where a population of `members` runs: the devices share its members, or share the critics of one after another.

    Per-member arrays on the devices have `rows` >= members on axis 0: if the devices share the members, the population
    is padded with copies of its last member to a multiple of the device count, and cut when it comes back.
    """

    members: int
    mesh: Mesh  # its axis is "members" or "critics"

    @property
    def rows(self) -> int:
        devices = self.mesh.shape.get("members", 1)
        return -(-self.members // devices) * devices

    def put(self, tree: Tree) -> Tree:
        """Per-member arrays [P, ...] -> padded and spread over the devices."""
        return jax.tree.map_with_path(lambda path, x: jax.device_put(self.pad(x), self._sharding(path)), tree)

    def pad(self, array: Any) -> np.ndarray:
        """A per-member array [P, ..] padded, still on the host: for small ones that a compiled call takes along."""
        array = np.asarray(array)
        missing = self.rows - len(array)
        return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array

    def share(self, tree: Tree) -> Tree:
        """Arrays that every member reads -> a copy on every device."""
        whole = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(lambda x: jax.device_put(x, whole), tree)

    def take(self, tree: Tree) -> Tree:
        """Per-member device arrays -> NumPy [P, ...]."""
        return jax.tree.map(lambda x: np.asarray(x)[: self.members], tree)

    def map(
        self,
        function: Callable[..., Tree],
        shared: tuple[int, ...] = (),
        whole: tuple[int, ...] = (),
        replaced: tuple[int, ...] = (),
    ) -> Callable[..., Tree]:
        """Compile `function`, written for one member, for the population.

        Arguments at `shared` have no member axis; those at `whole` reach the function as a `Slot`; all others have
        the member axis first and reach it without. Those at `replaced` are donated: `function` gives a tuple of their
        successors.
        """

        def members(*args: Tree) -> Tree:
            own = [i for i in range(len(args)) if i not in shared and i not in whole]
            count = len(jax.tree.leaves(args[own[0]])[0])

            def one(member: Any, *slices: Tree) -> Tree:
                rest = dict(zip(own, slices, strict=True))
                return function(
                    *(rest[i] if i in rest else Slot(arg, member) if i in whole else arg for i, arg in enumerate(args))
                )

            if replaced:
                return _each_in_place(one, [args[i] for i in own], [own.index(i) for i in replaced])
            return _each(one, jnp.arange(count), *(args[i] for i in own))

        def share_members(*args: Tree) -> Tree:
            axes = PartitionSpec("members")
            specs = tuple(PartitionSpec() if i in shared else axes for i in range(len(args)))
            return jax.shard_map(members, mesh=self.mesh, in_specs=specs, out_specs=axes, check_vma=False)(*args)

        def share_critics(*args: Tree) -> Tree:
            with self.tracing():
                results = members(*args)
            pin = jax.lax.with_sharding_constraint  # donated arrays come back where they were
            return jax.tree.map_with_path(lambda path, x: pin(x, self._sharding(path)), results)

        alone = self.mesh.size == 1
        spread = share_members if "members" in self.mesh.axis_names else share_critics
        return jax.jit(members if alone else spread, donate_argnums=replaced)

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """What is traced in here for one member runs where this placement puts it."""
        token = _over_critics.set(self.mesh if "critics" in self.mesh.axis_names else None)
        try:
            yield
        finally:
            _over_critics.reset(token)

    def _sharding(self, path: Any) -> NamedSharding:
        """Of a per-member array [P, ..] at `path` of a state, or of what a compiled function takes or gives."""
        if "members" in self.mesh.axis_names:
            return NamedSharding(self.mesh, PartitionSpec("members"))
        critic = any(getattr(key, "name", None) == "critic" for key in path[:2])
        return NamedSharding(self.mesh, PartitionSpec(None, "critics") if critic else PartitionSpec())


def place(members: int, critics: int = 1) -> Placement:
    """The devices share the members where they divide them well, else the `critics` of each member.

    Of those each device takes two at least: with one, what all devices do alike weighs as much as what they share.
    """
    devices = np.array(jax.devices()[: limit()])
    used = min(len(devices), members)
    waste = -members % used / members
    share = max(d for d in range(1, len(devices) + 1) if d == 1 or (critics % d == 0 and critics >= 2 * d))
    if jax.default_backend() == "cpu" and 0.9 * share > used * (1 - waste):
        return Placement(members, Mesh(devices[:share], ("critics",)))
    return Placement(members, Mesh(devices[:used], ("members",)))
