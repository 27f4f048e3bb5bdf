"""What adapters share in the process of a peer: the job, its data, stand-ins for old packages, a compiled loop."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = np.ndarray


class Data(NamedTuple):
    """Transitions [N, ..] float32, on file as the harness wrote them."""

    obs: Array
    action: Array
    reward: Array  # [N]
    next_obs: Array
    terminal: Array  # [N] 0 or 1
    extra: dict[str, Array] = {}  # noqa: RUF012  further columns [N, ..] that an algorithm asks for: `next_action`, ..

    def write(self, path: Path) -> None:
        np.savez(path, **dict(zip(self._fields, self[:-1])), **self.extra)

    @property
    def next_action(self) -> Array:
        """The dataset's action after each transition; where it is not on file that of the following row."""
        return self.extra.get("next_action", np.roll(self.action, -1, axis=0))

    def d4rl(self) -> dict[str, Array]:
        """The dict that d4rl.qlearning_dataset gives."""
        return {
            "observations": self.obs,
            "actions": self.action,
            "rewards": self.reward,
            "next_observations": self.next_obs,
            "terminals": self.terminal,
        }


@dataclass(frozen=True)
class Job:
    """What a worker is told: JSON, from the harness."""

    adapter: str  # module
    algorithm: str
    folder: str  # the peer's checkout; "" for an installed package
    data: str  # npz of `Data`
    critics: int
    batch: int = 256
    seed: int = 0
    first: int = 1  # gradient steps before the first request, in the start's time; 0 only compiles
    total: int = 10**6  # planned gradient steps, where a schedule asks
    settings: dict[str, Any] = field(default_factory=dict)  # of the algorithm, over the peer's defaults

    def read(self) -> Data:
        with np.load(self.data, allow_pickle=False) as file:
            columns = dict(file)
        return Data(*(columns.pop(name) for name in Data._fields[:-1]), extra=columns)

    def open(self) -> tuple[Data, dict[str, Any]]:
        """The data with rewards as the settings `reward_scale` and `reward_shift` have them, and the other settings."""
        data, rest = self.read(), dict(self.settings)
        reward = rest.pop("reward_scale", 1.0) * data.reward + rest.pop("reward_shift", 0.0)
        return data._replace(reward=np.asarray(reward, np.float32)), rest


class Met(NamedTuple):
    """One transition met online: obs [O], action [A], the others as in `Data`."""

    obs: Array
    action: Array
    reward: Array
    next_obs: Array
    terminal: Array


class Adapter(Protocol):
    """One peer's algorithm on one dataset, in the peer's own loop style."""

    def steps(self, count: int) -> int:
        """Take about `count` gradient steps and wait for them; how many they were."""

    def act(self, obs: Array) -> Array:
        """The policy without noise: raw obs [n, O] -> action [n, A]."""


class Anything(ModuleType):
    """Stands in for a package that a peer imports but whose work here nobody needs: simulators, loggers, old parsers.

    Every attribute is a class that can be subclassed, called, and used as a decorator that changes nothing.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class Nothing:
    """Takes any call. With one function as its argument it is a decorator that changes nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Nothing and len(args) == 1 and not kwargs and callable(args[0]):
            return args[0]
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Nothing(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


def stand_in(*names: str) -> None:
    """Put an `Anything` where these packages would be imported from, whether they are installed or not."""
    for name in names:
        sys.modules[name] = Anything(name)


def bare_package(folder: str, *names: str) -> None:
    """Make these packages of the peer importable without running their own `__init__`."""
    for name in names:
        package = ModuleType(name)
        package.__path__ = [str(Path(folder, *name.split(".")))]
        sys.modules[name] = package


def load_module(folder: str, path: str) -> ModuleType:
    """The peer's module at `path` below its folder, whose siblings it may import."""
    file = Path(folder) / path
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(f"peer_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise FileNotFoundError(f"{file} is not there; is the folder a checkout of this peer?")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def old_jax() -> None:
    """Names that JAX has since moved or taken away."""
    import jax
    from jax.interpreters import xla

    for name in ("tree_map", "tree_multimap"):
        if not hasattr(jax, name):
            setattr(jax, name, jax.tree.map)
    if not hasattr(xla, "pytype_aval_mappings"):  # TensorFlow Probability enters a type of its own there
        xla.pytype_aval_mappings = jax.core.pytype_aval_mappings  # type: ignore[attr-defined]


def gymnasium_as_gym() -> None:
    """Gym's spaces and seeding, for peers that use them, from Gymnasium."""
    import gymnasium
    import gymnasium.utils.seeding

    parts = {"": gymnasium, ".spaces": gymnasium.spaces, ".utils": gymnasium.utils}
    sys.modules.update({f"gym{name}": module for name, module in parts.items()})


class Loop:
    """Steps of body(data, carry) -> carry in one compiled loop, as the JAX peers that compile their epochs have it.

    The length is an argument of the program: no count compiles again.
    """

    def __init__(self, body: Callable[[Any, Any], Any], data: Any, carry: Any):
        import jax

        self.jax, self.data, self.carry = jax, data, carry
        self.run = jax.jit(
            lambda data, carry, count: jax.lax.fori_loop(0, count, lambda _, carry: body(data, carry), carry)
        )

    def __call__(self, count: int) -> int:
        self.carry = self.jax.block_until_ready(self.run(self.data, self.carry, count))
        return count
