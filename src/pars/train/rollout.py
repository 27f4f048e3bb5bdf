"""Acting in the world: evaluation of a whole population at once, and one online environment per member."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pars.core import Transition
from pars.envs.base import MIN_SLICE, BatchEnv, Task
from pars.packing import pack, unpack
from pars.system import cores

Array = np.ndarray
EVALUATION, EPISODE = 0, 1  # streams of environment seeds


class Evaluation(NamedTuple):
    """What E episodes of each of P members gave."""

    returns: Array  # [P, E] undiscounted raw return
    lengths: Array  # [P, E] actions
    positions: Array | None  # [P, E, T, 2] of a maze, NaN after the end


def environment_seed(stream: int, *numbers: int) -> int:
    """A seed that depends on all `numbers`; the streams of evaluation and training never meet."""
    return int(np.random.SeedSequence((stream, *numbers)).generate_state(1, np.uint32)[0])


class Evaluator:
    """P x E environments, made once. Every evaluation starts from the same E states, whatever the training seed;
    `first` counts on to others.

    The episodes are dealt to one worker per core, each with its own environments and its own policy calls: while one
    waits for the policy, another's physics runs.
    """

    def __init__(self, task: Task, members: int, episodes: int, first: int = 0):
        self.task, self.members, self.episodes = task, members, episodes
        workers = max(1, min(cores(), episodes, members * episodes // MIN_SLICE))
        edges = [episodes * i // workers for i in range(workers + 1)]
        self.parts = [range(first + low, first + high) for low, high in pairwise(edges)]
        self.envs = [task.make(members * len(part), threads=1) for part in self.parts]

    def __call__(self, act: Callable[[Array], Array]) -> Evaluation:
        """Run all episodes with `act`: obs [P, e, O] -> action [P, e, A] for the e episodes of a worker."""
        with ThreadPoolExecutor(len(self.parts)) as pool:
            done = list(pool.map(lambda env, part: self._run(env, part, act), self.envs, self.parts))
        steps = max(0 if part.positions is None else part.positions.shape[2] for part in done)
        return Evaluation(
            np.concatenate([part.returns for part in done], axis=1),
            np.concatenate([part.lengths for part in done], axis=1),
            np.concatenate([_pad(part.positions, steps) for part in done], axis=1) if steps else None,
        )

    def _run(self, env: BatchEnv, episodes: range, act: Callable[[Array], Array]) -> Evaluation:
        p, e, n = self.members, len(episodes), self.members * len(episodes)
        seeds = np.array([environment_seed(EVALUATION, i) for i in episodes] * p, np.int64)
        obs = np.array(env.reset(np.arange(n), seeds))
        returns, lengths, running, steps = np.zeros(n), np.zeros(n, np.int64), np.arange(n), 0
        track = self.task.maze is not None
        path = np.full((n, self.task.time_limit + 1 if track else 1, 2), np.nan, np.float32)
        path[:, 0] = obs[:, :2]
        while len(running):
            action = act(obs.reshape(p, e, -1)).reshape(n, -1)
            result = env.step(running, action[running])
            steps += 1
            obs[running] = result.obs
            returns[running] += result.reward
            if track:
                path[running, steps] = result.obs[:, :2]
            ended = result.terminal | result.truncated
            if ended.any():
                lengths[running[ended]] = steps
                running = running[~ended]
        positions = path[:, : steps + 1].reshape(p, e, steps + 1, 2) if track else None
        return Evaluation(returns.reshape(p, e), lengths.reshape(p, e), positions)

    def close(self) -> None:
        for env in self.envs:
            env.close()


def _pad(positions: Array | None, steps: int) -> Array:
    """Positions [P, e, t, 2] with NaN up to `steps`."""
    assert positions is not None
    missing = steps - positions.shape[2]
    return np.pad(positions, ((0, 0), (0, 0), (0, missing), (0, 0)), constant_values=np.nan)


def uniform_rows(task: Task, count: int = 1000) -> dict[str, Array]:
    """What uniform actions do in a task, as arrays with D4RL's keys: stands in for a dataset, in probes and pictures,
    where none is learnt from."""
    interaction, rng = Interaction(task, [0]), np.random.default_rng(0)
    steps = [interaction.step(rng.uniform(-1, 1, (1, task.action_dim))) for _ in range(count)]
    interaction.close()
    columns = unpack(np.concatenate([rows for rows, _ in steps]), task.obs_dim)
    last = np.concatenate([ended for _, ended in steps])
    return {
        "observations": columns.obs,
        "actions": columns.action,
        "rewards": columns.reward,
        "terminals": columns.terminal,
        "timeouts": last & (columns.terminal == 0),
        "next_observations": columns.next_obs,
    }


@dataclass
class Interaction:
    """One environment per member, all stepped together.

    Everything is a function of the members' seeds and the rows so far: `replay` puts a fresh object where another one
    stood by taking the open episodes' actions again.
    """

    task: Task
    seeds: list[int]  # of the members

    def __post_init__(self) -> None:
        self.env: BatchEnv = self.task.make(len(self.seeds))
        self.episodes = np.zeros(len(self.seeds), np.int64)  # finished, per member
        self.obs = np.array(self._reset(np.arange(len(self.seeds))))

    def step(self, action: Array) -> tuple[Array, Array]:
        """Take action [P, A]; -> packed transitions [P, W] and whether each episode ended [P]. Ended ones restart."""
        action = np.clip(np.asarray(action, np.float32), -1.0, 1.0)
        result = self.env.step(np.arange(len(self.seeds)), action)
        rows = pack(Transition(self.obs, action, result.reward, result.obs, result.terminal.astype(np.float32)))
        last = np.asarray(result.terminal | result.truncated)
        self.obs = np.array(result.obs)
        if last.any():
            self.episodes[last] += 1
            self.obs[last] = self._reset(np.flatnonzero(last))
        return rows, last

    def replay(self, rows: Array, last: Array) -> None:
        """Continue where `rows` [T, P, W] and `last` [T, P] of earlier steps left off."""
        self.episodes[:] = last.sum(axis=0)
        self.obs = np.array(self._reset(np.arange(len(self.seeds))))
        for member in range(len(self.seeds)):
            ends = np.flatnonzero(last[:, member])
            start = ends[-1] + 1 if len(ends) else 0
            actions = unpack(rows[start:, member], self.task.obs_dim).action
            for action in actions:
                self.obs[member] = self.env.step(np.array([member]), action[None]).obs[0]

    def _reset(self, index: Array) -> Array:
        seeds = [environment_seed(EPISODE, self.seeds[i], int(self.episodes[i])) for i in index]
        return self.env.reset(index, np.array(seeds, np.int64))

    def close(self) -> None:
        self.env.close()
