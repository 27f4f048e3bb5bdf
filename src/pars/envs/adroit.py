"""D4RL's Adroit tasks (Rajeswaran et al. 2017, arXiv 1709.10087): a 24-joint hand turns a pen, opens a door, drives a
nail, moves a ball.

Models and meshes are those of the package gymnasium-robotics (the extra `adroit`). Departures of that package's own
environments from D4RL, not followed here: in door, hammer and relocate it pays for distance from the
object instead of charging for it, and a dropped pen does not end the episode.

Positions of bodies and sites are observed as MuJoCo leaves them after a step, one simulator step (2 ms) behind the
joints, as in D4RL. "Achieved" is the goal condition of one step; an episode succeeds if it holds on more than
`success_steps` steps.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pars.envs.adroit_hand import Adroit
from pars.envs.base import Array, Task, within
from pars.envs.engine import MODES, Mode


class Pen(Adroit):
    """Turn a pen in the hand to a given direction; dropping it ends the episode."""

    robot, obs_dim, action_dim, limit, success_steps = "pen", 45, 24, 100, 20
    sees: ClassVar = {
        "pen": ("body", "Object"),
        "ball": ("site", "eps_ball"),
        "axis": ("axis", "Object"),
        "target": ("axis", "target"),
    }
    varies = (("body_quat", "target"),)

    def vary(self, i: int, rng: np.random.Generator) -> None:
        self.own[0][i] = turned(*rng.uniform(-1.0, 1.0, 2))

    def recall(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> None:
        self.own[0][index] = infos["desired_orien"]

    def scene(self, index: Array) -> dict[str, Array]:
        return {"desired_orien": self.own[0][index]}

    def spot(self, index: Array, obs: Array) -> dict[str, Array]:
        x, y, z = np.asarray(obs[:, 36:39], np.float64).T  # the target's axis
        about_x, about_y = np.arctan2(-y, z), np.arctan2(x, np.hypot(y, z))
        return {"desired_orien": turned(about_x, about_y)}

    def observe(self, index: Array) -> Array:
        qpos, qvel = self.physics.qpos[index], self.physics.qvel[index]
        pen, ball, axis, target = self.look(index, "pen", "ball", "axis", "target")
        offset = pen - ball
        parts = [qpos[:, :-6], pen, qvel[:, -6:], axis, target, offset, axis - target]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def pay(self, index: Array) -> tuple[Array, Array, Array]:
        pen, ball, axis, target = self.look(index, "pen", "ball", "axis", "target")
        distance = norm(pen - ball)
        cosine = (axis * target).sum(axis=1)
        near, dropped = distance < 0.075, pen[:, 2] < 0.075
        achieved = near & (cosine > 0.95)
        reward = cosine - distance + 10.0 * (near & (cosine > 0.9)) + 50.0 * achieved - 5.0 * dropped
        return reward, achieved, dropped


class Door(Adroit):
    """Turn the latch and open the door."""

    robot, obs_dim, action_dim = "door", 39, 28
    sees: ClassVar = {"palm": ("site", "S_grasp"), "handle": ("site", "S_handle")}
    varies = (("body_pos", "frame"),)

    def vary(self, i: int, rng: np.random.Generator) -> None:
        self.own[0][i] = rng.uniform((-0.3, 0.25, 0.252), (-0.2, 0.35, 0.35))

    def recall(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> None:
        self.own[0][index] = infos["door_body_pos"]

    def scene(self, index: Array) -> dict[str, Array]:
        return {"door_body_pos": self.own[0][index]}

    def spot(self, index: Array, obs: Array) -> dict[str, Array]:
        return {"door_body_pos": self.own[0][index] + obs[:, 32:35] - self.see(index, "handle")}

    def observe(self, index: Array) -> Array:
        qpos = self.physics.qpos[index]
        palm, handle = self.look(index, "palm", "handle")
        hinge, latch = qpos[:, -2:-1], qpos[:, -1:]
        opened = np.where(hinge > 1.0, 1.0, -1.0)
        parts = [qpos[:, 1:-2], latch, hinge, palm, handle, palm - handle, opened]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def pay(self, index: Array) -> tuple[Array, Array, Array]:
        hinge = self.physics.qpos[index, -2]
        palm, handle = self.look(index, "palm", "handle")
        reward = -0.1 * norm(palm - handle)
        reward -= 0.1 * (hinge - 1.57) ** 2 + 1e-5 * (self.physics.qvel[index] ** 2).sum(axis=1)
        reward += 2.0 * (hinge > 0.2) + 8.0 * (hinge > 1.0) + 10.0 * (hinge > 1.35)
        return reward, hinge >= 1.35, np.zeros(len(index), bool)


class Hammer(Adroit):
    """Lift a hammer and drive a nail into a board."""

    robot, obs_dim, action_dim = "hammer", 46, 26
    sees: ClassVar = {
        "palm": ("site", "S_grasp"),
        "hammer": ("body", "Object"),
        "turn": ("turn", "Object"),
        "head": ("site", "tool"),
        "nail": ("site", "S_target"),
        "goal": ("site", "nail_goal"),
        "force": ("touch", "S_target"),
    }
    varies = (("body_pos", "nail_board"),)

    def vary(self, i: int, rng: np.random.Generator) -> None:
        self.own[0][i, 2] = rng.uniform(0.1, 0.25)

    def recall(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> None:
        self.own[0][index] = infos["board_pos"]

    def scene(self, index: Array) -> dict[str, Array]:
        return {"board_pos": self.own[0][index]}

    def spot(self, index: Array, obs: Array) -> dict[str, Array]:
        return {"board_pos": self.own[0][index] + obs[:, 42:45] - self.see(index, "nail")}

    def observe(self, index: Array) -> Array:
        qpos, qvel = self.physics.qpos[index, :-6], within(self.physics.qvel[index, -6:], 1.0)
        palm, hammer, turn, nail, force = self.look(index, "palm", "hammer", "turn", "nail", "force")
        parts = [qpos, qvel, palm, hammer, euler(turn), nail, within(force, 1.0)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def pay(self, index: Array) -> tuple[Array, Array, Array]:
        palm, hammer, head, nail, goal = self.look(index, "palm", "hammer", "head", "nail", "goal")
        left = norm(nail - goal)
        reward = -0.1 * norm(palm - hammer) - norm(head - nail) - 10.0 * left - 0.01 * norm(self.physics.qvel[index])
        reward += 2.0 * ((hammer[:, 2] > 0.04) & (head[:, 2] > 0.04)) + 25.0 * (left < 0.02) + 75.0 * (left < 0.01)
        return reward, left < 0.01, np.zeros(len(index), bool)


class Relocate(Adroit):
    """Carry a ball to a place in the air."""

    robot, obs_dim, action_dim = "relocate", 39, 30
    sees: ClassVar = {"palm": ("site", "S_grasp"), "ball": ("body", "Object"), "target": ("site", "target")}
    varies = (("body_pos", "Object"), ("site_pos", "target"))

    def vary(self, i: int, rng: np.random.Generator) -> None:
        self.own[0][i, :2] = rng.uniform((-0.15, -0.15), (0.15, 0.3))
        self.own[1][i] = rng.uniform((-0.2, -0.2, 0.15), (0.2, 0.2, 0.35))

    def recall(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> None:
        # obj_pos is where the ball was seen, one simulator step behind; the model holds where its slides are zero.
        slid = (qpos - self.timestep * qvel)[:, -6:-3]
        self.own[0][index] = infos["obj_pos"] - slid
        self.own[1][index] = infos["target_pos"]

    def scene(self, index: Array) -> dict[str, Array]:
        return {"obj_pos": self.see(index, "ball"), "target_pos": self.own[1][index]}

    def spot(self, index: Array, obs: Array) -> dict[str, Array]:
        palm = self.see(index, "palm")
        return {"obj_pos": palm - obs[:, 30:33], "target_pos": palm - obs[:, 33:36]}

    def observe(self, index: Array) -> Array:
        palm, ball, target = self.look(index, "palm", "ball", "target")
        parts = [self.physics.qpos[index, :-6], palm - ball, palm - target, ball - target]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def pay(self, index: Array) -> tuple[Array, Array, Array]:
        palm, ball, target = self.look(index, "palm", "ball", "target")
        left = norm(ball - target)
        lifted = ball[:, 2] > 0.04
        reward = -0.1 * norm(palm - ball) + lifted * (1.0 - 0.5 * norm(palm - target) - 0.5 * left)
        reward += 10.0 * (left < 0.1) + 20.0 * (left < 0.05)
        return reward, left < 0.1, np.zeros(len(index), bool)


def norm(vectors: Array) -> Array:
    """Lengths [k] of vectors [k, d]."""
    return np.sqrt(np.square(vectors).sum(axis=1))


def turned(about_x: Array, about_y: Array) -> Array:
    """Unit quaternions [..., 4] of turns about x and then about the turned y, in radians."""
    (cx, sx), (cy, sy) = ((np.cos(angle / 2), np.sin(angle / 2)) for angle in (about_x, about_y))
    return np.stack([cx * cy, sx * cy, cx * sy, sx * sy], axis=-1)


def euler(quat: Array) -> Array:
    """Angles [k, 3] about x, the turned y and the twice turned z, of unit quaternions [k, 4]."""
    w, x, y, z = quat.T
    r02, r12, r22 = 2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x**2 + y**2)  # of the rotation matrix
    r00, r01 = 1 - 2 * (y**2 + z**2), 2 * (x * y - w * z)
    return np.stack([np.arctan2(-r12, r22), np.arctan2(r02, np.hypot(r12, r22)), np.arctan2(-r01, r00)], axis=1)


HANDS: dict[str, type[Adroit]] = {hand.robot: hand for hand in (Pen, Door, Hammer, Relocate)}


def adroit(
    task_id: str, robot: str, *, reference: tuple[float, float], mode: Mode = "d4rl", dataset: str | None = None
) -> Task:
    """The task of one of `HANDS`. The score is D4RL's, of returns: `reference` scores 0 and 100."""
    hand = HANDS[robot]
    return Task(
        id=task_id,
        family="adroit",
        obs_dim=hand.obs_dim,
        action_dim=hand.action_dim,
        time_limit=hand.limit,
        reference=reference,
        eval_episodes=10,
        dataset=dataset,
        max_return=None,
        physics=mode,
        modes=MODES,
        maze=None,
        make=lambda n, threads=None: hand(n, mode=mode, threads=threads),
    )
