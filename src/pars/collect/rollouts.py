"""Rolling out any policy in any environment, as rows in D4RL's layout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pars.envs.base import BatchEnv, MujocoBatch, StepResult, Task
from pars.training.rollout import EPISODE, environment_seed

Array = np.ndarray
Act = Callable[[Array, int], Array]  # observations [n, O] and the number of the step -> actions [n, A]
Progress = Callable[[int, int], None]  # rows done, rows in all
Recording = dict[str, Array]  # columns by D4RL's names, one row per step

STREAMS = 50  # environments that are rolled out together


class Recorder:
    """Rows of n environments, step by step; `columns` puts every environment's episodes one after another."""

    def __init__(self, env: BatchEnv):
        self.simulator = env if isinstance(env, MujocoBatch) else None
        self.steps: dict[str, list[Array]] = {}

    def step(self, env: BatchEnv, obs: Array, action: Array) -> StepResult:
        """Step all environments and keep the row: the state before the step, and what the step gave."""
        row = {"observations": obs, "actions": action}
        if self.simulator is not None:
            row |= {"infos/qpos": self.simulator.physics.qpos, "infos/qvel": self.simulator.physics.qvel}
            row |= {f"infos/{key}": value for key, value in self.simulator.scene(np.arange(env.n)).items()}
        row = {key: np.array(value) for key, value in row.items()}
        result = env.step(np.arange(env.n), action)
        row |= {"next_observations": result.obs, "rewards": result.reward}
        row |= {"terminals": result.terminal, "timeouts": result.truncated}
        for key, value in row.items():
            self.steps.setdefault(key, []).append(value)
        return result

    def columns(self, rows: int) -> Recording:
        """The first `rows` rows; the last row of each environment is the end of an episode that was cut there."""
        together = {key: np.stack(values, axis=1) for key, values in self.steps.items()}  # [n, T, ..]
        together["timeouts"][:, -1] |= ~together["terminals"][:, -1]
        cut = {key: values.reshape(-1, *values.shape[2:])[:rows] for key, values in together.items()}
        cut["timeouts"][-1] |= ~cut["terminals"][-1]
        return cut


def roll_out(task: Task, act: Act, rows: int, seed: int, *, progress: Progress | None = None) -> Recording:
    """`rows` rows of `act` in the task, whole episodes one after another but for the last of each environment."""
    n = min(STREAMS, max(1, rows // task.time_limit))
    env, everyone = task.make(n), np.arange(n)
    recorder, episodes = Recorder(env), np.zeros(n, np.int64)
    obs = np.array(env.reset(everyone, _seeds(seed, everyone, episodes)))
    for step in range(-(-rows // n)):
        result = recorder.step(env, obs, np.clip(act(obs, step), -1.0, 1.0).astype(np.float32))
        obs = np.array(result.obs)
        over = np.flatnonzero(result.terminal | result.truncated)
        if len(over):
            episodes[over] += 1
            obs[over] = env.reset(over, _seeds(seed, over, episodes[over]))
        if progress and step % 50 == 0:
            progress(min(rows, step * n), rows)
    env.close()
    return recorder.columns(rows)


def uniform(action_dim: int, seed: int) -> Act:
    """Uniform actions, D4RL's "random"."""
    return lambda obs, step: np.random.default_rng([seed, step]).uniform(-1.0, 1.0, (len(obs), action_dim))


def noisy(policy: Callable[[Array], Array], noise: float, seed: int) -> Act:
    """A deterministic policy with Gaussian noise of the given standard deviation."""

    def act(obs: Array, step: int) -> Array:
        action = policy(obs)
        return action + noise * np.random.default_rng([seed, step]).standard_normal(action.shape)

    return act


def sampled(policy: Callable[[Array, Array], Array], action_dim: int, seed: int) -> Act:
    """Samples of a policy of observations and standard normal noise [n, A], as D4RL's are."""
    return lambda obs, step: policy(obs, np.random.default_rng([seed, step]).standard_normal((len(obs), action_dim)))


def returns(columns: Recording, time_limit: int) -> Array:
    """Returns of the whole episodes, those that neither `Recorder.columns` nor a number of rows cut short."""
    terminal = columns["terminals"].astype(bool)
    last = np.flatnonzero(terminal | columns["timeouts"].astype(bool))
    begin = np.append(0, last[:-1] + 1)
    whole = terminal[last] | (last - begin + 1 >= time_limit)
    return np.add.reduceat(columns["rewards"], begin, dtype=np.float64)[whole]


def _seeds(seed: int, index: Array, episodes: Array) -> Array:
    pairs = zip(index.tolist(), episodes.tolist(), strict=True)
    return np.array([environment_seed(EPISODE, seed, i, episode) for i, episode in pairs], np.int64)
