"""HalfCheetah, Hopper and Walker2d as D4RL's v2 datasets know them: gym's v2 tasks behind an action clip.

They are paid for speed along x and for being alive, the latter also on the step on which they fall. What is seen leaves
out the position along x.
"""

from dataclasses import dataclass

import numpy as np

from pars.envs.assets import gymnasium_xml
from pars.envs.base import Array, MujocoBatch, Task, within
from pars.envs.engine import MODES, Mode, compile_model

TIME_LIMIT = 1000  # actions
INFINITE = (-np.inf, np.inf)


@dataclass(frozen=True)
class Robot:
    """What differs between the three."""

    xml: str
    obs_dim: int
    action_dim: int
    frame_skip: int  # simulator steps per action
    alive: float  # paid per step
    effort: float  # cost of the squared action
    height: tuple[float, float]  # of a healthy robot, exclusive
    angle: tuple[float, float]
    bound: float  # on every state variable from the angle on
    clip: float  # of observed velocities
    noise: float  # half width of the noise on resets
    gaussian: bool  # noise on velocities: 0.1 N(0, 1) instead of uniform
    reference: tuple[float, float]  # D4RL's returns that score 0 and 100


ROBOTS = {
    "halfcheetah": Robot(
        "half_cheetah.xml", 17, 6, 5, 0.0, 0.1, INFINITE, INFINITE, np.inf, np.inf, 0.1, True, (-280.178953, 12135.0)
    ),
    "hopper": Robot(
        "hopper.xml", 11, 3, 4, 1.0, 1e-3, (0.7, np.inf), (-0.2, 0.2), 100.0, 10.0, 5e-3, False, (-20.272305, 3234.3)
    ),
    "walker2d": Robot(
        "walker2d.xml", 17, 6, 4, 1.0, 1e-3, (0.8, 2.0), (-1.0, 1.0), np.inf, 10.0, 5e-3, False, (1.629008, 4592.3)
    ),
}


class Locomotion(MujocoBatch):
    """n robots of one kind on a plane."""

    def __init__(self, robot: Robot, n: int, *, mode: Mode = "d4rl", threads: int | None = None) -> None:
        model = compile_model(gymnasium_xml(robot.xml), mode)
        super().__init__(model, n, frame_skip=robot.frame_skip, time_limit=TIME_LIMIT, threads=threads)
        self.robot = robot
        self.seconds = robot.frame_skip * model.opt.timestep  # per action
        self.rest = model.qpos0.copy()
        limit = np.full(model.nq + model.nv - 1, robot.bound)  # of all but time and x, exclusive
        self._low, self._high = -limit, limit
        self._low[:2] = robot.height[0], max(robot.angle[0], -robot.bound)
        self._high[:2] = robot.height[1], min(robot.angle[1], robot.bound)
        self._x, self._effort = np.zeros(n), np.zeros(n)  # before the step, and of the step

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        noise = self.robot.noise
        qpos = self.rest + rng.uniform(-noise, noise, len(self.rest))
        count = self.physics.model.nv
        return qpos, noise * rng.standard_normal(count) if self.robot.gaussian else rng.uniform(-noise, noise, count)

    def prepare(self, index: Array, action: Array) -> None:
        self._x[index] = self.physics.qpos[index, 0]
        self._effort[index] = np.square(action).sum(axis=1)

    def observe(self, index: Array) -> Array:
        obs = self.physics.state[index, 2:]  # neither time nor x
        obs[:, -self.physics.model.nv :] = within(obs[:, -self.physics.model.nv :], self.robot.clip)
        return obs.astype(np.float32)

    def shown(self, obs: Array) -> tuple[Array, Array]:
        posture, speeds = np.split(obs, [self.physics.model.nq - 1], axis=1)
        qpos = np.insert(posture, 0, np.nan, axis=1)  # x is not seen
        return qpos, np.where(np.abs(speeds) < self.robot.clip, speeds, np.nan)

    def outcome(self, index: Array) -> tuple[Array, Array]:
        speed = (self.physics.qpos[index, 0] - self._x[index]) / self.seconds
        reward = speed + self.robot.alive - self.robot.effort * self._effort[index]
        return reward, ~self.healthy(index)

    def healthy(self, index: Array) -> Array:
        """[k] bool: upright, high enough and with finite, moderate values."""
        posture = self.physics.state[index, 2:]
        return np.all((self._low < posture) & (posture < self._high), axis=1)


def locomotion(task_id: str, name: str, *, mode: Mode = "d4rl", dataset: str | None = None) -> Task:
    """The task of one of `ROBOTS`. The score is D4RL's: 0 for random actions, 100 for its expert."""
    robot = ROBOTS[name]
    return Task(
        id=task_id,
        family="mujoco",
        obs_dim=robot.obs_dim,
        action_dim=robot.action_dim,
        time_limit=TIME_LIMIT,
        reference=robot.reference,
        eval_episodes=10,
        dataset=dataset,
        max_return=None,
        physics=mode,
        modes=MODES,
        maze=None,
        make=lambda n, threads=None: Locomotion(robot, n, mode=mode, threads=threads),
    )
