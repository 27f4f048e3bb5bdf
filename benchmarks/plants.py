"""Three control tasks of Gymnasium as a plant would have them, with a mediocre controller for each.

Sensors are `offset + gain x` in units of their own, the actuator goes from 0 to 100 per cent of its range. Ids:
`benchmarks.plants:PendulumPlant-v0`, `CartPlant-v0` (InvertedPendulum-v5) and `CarPlant-v0` (MountainCarContinuous-v0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import numpy as np

Array = np.ndarray
GAIN = np.array([2.0, 300.0, 0.05, 40.0])  # of the sensors, in turn
OFFSET = np.array([4.0, 1450.0, 0.8, -70.0])
Controller = Callable[[Array, np.random.Generator], float]  # what the task itself shows -> action in [-1, 1]


def swing(obs: Array, rng: np.random.Generator) -> float:
    """Pendulum: swings up to the energy of the top, a weak PD law there."""
    cos, sin, speed = obs
    lacking = -np.sign(speed**2 / 6.0 + 5.0 * (cos - 1.0))
    push = 0.5 * lacking * np.sign(speed) if cos < 0.9 else -(8.0 * np.arctan2(sin, cos) + 1.5 * speed) / 2.0
    return float(push + 0.8 * rng.normal())


def balance(obs: Array, rng: np.random.Generator) -> float:
    """InvertedPendulum: a PD law on the pole alone, so that the cart drifts off."""
    return float(1.2 * obs[1] + 0.15 * obs[3] + 0.1 * rng.normal())


def rock(obs: Array, rng: np.random.Generator) -> float:
    """MountainCarContinuous: half power in the direction of motion."""
    return float(0.5 * np.sign(obs[1]) + 0.4 * rng.normal())


class Plant(NamedTuple):
    base: str  # Gymnasium's id
    controller: Controller


PLANTS = {
    "PendulumPlant-v0": Plant("Pendulum-v1", swing),
    "CartPlant-v0": Plant("InvertedPendulum-v5", balance),
    "CarPlant-v0": Plant("MountainCarContinuous-v0", rock),
}


class InUnits(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The task behind sensors and an actuator in units of their own."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        width = int(np.prod(env.observation_space.shape or (1,)))
        self.gain, self.offset = GAIN[:width], OFFSET[:width]
        self.box: Any = env.action_space
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.action_space = gymnasium.spaces.Box(0.0, 100.0, self.box.shape, np.float32)

    def reset(self, **options: Any) -> tuple[Array, dict[str, Any]]:
        obs, info = self.env.reset(**options)
        return self.sensed(obs), info

    def step(self, action: Array) -> tuple[Array, Any, bool, bool, dict[str, Any]]:
        share = np.asarray(action) / 100.0
        obs, reward, *rest = self.env.step((self.box.low + share * (self.box.high - self.box.low)).astype(np.float32))
        return self.sensed(obs), reward, *rest

    def sensed(self, obs: Array) -> Array:
        """What the sensors show."""
        return (self.offset + self.gain * np.asarray(obs, np.float64).ravel()).astype(np.float32)

    def told(self, sensed: Array) -> Array:
        """What the task itself shows, from the sensors."""
        return (np.asarray(sensed, np.float64) - self.offset) / self.gain


def make(base: str) -> gymnasium.Env[Any, Any]:
    """A plant, without a time limit of its own."""
    return InUnits(gymnasium.make(base, disable_env_checker=True).unwrapped)


for _name, _plant in PLANTS.items():
    _limit = gymnasium.spec(_plant.base).max_episode_steps
    gymnasium.register(_name, entry_point=make, kwargs={"base": _plant.base}, max_episode_steps=_limit)


def logs(name: str, rows: int, seed: int = 0) -> tuple[dict[str, Array], list[float]]:
    """At least `rows` rows of whole episodes by the plant's controller, D4RL's keys, and the episodes' returns."""
    env, rng = gymnasium.make(name, disable_env_checker=True), np.random.default_rng(seed)
    plant: Any = env
    while not isinstance(plant, InUnits):
        plant = plant.env
    found: dict[str, list[Any]] = {
        key: [] for key in ("observations", "actions", "rewards", "terminals", "timeouts", "next_observations")
    }
    returns: list[float] = []
    while len(found["rewards"]) < rows:
        obs, _ = env.reset(seed=int(rng.integers(2**31)))
        returns.append(0.0)
        ended = False
        while not ended:
            action = np.clip(PLANTS[name].controller(plant.told(obs), rng), -1.0, 1.0)
            percent = np.array([50.0 * (action + 1.0)], np.float32)
            after, reward, terminal, truncated, _ = env.step(percent)
            ended = terminal or truncated
            row = (obs, percent, reward, terminal, truncated and not terminal, after)
            for key, value in zip(found, row, strict=True):
                found[key].append(value)
            obs, returns[-1] = after, returns[-1] + float(reward)
    env.close()
    return {key: np.asarray(values) for key, values in found.items()}, returns
