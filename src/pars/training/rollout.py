"""Acting in the world: evaluation of a whole population at once, and the online environments of its members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from pars.core import PLAIN, Sight, Transition
from pars.envs.base import GYM, MIN_SLICE, BatchEnv, Task
from pars.errors import Interrupted, TaskError
from pars.packing import pack, unpack
from pars.system import cores

Array = np.ndarray
EVALUATION, EPISODE = 0, 1  # uses of environment seeds


class Evaluation(NamedTuple):
    """What E episodes of each of P members gave."""

    returns: Array  # [P, E] undiscounted raw return
    lengths: Array  # [P, E] actions
    positions: Array | None  # [P, E, T, 2] of a maze, NaN after the end
    discounted: Array | None = None  # [P, E] discounted raw return, where a discount is given


def environment_seed(use: int, *numbers: int) -> int:
    """A seed that depends on all `numbers`; those of evaluation and training never meet."""
    return int(np.random.SeedSequence((use, *numbers)).generate_state(1, np.uint32)[0])


class Eyes:
    """What a policy sees of n environments: the observation of the moment, or with what `Sight` adds to it.

    Raises TaskError if goals are asked for and the task has none.
    """

    def __init__(self, sees: Sight, task: Task, env: BatchEnv) -> None:
        self.sees, self.goals = sees, env.goals
        if sees.goal and self.goals is None:
            raise TaskError(f"{task.id} has no goals to show to the policy; choose a task with goals")
        self.past = np.full((env.n, sees.history, task.obs_dim), np.nan, np.float32)  # the newest last

    def begin(self, index: Array, obs: Array) -> None:
        """The environments `index` [k] start an episode with obs [k, O]."""
        self.past[index, :-1], self.past[index, -1] = np.nan, obs

    def look(self, index: Array, obs: Array) -> None:
        """The environments `index` [k] have come to obs [k, O]."""
        if self.sees.history > 1:
            self.past[index, :-1] = self.past[index, 1:]
        self.past[index, -1] = obs

    @property
    def obs(self) -> Array:
        """The observations of the moment [n, O]."""
        return self.past[:, -1]

    def seen(self, *shape: int) -> Any:
        """What the policies are given, with leading axes `shape` in the place of [n]; see core.Act."""
        past = self.past.shape[1:]
        obs = self.past.reshape(*shape, *past) if self.sees.history > 1 else self.obs.reshape(*shape, past[-1])
        return (obs, np.asarray(self.goals, np.float32).reshape(*shape, -1)) if self.sees.goal else obs


class Evaluator:
    """P x E environments, made once. Every evaluation starts from the same E states, whatever the training seed;
    `first` counts on to others.

    The episodes are dealt to one worker per core but `spare`, each with its own environments and its own policy calls:
    while one waits for the policy, another's physics runs. Gymnasium's environments are Python and gain nothing by it;
    they are stepped where they are called, so that one that hangs is stopped in time.

    Args:
        discount: of `Evaluation.discounted`, if that is wanted.
        stop: looked at before every step; raises Interrupted once it says so.
    """

    def __init__(
        self,
        task: Task,
        members: int,
        episodes: int,
        first: int = 0,
        sees: Sight = PLAIN,
        spare: int = 0,
        discount: float | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.task, self.members, self.episodes, self.sees, self.discount = task, members, episodes, sees, discount
        self.stop, self.given_up = stop, False
        most = 1 if task.family == GYM else cores() - spare
        workers = max(1, min(most, episodes, members * episodes // MIN_SLICE))
        edges = [episodes * i // workers for i in range(workers + 1)]
        self.parts = [range(first + low, first + high) for low, high in pairwise(edges)]
        self.envs = [task.make(members * len(part), threads=1) for part in self.parts]

    def __call__(self, act: Callable[..., Array]) -> Evaluation:
        """Run all episodes with `act`: obs [P, e, O] -> action [P, e, A] for the e episodes of a worker.

        Where evaluations draw (`Sight.chance`) it is given the episodes' numbers [e] and their step too.
        """
        if len(self.parts) == 1:
            return self._run(self.envs[0], self.parts[0], act)
        with ThreadPoolExecutor(len(self.parts)) as pool:
            try:
                done = list(pool.map(lambda env, part: self._run(env, part, act), self.envs, self.parts))
            except BaseException:  # Ctrl-C, too: the pool would wait for all episodes
                self.given_up = True
                raise
        steps = max(0 if part.positions is None else part.positions.shape[2] for part in done)
        return Evaluation(
            np.concatenate([part.returns for part in done], axis=1),
            np.concatenate([part.lengths for part in done], axis=1),
            np.concatenate([_pad(part.positions, steps) for part in done], axis=1) if steps else None,
            None if self.discount is None else np.concatenate([part.discounted for part in done], axis=1),
        )

    def _run(self, env: BatchEnv, episodes: range, act: Callable[..., Array]) -> Evaluation:
        p, e, n = self.members, len(episodes), self.members * len(episodes)
        seeds = np.array([environment_seed(EVALUATION, i) for i in episodes] * p, np.int64)
        eyes = Eyes(self.sees, self.task, env)
        eyes.begin(np.arange(n), env.reset(np.arange(n), seeds))
        returns, lengths, running, steps = np.zeros(n), np.zeros(n, np.int64), np.arange(n), 0
        discounted = np.zeros(n)
        track = self.task.maze is not None
        path = np.full((n, self.task.time_limit + 1 if track else 1, 2), np.nan, np.float32)
        path[:, 0] = eyes.obs[:, :2]
        while len(running):
            if self.given_up or self.stop():
                raise Interrupted("stopped during an evaluation; run the same command to continue")
            more = (np.asarray(episodes), steps) if self.sees.chance else ()
            action = self.task.allowed(act(eyes.seen(p, e), *more).reshape(n, -1))
            result = env.step(running, action[running])
            if self.discount is not None:
                discounted[running] += self.discount**steps * result.reward
            steps += 1
            eyes.look(running, result.obs)
            returns[running] += result.reward
            if track:
                path[running, steps] = result.obs[:, :2]
            ended = result.terminal | result.truncated
            if ended.any():
                lengths[running[ended]] = steps
                running = running[~ended]
        positions = path[:, : steps + 1].reshape(p, e, steps + 1, 2) if track else None
        early = None if self.discount is None else discounted.reshape(p, e)
        return Evaluation(returns.reshape(p, e), lengths.reshape(p, e), positions, early)

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
    columns = unpack(np.concatenate([rows[0] for rows, _ in steps]), task.obs_dim)
    last = np.concatenate([ended[0] for _, ended in steps])
    return {
        "observations": columns.obs,
        "actions": columns.action,
        "rewards": columns.reward,
        "terminals": columns.terminal,
        "timeouts": last & (columns.terminal == 0),
        "next_observations": columns.next_obs,
    }


class Interaction:
    """Online environments, n for each member, all stepped together.

    Everything is a function of the members' seeds and the rows so far: `replay` puts a fresh object where another one
    stood by taking the open episodes' actions again.

    Args:
        seeds: of the members.
        each: environments of a member; environment i of member m is number m * each + i.
    """

    def __init__(self, task: Task, seeds: Sequence[int], each: int = 1, sees: Sight = PLAIN) -> None:
        self.task, self.seeds, self.each = task, [*seeds], each
        self.env: BatchEnv = task.make(len(self.seeds) * each)
        self.eyes = Eyes(sees, task, self.env)
        self.episodes = np.zeros(self.env.n, np.int64)  # finished, per environment
        self._reset(np.arange(self.env.n))

    @property
    def obs(self) -> Array:
        """Observations of the moment [P, O], or [P, n, O] of several environments each."""
        return self.eyes.obs.reshape(*self._shape, -1)

    @property
    def seen(self) -> Any:
        """What the policies are given, [P, ..] or [P, n, ..]."""
        return self.eyes.seen(*self._shape)

    @property
    def _shape(self) -> tuple[int, ...]:
        return (len(self.seeds),) if self.each == 1 else (len(self.seeds), self.each)

    def step(self, action: Array) -> tuple[Array, Array]:
        """Take action [P, A] or [P, n, A]; -> packed transitions [n, P, W] and whether each episode ended [n, P]. Ended
        ones restart."""
        action = self.task.allowed(np.clip(np.asarray(action, np.float32).reshape(self.env.n, -1), -1.0, 1.0))
        before = self.eyes.obs.copy()
        result = self.env.step(np.arange(self.env.n), action)
        rows = pack(Transition(before, action, result.reward, result.obs, result.terminal.astype(np.float32)))
        last = np.asarray(result.terminal | result.truncated)
        self.eyes.look(np.arange(self.env.n), result.obs)
        if last.any():
            self.episodes[last] += 1
            self._reset(np.flatnonzero(last))
        return self._by_step(rows), self._by_step(last)

    def _by_step(self, values: Array) -> Array:
        """[P n, ..] -> [n, P, ..], as logs have it."""
        return values.reshape(len(self.seeds), self.each, *values.shape[1:]).swapaxes(0, 1)

    def replay(self, rows: Array, last: Array) -> None:
        """Continue where `rows` [T n, P, W] and `last` [T n, P] of earlier steps left off."""
        rows, last = (x.reshape(-1, self.each, *x.shape[1:]).swapaxes(1, 2) for x in (rows, last))  # [T, P, n, ..]
        self.episodes[:] = last.sum(axis=0).ravel()
        self._reset(np.arange(self.env.n))
        for number in range(self.env.n):
            member, i = divmod(number, self.each)
            ends = np.flatnonzero(last[:, member, i])
            start = ends[-1] + 1 if len(ends) else 0
            for action in unpack(rows[start:, member, i], self.task.obs_dim).action:
                self.eyes.look(np.array([number]), self.env.step(np.array([number]), action[None]).obs)

    def _reset(self, index: Array) -> None:
        seeds = [self._seed(int(i)) for i in index]
        self.eyes.begin(index, self.env.reset(index, np.array(seeds, np.int64)))

    def _seed(self, number: int) -> int:
        member, i = divmod(number, self.each)
        more = (i,) if i else ()
        return environment_seed(EPISODE, self.seeds[member], int(self.episodes[number]), *more)

    def close(self) -> None:
        self.env.close()
