"""HalfCheetah, Hopper and Walker2d against Gymnasium's own v4 environments, and their rules by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pars.envs import make_task
from pars.envs.gym import make
from pars.envs.locomotion import ROBOTS, Locomotion

STOCK = {"halfcheetah": "HalfCheetah-v4", "hopper": "Hopper-v4", "walker2d": "Walker2d-v4"}
ONE = np.array([0])


@pytest.mark.parametrize("name", ROBOTS)
def test_stock_mode_is_gymnasiums_v4(name: str) -> None:
    """From equal states at every step; over many, the solver's last digits grow."""
    theirs, ours = make(STOCK[name]).unwrapped, make_task(f"{name}-medium-v2", physics="stock").make(1)
    rng, ended = np.random.default_rng(0), 0
    for episode in range(4):
        theirs.reset(seed=episode)
        for _ in range(60):
            ours.place(ONE, theirs.data.qpos[None].copy(), theirs.data.qvel[None].copy())
            action = rng.uniform(-1, 1, theirs.action_space.shape[0])
            obs, reward, terminal, _, _ = theirs.step(action)
            result = ours.step(ONE, action[None])
            np.testing.assert_allclose(result.obs[0], obs, rtol=1e-5, atol=1e-5)
            assert result.reward[0] == pytest.approx(reward, abs=2e-5)
            assert result.terminal[0] == terminal
            ended += terminal
            if terminal:
                break
    assert ended > 0 or name == "halfcheetah"


@pytest.mark.parametrize("name", ROBOTS)
def test_d4rl_mode_moves_otherwise_than_stock(name: str) -> None:
    rows = []
    for mode in ("d4rl", "stock"):
        env = make_task(f"{name}-medium-v2", physics=mode).make(1)
        env.reset(ONE, ONE)
        for _ in range(20):
            result = env.step(ONE, np.ones((1, env.robot.action_dim)))  # type: ignore[attr-defined]
        rows.append(result.obs[0])
    assert np.abs(rows[0] - rows[1]).max() > 1e-3


def test_the_bonus_is_paid_on_the_step_of_the_fall_and_velocities_are_clipped_in_what_is_seen() -> None:
    env = Locomotion(ROBOTS["hopper"], 1)
    qpos = env.rest.copy()
    qpos[2] = 0.5  # leaning over 0.2
    env.place(ONE, qpos[None], np.array([[0, 0, 0, 50.0, 0, 0]]))
    result = env.step(ONE, np.zeros((1, 3)))
    speed = (env.physics.qpos[0, 0] - 0.0) / 0.008
    assert result.terminal[0] and not result.truncated[0]
    assert result.reward[0] == pytest.approx(speed + 1.0, rel=1e-4)
    assert np.abs(result.obs[0, 5:]).max() <= 10.0


def test_actions_are_clipped_before_they_are_charged() -> None:
    rewards = []
    for size in (1.0, 5.0):
        env = Locomotion(ROBOTS["halfcheetah"], 1)
        env.reset(ONE, ONE)
        rewards.append(env.step(ONE, np.full((1, 6), size)).reward[0])
    assert rewards[0] == rewards[1]


@pytest.mark.parametrize(("name", "spread"), [("halfcheetah", 0.1), ("hopper", 0.005), ("walker2d", 0.005)])
def test_resets_are_noisy_within_bounds(name: str, spread: float) -> None:
    env = make_task(f"{name}-medium-v2").make(64)
    env.reset(np.arange(64), np.arange(64))
    offset = env.physics.qpos - env.rest  # type: ignore[attr-defined]
    assert np.abs(offset).max() <= spread and np.abs(offset).max() > 0.9 * spread
    velocity = env.physics.qvel  # type: ignore[attr-defined]
    if name == "halfcheetah":
        assert velocity.std() == pytest.approx(0.1, rel=0.15) and np.abs(velocity).max() > 0.15
    else:
        assert np.abs(velocity).max() <= spread


def test_the_time_limit_is_no_end_of_the_task() -> None:
    env = make_task("halfcheetah-random-v2").make(1)
    env.reset(ONE, ONE)
    env.count[0] = 999  # type: ignore[attr-defined]
    result = env.step(ONE, np.zeros((1, 6)))
    assert result.truncated[0] and not result.terminal[0]
