"""Reads the records of tests/algos/parity: peers' losses and gradients on small inputs, see the README there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.core import Spec, Transition
from pars.rl.deterministic import State
from pars.rl.net import Net, make_net, make_normalizer
from pars.rl.soft import SoftState, temperature_step

FOLDER = Path(__file__).resolve().parent / "parity"
COLUMNS = ("obs", "action", "reward", "next_obs", "terminal")
PARTS = {"kernel": "kernel", "bias": "bias", "scale": "scale", "shift": "bias"}  # theirs: ours


class Record:
    """One file: `record["discount"]`, `record.batch()`, `record.mlp("critic")`, `record.noise`."""

    def __init__(self, name: str):
        with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
            self.arrays = dict(file)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def settings(self, *names: str) -> dict[str, float]:
        return {name: float(self[name]) for name in names}

    def batch(self, *extra: str) -> Transition:
        """Its transitions, with these columns behind them."""
        return Transition(*(jnp.asarray(self[name]) for name in COLUMNS), extra={name: self[name] for name in extra})

    def mlp(self, net: str) -> dict[str, Any]:
        """Parameters (or with "grad/..." gradients) as those of our `Actor` and `Critic`; critics are stacked."""
        found: dict[str, Any] = {}
        count = next(i for i in range(99) if f"{net}/{i}/kernel" not in self.arrays)
        for i in range(count):
            named = {part: self.arrays.get(f"{net}/{i}/{part}") for part in PARTS}
            layer = "out" if i == count - 1 else f"Dense_{i}"
            found[layer] = {part: jnp.asarray(named[part]) for part in ("kernel", "bias")}
            if named["scale"] is not None:
                norm = {PARTS[part]: jnp.asarray(named[part]) for part in ("scale", "shift")}
                found[f"LayerNorm_{i}"] = norm
        return {"mlp": found}

    def tree(self, net: str) -> dict[str, Any]:
        """Parameters (or gradients) of a network that is no MLP: named as ours are."""
        found: dict[str, Any] = {}
        for name, array in self.arrays.items():
            if name.startswith(f"{net}/"):
                *path, leaf = name.removeprefix(f"{net}/").split("/")
                inner = found
                for part in path:
                    inner = inner.setdefault(part, {})
                inner[leaf] = jnp.asarray(array)
        return found

    @property
    def noise(self) -> list[np.ndarray]:
        """What the peer drew, in its order."""
        return [self[f"noise/{i}"] for i in range(sum(name.startswith("noise/") for name in self.arrays))]


@contextmanager
def drawing(values: Sequence[Any], function: str = "normal", asked_with: list[Any] | None = None) -> Iterator[None]:
    """Inside, calls of `jax.random.<function>` give `values` in turn, which must have the shapes that they ask for.

    asked_with: takes the first argument behind the key of each call, such as a probability.
    """
    left = list(values)

    def draw(key: Any, *args: Any, shape: Sequence[int] = (), **kwargs: Any) -> Any:
        # without a shape a draw has that of its argument
        asked = tuple(next((arg for arg in args if isinstance(arg, Sequence)), shape or np.shape(*args[:1] or (0,))))
        if asked_with is not None:
            asked_with.append(args[0])
        value = jnp.asarray(left.pop(0))
        assert value.shape == asked, f"{function} of shape {asked} is asked for, next is {value.shape}"
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.random, function, draw)
        yield
    assert not left, f"{len(left)} draws were not asked for"


def drawing_by_key(keys: jax.Array, values: Any) -> Callable[..., Any]:
    """In the place of a function of `jax.random`: of each of these keys [K] its value [K, ..], also under `vmap`."""
    known = jax.random.key_data(keys)
    return lambda key, *args, **kwargs: jnp.asarray(values)[jnp.argmax(jnp.all(known == jax.random.key_data(key), -1))]


def same(found: Any, wanted: Any, check: Callable[..., None] = np.testing.assert_allclose) -> None:
    """Two trees agree to rounding in float32: of a number itself, or of the largest that stands beside it."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    jax.tree.map(lambda a, b: check(a, b, rtol=1e-5, atol=2e-6 * max(1.0, np.max(np.abs(b)))), found, wanted)


def sizes(record: Record) -> dict[str, Any]:
    """Settings for networks as deep as those on file."""
    depth = {net: sum(name.startswith("Dense") for name in record.mlp(net)["mlp"]) for net in ("critic", "actor")}
    return {"hidden": (8,) * depth["critic"], "actor_hidden": (8,) * depth["actor"]}


def soft_state(record: Record, cfg: Any) -> SoftState:
    critic = jax.vmap(make_net)(record.mlp("critic"))._replace(target=record.mlp("target"))
    log_alpha = make_net(jnp.asarray(record["log_alpha"]))
    return SoftState(make_net(soft_actor(record, "actor")), critic, log_alpha, make_normalizer(False, Spec(3, 2)))


def soft_actor(record: Record, net: str) -> Any:
    params = record.mlp(net)
    for ours, theirs in (("factor", "log_std_multiplier"), ("offset", "log_std_offset")):
        if f"{net}/{theirs}" in record.arrays:
            params[ours] = jnp.asarray(record[f"{net}/{theirs}"])
    return params


def check_critics(record: Record, critics: Any, loss: Any, share: float = 1.0) -> None:
    """The sum over critics of loss(params), times `share`, is theirs; so are its gradients."""
    total, grads = jax.value_and_grad(lambda p: share * jax.vmap(loss)(p).sum())(critics)
    same((total, grads), (record["loss/critic"], record.mlp("grad/critic")))


def check_temperature(record: Record, cfg: Any, state: SoftState, entropy: jnp.ndarray) -> None:
    """The slope, as Adam's first moment has it after one step."""
    stepped = temperature_step(cfg, state.log_temperature, entropy, 2)
    same(stepped.opt.mu / 0.1, record["grad/log_alpha"])


def check_actor(record: Record, params: Any, loss: Any) -> None:
    value, grads = jax.value_and_grad(loss)(params)
    same((value, grads), (record["loss/actor"], soft_actor(record, "grad/actor")))


def deterministic_state(record: Record, cfg: Any) -> State:
    actor = make_net(record.mlp("actor"))._replace(target=record.mlp("actor_target"))
    critic = jax.vmap(make_net)(record.mlp("critic"))._replace(target=record.mlp("target"))
    return State(actor, critic, make_normalizer(False, Spec(3, 2)))


def slopes(net: Net) -> Any:
    """The gradients of a network's first step, which Adam's first moments hold."""
    return jax.tree.map(lambda moment: moment / 0.1, net.opt.mu)
