"""The only training: a population on its devices, moved on by blocks of gradient steps, offline and online alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from pars.config import stack
from pars.core import OFFLINE, ONLINE, Algorithm, Metrics, Spec, State
from pars.nn.spread import is_max
from pars.packing import Extra, width
from pars.training.feed import Episodes, InMemory, Streamed, Table, Tables, must_stream
from pars.training.plan import DataIn
from pars.training.policy import Policies
from pars.training.program import program_for
from pars.training.replay import Replay
from pars.training.trainers import Trainers


class Learner:
    """A population: P configs and seeds of one structure, their state, and the data that they learn from.

    Args:
        spec: of all members, or of each: sizes are those of the first.
        extra: columns that the algorithm asks for, with the shapes of one value.
    """

    def __init__(
        self,
        algo: Algorithm,
        configs: Sequence[Any],
        seeds: Sequence[int],
        spec: Spec | Sequence[Spec],
        extra: Extra = (),
    ) -> None:
        specs = [spec] * len(seeds) if isinstance(spec, Spec) else spec
        self.algo, self.configs, self.seeds, self.spec, self.extra = algo, [*configs], [*seeds], specs[0].sizes, extra
        self.program = program_for(algo, self.configs, specs[0], extra)
        self.placement, self.width = self.program.placement, self.program.width
        self.cfg = self.placement.put(jax.tree.map(np.asarray, stack(self.configs)))
        self.facts = self.placement.put(jax.tree.map(lambda *facts: np.stack(facts), *(one.facts for one in specs)))
        self.seed = self.placement.put(np.asarray(self.seeds, np.int32))
        self.state: State = self.program.init(self.cfg, self.facts, self.seed)
        self.sums: dict[str, Metrics] = {}  # of the interval under way, by phase
        self.feed: InMemory | Streamed | None = None
        self.replay: Replay | None = None
        self.trainers: dict[str, Trainers] = {}  # by phase

    @classmethod
    def on(
        cls,
        dataset: Any,
        algo: Algorithm,
        configs: Sequence[Any],
        seeds: Sequence[int],
        *,
        capacity: int = 0,
        goal_dim: int = 0,
        data_in: DataIn = "auto",
    ) -> Learner:
        """A population that learns from a Dataset, which has the columns that its configs ask for.

        Args:
            dataset: of all members, or a sequence with that of each; columns and widths agree.
            capacity: environment steps of each member online.
            goal_dim: of the task's goals; without a task that of the first config.
        """
        own = list(dataset) if isinstance(dataset, Sequence) else [dataset] * len(seeds)
        distinct = {id(data): data for data in own}
        numbers = {key: i for i, key in enumerate(distinct)}
        names = [column.name for column in algo.columns_of(configs[0])]
        specs = {key: make_spec(data, algo, configs[0], capacity, goal_dim) for key, data in distinct.items()}
        learner = cls(algo, configs, seeds, [specs[id(data)] for data in own], own[0].shapes(names))
        tables = [
            Table([data.packed, *(data.extra[name] for name in names)], Episodes.of(data.last))
            for data in distinct.values()
        ]
        learner.feed_from(Tables(tables, [numbers[id(data)] for data in own]), data_in)
        return learner

    def load(
        self,
        packed: np.ndarray,
        extra: Mapping[str, np.ndarray] | None = None,
        last: np.ndarray | None = None,
        data_in: DataIn = "auto",
    ) -> None:
        """The dataset's packed rows [N, W] and columns [N, ..] behind them; every member shares them.

        Args:
            last: [N] bool, whether a row ends its episode; for draws that know of episodes.
            data_in: "memory" of the devices; "stream": the host fetches the rows of coming steps; "auto": as it fits.
        """
        parts = [packed, *((extra or {})[name] for name, _ in self.extra)]
        table = Table(parts, Episodes.of(last) if last is not None else None)
        self.feed_from(Tables([table], [0] * len(self.seeds)), data_in)

    def feed_from(self, tables: Tables, data_in: DataIn = "auto") -> None:
        """The members' datasets. data_in: see `load`."""
        self.close()
        stream = must_stream(self.algo, 4 * tables.rows * self.width, self.placement, data_in)
        self.trainers = {
            phase.name: Trainers(phase, self.configs, self.seeds, tables.own, self.placement)
            for phase in self.algo.course
        }
        self.feed = (Streamed if stream else InMemory)(tables, self.program, self.trainers)

    def close(self) -> None:
        """Stop fetching."""
        if self.feed is not None:
            self.feed.close()

    def start_interval(self, phase: str) -> None:
        """Zero the running metrics."""
        self.sums[phase] = self.placement.put(self.program.nothing(phase))

    def run(self, start: int, count: int, total: int, phase: str = OFFLINE) -> None:
        """Dispatch `count` gradient steps from `start` of `total`; may return before they are done."""
        assert self.feed is not None, "load data first"
        replay = (self.replay.array, np.int32(self.replay.filled)) if self.replay and phase == ONLINE else ()
        step, who = self.program.block(phase, self.feed.streaming), self.trainers[phase]
        cfg, seed, own, state, sums = who.pick((self.cfg, self.seed, self.feed.own, self.state, self.sums[phase]))
        for number, (data, span) in enumerate(self.feed(phase, start, count, total)):
            if number:  # no more chunks on the devices than one that is used and those to come
                jax.block_until_ready(sums)
            where = (own, data, self.feed.episodes, tuple(map(np.int32, span)))
            state, sums = step(cfg, seed, state, sums, *where, *replay)
        self.state, self.sums[phase] = who.spread(self.state, state, sums)

    def metrics(self, count: int, phase: str = OFFLINE) -> dict[str, np.ndarray]:
        """Averages [P] over the `count` steps of the interval under way, maxima where there was anything; waits."""
        members, found = len(self.seeds), {}
        for name, value in self.placement.take(self.sums[phase]).items():
            flat = value.reshape(members, -1)
            if not is_max(name):
                found[name] = flat.mean(axis=1) / max(count, 1)
            elif count and not np.isneginf(flat).all():
                found[name] = flat.max(axis=1)
        return found

    def tree(self, phase: str, since: int) -> dict[str, Any]:
        """What a checkpoint holds, as NumPy [P, ..]: the state, the metrics interval under way and where it began."""
        take = self.placement.take
        return {"state": take(self.state), "sums": take(self.sums[phase]), "since": np.asarray(since, np.int64)}

    def restore(self, phase: str, saved: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
        """Take over such a tree; where its metrics interval began.

        For one of the online phase call `go_online` first: an algorithm may then have another state.

        Args:
            saved: a tree of that shape -> the saved one; `Checkpoint.restore`.
        """
        self.start_interval(phase)
        tree = saved(self.tree(phase, 0))
        self.state, self.sums[phase] = self.placement.put(tree["state"]), self.placement.put(tree["sums"])
        return int(tree["since"])

    def uniform_actions(self, step: int) -> np.ndarray:
        """Actions [P, n, A], uniform in the box, of environment step `step`."""
        return self.placement.take(self.program.uniform(self.seed, np.int32(step)))

    def act(self, obs: Any, step: int, explore: float) -> np.ndarray:
        """obs as `Act` has it, [P, ..] -> action [P, .., A]; explore 0 evaluates, 1 explores with that step's noise."""
        obs = jax.tree.map(lambda x: self.placement.pad(np.asarray(x, np.float32)), obs)
        args = (obs, np.int32(step), np.float32(explore))
        return self.placement.take(self.program.act(self.cfg, self.seed, self.state, *args))

    def policies(self) -> Policies:
        """The policies as they are now, from any thread."""
        cfg, state = self.placement.take(self.cfg), self.state
        return Policies(self.algo, cfg, state, self.seeds, self.spec)

    def go_online(self, capacity: int, rows: np.ndarray | None = None, further: np.ndarray | None = None) -> None:
        """Switch to the online phase, with room for `capacity` transitions of each member.

        rows, further: those of earlier steps, see Replay.fill.
        """
        self.state = self.program.switch(self.cfg, self.facts, self.seed, self.state)
        unknown = [
            np.full(int(np.prod(shape)), column.unknown, np.float32)
            for column, (_, shape) in zip(self.algo.columns_of(self.configs[0]), self.extra, strict=True)
        ]
        self.replay = Replay(self.placement, capacity, self.width, np.concatenate([np.zeros(0, np.float32), *unknown]))
        base = width(self.spec)
        self.replay.fill(np.zeros((0, len(self.seeds), base), np.float32) if rows is None else rows, further)


def make_spec(dataset: Any, algo: Algorithm, cfg: Any, capacity: int = 0, goal_dim: int = 0) -> Spec:
    """What an algorithm may know of a Dataset; rewards and actions only where wanted, for that reads all of them."""
    spec = Spec(dataset.obs_dim, dataset.action_dim, dataset.obs_mean, dataset.obs_std)
    spec = spec._replace(first_obs=np.asarray(dataset.packed[0, : dataset.obs_dim]))
    rows = len(dataset.last) if algo.weights else 0
    spec = spec._replace(goal_dim=goal_dim or cfg.goal_dim, rows=rows, capacity=capacity)
    spec = spec._replace(**dataset.action_facts()) if cfg.reads_actions else spec
    return spec._replace(**dataset.reward_facts()) if cfg.reads_rewards else spec
