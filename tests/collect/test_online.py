"""SAC on many environments at once: a function of its seed, and it learns."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from pars.algos import sac
from pars.collect.online import OnlineSAC
from pars.collect.rollouts import Recorder
from pars.core import Spec
from pars.envs.base import StepResult

CFG = sac.Config(
    hidden=(32, 32),
    actor_hidden=(32, 32),
    batch_size=64,
    discount=0.9,
    critic_lr=2e-3,
    actor_lr=2e-3,
    temperature_lr=5e-3,
)


class Line:
    """A point on [-1, 1] that is paid for being near 0.5; ten actions an episode."""

    goals = None

    def __init__(self, n: int) -> None:
        self.n, self.x, self.count = n, np.zeros(n), np.zeros(n, int)

    def reset(self, index: Any, seed: Any) -> np.ndarray:
        self.x[index] = [np.random.default_rng(int(s)).uniform(-1, 1) for s in seed]
        self.count[index] = 0
        return self.see(index)

    def see(self, index: Any) -> np.ndarray:
        return np.stack([self.x[index], np.ones(len(index))], axis=1).astype(np.float32)

    def step(self, index: Any, action: Any) -> StepResult:
        self.x[index] = np.clip(self.x[index] + 0.3 * action[:, 0], -1, 1)
        self.count[index] += 1
        reward = (1 - np.abs(self.x[index] - 0.5)).astype(np.float32)
        return StepResult(self.see(index), reward, np.zeros(len(index), bool), self.count[index] >= 10)

    def close(self) -> None: ...


def trained(steps: int, seed: int = 0, recorder: Any = None, parts: int = 1) -> OnlineSAC:
    env = Line(4)
    run = OnlineSAC(
        env, Spec(2, 1), CFG, seed, capacity=steps, warmup=200, recorder=Recorder(env) if recorder else None
    )
    for _ in range(parts):
        run.run(steps // parts, 1.0)
    return run


def leaves(run: OnlineSAC) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(run.state)]


def test_learns_where_to_stand_and_updates_once_per_step_after_the_warm_up() -> None:
    run = trained(2400)
    assert (run.taken, run.updates) == (2400, 2200)
    skill, env = run.skill(), Line(20)
    obs = env.reset(np.arange(20), np.arange(20))
    for _ in range(9):
        obs = env.step(np.arange(20), skill(obs)).obs
    assert np.abs(env.x - 0.5).mean() < 0.12  # random actions: about 0.6
    assert skill.facts["steps"] == 2400


def test_is_a_function_of_its_seed_and_not_of_how_often_it_is_asked() -> None:
    whole, halves, other = trained(480), trained(480, parts=2), trained(480, seed=1)
    for a, b in zip(leaves(whole), leaves(halves), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(leaves(whole), leaves(other), strict=True))


def test_records_every_row_by_environment() -> None:
    run = trained(400, recorder=True)
    assert run.recorder is not None
    made = run.recorder.columns(400)
    assert len(made["rewards"]) == 400 and made["timeouts"].sum() == 40
    ends = np.flatnonzero(made["timeouts"])
    np.testing.assert_array_equal(np.diff(ends), 10)
    inside = np.flatnonzero(~made["timeouts"][:-1])
    np.testing.assert_array_equal(made["next_observations"][inside], made["observations"][inside + 1])
    assert len(run.recorder.columns(395)["rewards"]) == 395
