"""Where arrays run, decided in this one place. No algorithm, loss or loop knows which; results differ by rounding only.

On a CPU each core becomes an XLA device of its own, the members of a population are spread over them, and on each
device members and stacked critics run one after another. On a GPU both axes are vmapped instead, see nn/spread.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pars.nn.spread import map_in_place, map_locally, over_critics
from pars.system import free_on_host, limit, parse_bytes

Tree = Any


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

    def full(self, shape: tuple[int, ...], value: Any) -> Any:
        """A per-member array [P, *shape] of `value`, which broadcasts to it, made where it stays."""
        make = lambda value: jnp.broadcast_to(value, (self.rows, *shape))  # noqa: E731
        return jax.jit(make, out_shardings=self._sharding(()))(value)

    def share(self, tree: Tree) -> Tree:
        """Arrays that every member reads -> a copy on every device."""
        whole = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(lambda x: jax.device_put(x, whole), tree)

    def select(self, tree: Tree, members: Any) -> Tree:
        """Inside a compiled function: rows `members` [P] of per-member arrays of a population on the same devices."""
        rows = self.pad(members)

        def one(path: Any, x: Any) -> Any:
            # as bits: what devices exchange is added to zeros of the others, and -0.0 + 0.0 is 0.0
            exact = x.view(f"uint{8 * x.dtype.itemsize}") if jnp.issubdtype(x.dtype, jnp.floating) else x
            return jax.lax.with_sharding_constraint(exact[rows].view(x.dtype), self._sharding(path))

        return jax.tree.map_with_path(one, tree)

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
                return map_in_place(one, [args[i] for i in own], [own.index(i) for i in replaced])
            return map_locally(one, jnp.arange(count), *(args[i] for i in own))

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
        token = over_critics.set(self.mesh if "critics" in self.mesh.axis_names else None)
        try:
            yield
        finally:
            over_critics.reset(token)

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


def free_memory(placement: Placement) -> float:
    """Bytes free on each of the devices, or, where they have no memory of their own, on the host.

    `$PARS_MEMORY` (bytes, or such as 20GB) says instead how many to count on.
    """
    if text := os.environ.get("PARS_MEMORY"):
        return parse_bytes(text)
    stats = [device.memory_stats() or {} for device in placement.mesh.devices.flat]
    if all("bytes_limit" in entry for entry in stats):
        return float(min(entry["bytes_limit"] - entry["bytes_in_use"] for entry in stats))
    return free_on_host()
