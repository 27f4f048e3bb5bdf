"""The only training: one block of gradient steps, offline and online alike, compiled once for a structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import stack
from pars.core import Algorithm, Metrics, Spec, State, Step
from pars.nn.spread import trace_once
from pars.packing import Extra, unpack, width
from pars.train.checkpoint import Checkpoint
from pars.train.placement import Placement, place
from pars.train.policy import Policy, frozen
from pars.train.prefetch import DataIn, Stream, chunk_steps, joined, on_host, streams
from pars.train.source import Source, draw, pick, push

# Randomness: fold_in(fold_in(key(seed), stream), step). No generator is stored anywhere.
INIT, UPDATE, UPDATE_ONLINE, ACT, SWITCH = range(5)
ANNOTATED = 256  # rows of a replay that are annotated at a time, so that few lengths compile


def stream(seed: Array, number: int) -> Array:
    """The key of one stream of a run. seed: int32 scalar."""
    return jax.random.fold_in(jax.random.key(seed), number)


def step_keys(key: Array, index: Array) -> tuple[Array, Array]:
    """The keys of a gradient step: of its batch and of its update."""
    k_batch, k_update = jax.random.split(jax.random.fold_in(key, index))
    return k_batch, k_update


Update = Callable[[Any, State, Array, Array, Array, Array], tuple[State, Metrics]]


def trace_update(
    algo: Algorithm, cfg: Any, spec: Spec, state: State, online: bool, extra: Extra = ()
) -> tuple[Update, dict[str, Any]]:
    """`algo.update` of one phase as (cfg, state, packed rows [B, W], key, step, steps planned) -> (state, metrics), and
    its metrics of no steps: sums and maxima, NumPy arrays [] or [E].

    Traced here, once: it takes half a second. cfg and state need only have the right shapes.
    """

    def update(cfg: Any, state: State, rows: Array, key: Array, number: Array, total: Array) -> Any:
        return algo.update(cfg, state, unpack(rows, spec.obs_dim, extra), key, Step(number, total, online))

    rows, count = jax.ShapeDtypeStruct((cfg.batch_size, width(spec, extra)), np.float32), np.int32(0)
    traced, (_, shapes) = trace_once(
        update, jax.tree.map(np.float32, cfg), state, rows, jax.random.key(0), count, count
    )
    none = {name: np.full(x.shape, -np.inf if is_max(name) else 0.0, np.float32) for name, x in shapes.items()}
    return traced, none


def block(
    update: Update,
    cfg: Any,
    state: State,
    sums: Metrics,
    source: Source,
    key: Array,
    span: tuple[Array, Array, Array],
) -> tuple[State, Metrics]:
    """`count` gradient steps of one member from step `start` on; metrics are added to `sums`.

    Args:
        update: of `trace_update`.
        sums: running sums, but running maxima for names that end in `_max`; they make an interval's average
            independent of how it was cut into blocks.
        span: start, count, and the steps planned in this phase; traced, so that no length compiles again.
    """
    start, count, total = span

    def fetch(index: Array) -> Array:
        return draw(source, step_keys(key, index)[0], index, cfg.batch_size, cfg.offline_rows)

    def body(index: Array, carry: tuple[State, Metrics, Array]) -> tuple[State, Metrics, Array]:
        state, sums, rows = carry
        state, metrics = update(cfg, state, rows, step_keys(key, index)[1], index, total)
        # the next rows are fetched here and carried over, so that no part of the update is fused with their fetching:
        # it is compiled alike, to the last bit, wherever they come from
        return state, {name: fold(name, sums[name], value) for name, value in metrics.items()}, fetch(index + 1)

    state, sums, _ = jax.lax.fori_loop(start, start + count, body, (state, sums, fetch(start)))
    return state, sums


def fold(name: str, total: Array, value: Array) -> Array:
    return jnp.maximum(total, value) if is_max(name) else total + value


def is_max(name: str) -> bool:
    return name.endswith("_max")


@dataclass
class Learner:
    """A population on its devices: P configs and seeds of one structure, their compiled programs, and their state."""

    algo: Algorithm
    configs: list[Any]
    seeds: list[int]
    spec: Spec
    extra: Extra = ()  # columns that the algorithm asks for, with their shapes

    def __post_init__(self) -> None:
        self.placement: Placement = place(len(self.seeds), self._critics())
        put = self.placement.put
        self.cfg = put(jax.tree.map(np.asarray, stack(self.configs)))
        self.seed = put(np.asarray(self.seeds, np.int32))
        algo, spec = self.algo, self.spec
        # under jit, so that targets do not alias parameters and the state can be donated
        init = self.placement.map(lambda cfg, seed: algo.init(cfg, spec, stream(seed, INIT)))
        self.state: State = init(self.cfg, self.seed)
        self.width = width(spec, self.extra)
        self.sums: dict[bool, Metrics] = {}  # of the interval under way, by phase
        self._streams: dict[bool, Stream] = {}
        self._updates: dict[bool, tuple[Update, dict[str, Any]]] = {}
        self._act = self.placement.map(self._act_one, shared=(4, 5))
        self._uniform = self.placement.map(self._uniform_one, shared=(1,))
        self._push = jax.jit(partial(jax.vmap(push, in_axes=(0, 0, None))), donate_argnums=0)
        self._annotate = jax.jit(_annotate, donate_argnums=0)

    def _critics(self) -> int:
        """Critics that a member's devices may share."""
        key = jax.eval_shape(jax.random.key, 0)
        state = jax.eval_shape(lambda key: self.algo.init(self.configs[0], self.spec, key), key)
        return len(jax.tree.leaves(state.critic.params)[0]) if self.algo.critic else 1

    def load(self, packed: np.ndarray, extra: Mapping[str, np.ndarray] | None = None, data_in: DataIn = "auto") -> None:
        """The dataset's packed rows [N, W] and columns [N, ..] behind them; every member shares them.

        Args:
            data_in: "memory" of the devices; "stream": the host fetches the rows of coming steps; "auto": as it fits.
        """
        parts = [packed, *((extra or {})[name] for name, _ in self.extra)]
        self.streaming = streams(4 * len(packed) * self.width, self.placement, data_in)
        if self.streaming:
            self._streams = {online: self._stream(parts, online) for online in (False, True)}
        else:
            self.data = self.placement.share(joined(parts))
        self._blocks = {online: self._compile(online) for online in (False, True)}

    def _compile(self, online: bool) -> Any:
        streaming = self.streaming

        def run(cfg: Any, seed: Array, state: State, sums: Metrics, data: Array, span: Any, *replay: Any) -> Any:
            source = Source(data, *replay)
            if streaming:
                source = source._replace(data=None, fetched=data, first=span[3])
            key = stream(seed, UPDATE_ONLINE if online else UPDATE)
            return block(self._traced(online)[0], cfg, state, sums, source, key, span[:3])

        return self.placement.map(run, shared=(5, 7) if streaming else (4, 5, 7), whole=(6,), replaced=(2, 3))

    def _stream(self, parts: list[np.ndarray], online: bool) -> Stream:
        """Fetches the rows that `draw` would pick from the dataset in the batches of a phase."""
        cfg, rows, seeds = self.configs[0], len(parts[0]), np.asarray(self.seeds, np.int32)
        count = cfg.offline_rows if online else cfg.batch_size
        steps = chunk_steps(4 * len(seeds) * count * self.width)

        def one(seed: Array, index: Array) -> Array:
            key = stream(seed, UPDATE_ONLINE if online else UPDATE)
            return pick(step_keys(key, index)[0], count, rows, online)

        own = jax.vmap(one, in_axes=(None, 0))
        picks = on_host(lambda seeds, first: jax.vmap(own, in_axes=(0, None))(seeds, first + jnp.arange(steps)))
        return Stream(parts, lambda first: picks(seeds, np.int32(first)), steps, self.placement.put)

    def close(self) -> None:
        """Stop fetching."""
        for line in self._streams.values():
            line.close()

    def _act_one(self, cfg: Any, seed: Array, state: State, obs: Array, step: Array, explore: Array) -> Array:
        return self.algo.act(cfg, state, obs, jax.random.fold_in(stream(seed, ACT), step), explore)

    def _uniform_one(self, seed: Array, step: Array) -> Array:
        key = jax.random.fold_in(stream(seed, ACT), step)
        return jax.random.uniform(key, (self.spec.action_dim,), minval=-1.0, maxval=1.0)

    def start_interval(self, online: bool) -> None:
        """Zero the running metrics."""
        rows = len(self.seeds)
        self.sums[online] = self.placement.put(
            {name: np.repeat(value[None], rows, axis=0) for name, value in self._traced(online)[1].items()}
        )

    def _traced(self, online: bool) -> tuple[Update, dict[str, Any]]:
        if online not in self._updates:
            with self.placement.tracing():
                self._updates[online] = trace_update(
                    self.algo, self.configs[0], self.spec, _slice(self.state), online, self.extra
                )
        return self._updates[online]

    def run(self, start: int, count: int, total: int, online: bool = False) -> None:
        """Dispatch `count` gradient steps from `start` of `total`; may return before they are done."""
        if not self.streaming:
            self._dispatch(self.data, (start, count, total), online)
            return
        line = self._streams[online]
        for number in range(start // line.steps, (start + count - 1) // line.steps + 1):
            first = number * line.steps
            begin, end = max(start, first), min(start + count, first + line.steps)
            chunk = line(number, total)
            if begin > start:  # no more chunks on the devices than one that is used and those to come
                jax.block_until_ready(self.sums[online])
            self._dispatch(chunk, (begin, end - begin, total, first), online)

    def _dispatch(self, data: Any, span: tuple[int, ...], online: bool) -> None:
        replay = (self.replay, np.int32(self.filled)) if online else ()
        self.state, self.sums[online] = self._blocks[online](
            self.cfg, self.seed, self.state, self.sums[online], data, tuple(map(np.int32, span)), *replay
        )

    def metrics(self, count: int, online: bool = False) -> dict[str, np.ndarray]:
        """Averages [P] over the `count` steps of the interval under way; waits for them."""
        rows, sums = len(self.seeds), self.placement.take(self.sums[online])
        flat = {name: value.reshape(rows, -1) for name, value in sums.items()}
        return {name: v.max(axis=1) if is_max(name) else v.mean(axis=1) / max(count, 1) for name, v in flat.items()}

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

    def uniform_actions(self, step: int) -> np.ndarray:
        """Actions [P, A], uniform in the box, of environment step `step`."""
        return self.placement.take(self._uniform(self.seed, np.int32(step)))

    def act(self, obs: np.ndarray, step: int, explore: float) -> np.ndarray:
        """obs [P, .., O] -> action [P, .., A]; explore 0 evaluates, 1 explores with the noise of `step`."""
        args = (self.placement.pad(np.asarray(obs, np.float32)), np.int32(step), np.float32(explore))
        return self.placement.take(self._act(self.cfg, self.seed, self.state, *args))

    def policy(self) -> Policy:
        """The deterministic policies as they are now: obs [P, .., O] -> action [P, .., A], from any thread."""
        return frozen(self.algo, self.cfg, self.state, len(self.seeds))

    def go_online(self) -> None:
        """Switch to the online phase; the replay is empty until `set_replay`."""
        algo = self.algo
        switch = self.placement.map(lambda c, seed, s: algo.go_online(c, s, stream(seed, SWITCH)))
        self.state = switch(self.cfg, self.seed, self.state)

    def set_replay(self, rows: np.ndarray, capacity: int, extra: np.ndarray | None = None) -> None:
        """Replays with room for `capacity` transitions per member that hold rows [T, P, W] of earlier steps.

        extra: their further columns [T, P, X]; by default those of rows that are met online, see `push`.
        """
        replay = np.zeros((self.placement.rows, capacity, self.width), np.float32)  # padded at once: it may be large
        count, base = len(rows), self.width - self.extra_width
        replay[:, :, base:] = self.algo.unknown
        replay[: len(self.seeds), :count, :base] = rows.swapaxes(0, 1)[..., :base]
        if extra is not None:
            replay[: len(self.seeds), :count, base:] = extra.swapaxes(0, 1)
        self.replay, self.filled = self.placement.put(replay), count

    def push(self, rows: np.ndarray) -> None:
        """One transition [P, W] per member into the replays; further columns are the algorithm's `unknown`."""
        rows = np.pad(rows, ((0, 0), (0, self.width - rows.shape[1])), constant_values=self.algo.unknown)
        self.replay = self._push(self.replay, self.placement.pad(rows), np.int32(self.filled))
        self.filled += 1

    def annotate(self, member: int, first: int, columns: np.ndarray) -> None:
        """Put further columns [T, X] into the rows of a member's replay from `first` on."""
        at = np.arange(first, first + ANNOTATED * -(-len(columns) // ANNOTATED), dtype=np.int32)
        at[len(columns) :] = np.iinfo(np.int32).max  # out of range: dropped
        padded = np.zeros((len(at), columns.shape[1]), np.float32)
        padded[: len(columns)] = columns
        self.replay = self._annotate(self.replay, np.int32(member), at, padded)

    @property
    def extra_width(self) -> int:
        """Floats of the further columns in a packed row."""
        return self.width - width(self.spec)


def _annotate(replay: Array, member: Array, at: Array, columns: Array) -> Array:
    return replay.at[member, at, -columns.shape[1] :].set(columns, mode="drop")


def _slice(tree: Any) -> Any:
    """Shapes of one member of a stacked state."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), tree)
