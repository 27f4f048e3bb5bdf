"""The only training: one block of gradient steps, offline and online alike, compiled once for a structure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.checkpoint import Checkpoint
from pars.config import stack
from pars.core import Algorithm, Metrics, Spec, State, Step, Transition
from pars.device import Placement, place
from pars.source import Source, draw, push

# Randomness: fold_in(fold_in(key(seed), stream), step). No generator is stored anywhere.
INIT, UPDATE, UPDATE_ONLINE, ACT, SWITCH = range(5)


def stream(seed: Array, number: int) -> Array:
    """The key of one stream of a run. seed: int32 scalar."""
    return jax.random.fold_in(jax.random.key(seed), number)


def block(
    algo: Algorithm,
    cfg: Any,
    spec: Spec,
    state: State,
    sums: Metrics,
    source: Source,
    key: Array,
    span: tuple[Array, Array, Array],
    online: bool,
) -> tuple[State, Metrics]:
    """`count` gradient steps of one member from step `start` on; metrics are added to `sums`.

    Args:
        span: start, count, and the steps planned in this phase; traced, so that no length compiles again.
        sums: running sums, but running maxima for names that end in `_max`; they make an interval's average
            independent of how it was cut into blocks.
    """
    start, count, total = span

    def body(index: Array, carry: tuple[State, Metrics]) -> tuple[State, Metrics]:
        state, sums = carry
        k_batch, k_update = jax.random.split(jax.random.fold_in(key, index))
        batch = draw(source, k_batch, cfg.batch_size, cfg.offline_rows, spec.obs_dim)
        state, metrics = algo.update(cfg, state, batch, k_update, Step(index, total, online))
        return state, {name: fold(name, sums[name], value) for name, value in metrics.items()}

    return jax.lax.fori_loop(start, start + count, body, (state, sums))


def fold(name: str, total: Array, value: Array) -> Array:
    return jnp.maximum(total, value) if name.endswith("_max") else total + value


def metric_names(algo: Algorithm, cfg: Any, spec: Spec, state: State, online: bool) -> list[str]:
    """What `algo.update` reports in this phase."""
    obs, rows = jnp.zeros((cfg.batch_size, spec.obs_dim)), jnp.zeros(cfg.batch_size)
    batch = Transition(obs, jnp.zeros((cfg.batch_size, spec.action_dim)), rows, obs, rows)
    step = Step(jnp.zeros((), jnp.int32), jnp.ones((), jnp.int32), online)
    key = jax.random.key(0)
    return sorted(jax.eval_shape(lambda c, s, b, k: algo.update(c, s, b, k, step), cfg, state, batch, key)[1])


@dataclass
class Learner:
    """A population on its devices: P configs and seeds of one structure, their compiled programs, and their state."""

    algo: Algorithm
    configs: list[Any]
    seeds: list[int]
    spec: Spec

    def __post_init__(self) -> None:
        self.placement: Placement = place(len(self.seeds))
        put = self.placement.put
        self.cfg = put(jax.tree.map(np.asarray, stack(self.configs)))
        self.seed = put(np.asarray(self.seeds, np.int32))
        algo, spec = self.algo, self.spec
        # under jit, so that targets do not alias parameters and the state can be donated
        init = self.placement.map(lambda cfg, seed: algo.init(cfg, spec, stream(seed, INIT)))
        self.state: State = init(self.cfg, self.seed)
        self.sums: dict[bool, Metrics] = {}  # of the interval under way, by phase
        self._names: dict[bool, list[str]] = {}
        self._blocks = {online: self._compile(online) for online in (False, True)}
        self._act = self.placement.map(self._act_one, shared=(4, 5))
        self._push = jax.jit(partial(jax.vmap(push, in_axes=(0, 0, None))), donate_argnums=0)

    def _compile(self, online: bool) -> Any:
        algo, spec = self.algo, self.spec

        def run(cfg: Any, seed: Array, state: State, sums: Metrics, data: Array, span: Any, *replay: Any) -> Any:
            source = Source(data, *replay)
            key = stream(seed, UPDATE_ONLINE if online else UPDATE)
            return block(algo, cfg, spec, state, sums, source, key, span, online)

        return self.placement.map(run, shared=(4, 5, 7), whole=(6,), donate=(2, 3))

    def _act_one(self, cfg: Any, seed: Array, state: State, obs: Array, step: Array, explore: Array) -> Array:
        return self.algo.act(cfg, state, obs, jax.random.fold_in(stream(seed, ACT), step), explore)

    def load(self, columns_packed: np.ndarray) -> None:
        """Put the dataset's packed rows [N, W] on the devices; every member shares them."""
        self.data = self.placement.share(columns_packed)

    def start_interval(self, online: bool) -> None:
        """Zero the running metrics."""
        if online not in self._names:  # traced once: it takes a good part of a second
            self._names[online] = metric_names(self.algo, self.configs[0], self.spec, _slice(self.state), online)
        fill = {name: -np.inf if name.endswith("_max") else 0.0 for name in self._names[online]}
        rows = len(self.seeds)
        self.sums[online] = self.placement.put({name: np.full(rows, fill[name], np.float32) for name in fill})

    def run(self, start: int, count: int, total: int, online: bool = False) -> None:
        """Dispatch `count` gradient steps from `start` of `total`; returns before they are done."""
        span = tuple(np.int32(number) for number in (start, count, total))
        replay = (self.replay, np.int32(self.filled)) if online else ()
        self.state, self.sums[online] = self._blocks[online](
            self.cfg, self.seed, self.state, self.sums[online], self.data, span, *replay
        )

    def metrics(self, count: int, online: bool = False) -> dict[str, np.ndarray]:
        """Averages [P] over the `count` steps of the interval under way; waits for them."""
        sums = self.placement.take(self.sums[online])
        return {name: value if name.endswith("_max") else value / max(count, 1) for name, value in sums.items()}

    def tree(self, online: bool, since: int) -> dict[str, Any]:
        """What a checkpoint holds, as NumPy [P, ..]: the state, the metrics interval under way and where it began."""
        take = self.placement.take
        return {"state": take(self.state), "sums": take(self.sums[online]), "since": np.asarray(since, np.int64)}

    def restore(self, saved: Checkpoint) -> int:
        """Take over a checkpoint of such a tree; where its metrics interval began.

        For one of the online phase call `go_online` first: an algorithm may then have another state.
        """
        online = saved.position.phase == "online"
        self.start_interval(online)
        tree = saved.restore(self.tree(online, 0))
        self.state, self.sums[online] = self.placement.put(tree["state"]), self.placement.put(tree["sums"])
        return int(tree["since"])

    def act(self, obs: np.ndarray, step: int, explore: float) -> np.ndarray:
        """obs [P, .., O] -> action [P, .., A]; explore 0 evaluates, 1 explores with the noise of `step`."""
        args = (self.placement.pad(np.asarray(obs, np.float32)), np.int32(step), np.float32(explore))
        return self.placement.take(self._act(self.cfg, self.seed, self.state, *args))

    def go_online(self) -> None:
        """Switch to the online phase; the replay is empty until `set_replay`."""
        algo = self.algo
        switch = self.placement.map(lambda c, seed, s: algo.go_online(c, s, stream(seed, SWITCH)), donate=(2,))
        self.state = switch(self.cfg, self.seed, self.state)

    def set_replay(self, rows: np.ndarray, capacity: int) -> None:
        """Replays with room for `capacity` transitions per member that hold rows [T, P, W] of earlier steps."""
        replay = np.zeros((len(self.seeds), capacity, self.data.shape[1]), np.float32)
        replay[:, : len(rows)] = rows.swapaxes(0, 1)
        self.replay, self.filled = self.placement.put(replay), len(rows)

    def push(self, rows: np.ndarray) -> None:
        """One transition [P, W] per member into the replays."""
        self.replay = self._push(self.replay, self.placement.pad(rows), np.int32(self.filled))
        self.filled += 1


def _slice(tree: Any) -> Any:
    """Shapes of one member of a stacked state."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), tree)
