"""The Adroit hand: its model from the package gymnasium-robotics, and what its four tasks share.

None of that package's code is imported: only its MJCF and meshes are used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, get_args

import mujoco
import numpy as np

from pars.envs.assets import package_folder
from pars.envs.base import Array, ModelField, MujocoBatch
from pars.envs.engine import Mode, undo_contacts
from pars.errors import TaskError, UsageError

FRAME_SKIP = 5  # simulator steps of 0.002 s per action
WRIST = ("A_WRJ1", "A_WRJ0")  # first and last actuator
FINGERS = ("A_FFJ3", "A_THJ0")
SENSE = {  # what can be read: MuJoCo's sensor and the kind of object it is attached to
    "site": ("mjSENS_FRAMEPOS", "mjOBJ_SITE"),
    "body": ("mjSENS_FRAMEPOS", "mjOBJ_XBODY"),
    "axis": ("mjSENS_FRAMEZAXIS", "mjOBJ_XBODY"),
    "touch": ("mjSENS_TOUCH", "mjOBJ_SITE"),
    "turn": ("mjSENS_FRAMEQUAT", "mjOBJ_XBODY"),
}


def model_file(robot: str) -> Path:
    """The MJCF of one task. Raises TaskError if the package that carries it is absent."""
    try:
        folder = package_folder("gymnasium_robotics")
    except TaskError as error:
        raise TaskError(
            f"Adroit's models come with gymnasium-robotics; pip install 'pars[adroit]' ({error})"
        ) from error
    path = folder / "envs" / "assets" / "adroit_hand" / f"adroit_{robot}.xml"
    if not path.exists():
        raise TaskError(f"{path}: not found; install gymnasium-robotics 1.4, as pip install 'pars[adroit]' does")
    return path


def adroit_model(robot: str, sees: dict[str, tuple[str, str]], mode: Mode = "d4rl") -> mujoco.MjModel:
    """The compiled model of one task, with sensors for `sees`: name -> (kind of `SENSE`, object in the MJCF)."""
    if mode not in get_args(Mode):
        raise UsageError(f"physics={mode!r}; choose d4rl (as the datasets were made) or stock (MuJoCo as installed)")
    spec = mujoco.MjSpec.from_file(str(model_file(robot)))
    for name, (kind, target) in sees.items():
        sensor, holder = SENSE[kind]
        spec.add_sensor(
            name=f"pars {name}",
            type=getattr(mujoco.mjtSensor, sensor),
            objtype=getattr(mujoco.mjtObj, holder),
            objname=target,
        )
    model = spec.compile()
    for (first, last), gain in ((WRIST, 10.0), (FINGERS, 1.0)):  # the tasks' authors set these in code
        part = slice(model.actuator(first).id, model.actuator(last).id + 1)
        model.actuator_gainprm[part, :3] = (gain, 0.0, 0.0)
        model.actuator_biasprm[part, :3] = (0.0, -gain, 0.0)
    if mode == "d4rl":
        undo_contacts(model)  # masses are given or of shapes that count as they did
    return model


def _row(model: mujoco.MjModel, array: str, name: str) -> int:
    """Row of the object `name` in an array of the model such as `body_pos` or `site_pos`."""
    return int((model.site(name) if array.startswith("site_") else model.body(name)).id)


def _values(model: mujoco.MjModel, name: str) -> slice:
    """Where the values of the sensor `name` stand in the sensor data."""
    sensor = model.sensor(name)
    return slice(int(sensor.adr[0]), int(sensor.adr[0] + sensor.dim[0]))


class Adroit(MujocoBatch):
    """n hands at one task. A subclass names what it sees, what is its own in each episode, and what is paid."""

    robot: ClassVar[str]
    obs_dim: ClassVar[int]
    action_dim: ClassVar[int]
    limit: ClassVar[int] = 200  # actions
    success_steps: ClassVar[int] = 25
    sees: ClassVar[dict[str, tuple[str, str]]]  # name -> (kind of SENSE, object in the MJCF)
    varies: ClassVar[tuple[tuple[str, str], ...]]  # (array of the model, object in the MJCF)

    def __init__(self, n: int, *, mode: Mode = "d4rl", threads: int | None = None) -> None:
        model = adroit_model(self.robot, self.sees, mode)
        own = [ModelField(array, _row(model, array, name)) for array, name in self.varies]
        super().__init__(model, n, frame_skip=FRAME_SKIP, time_limit=self.limit, threads=threads, own=own)
        self.own = list(self.physics.own.values())  # one array [n, width] for each of `varies`
        self._seen = {name: _values(model, f"pars {name}") for name in self.sees}
        self._middle, self._half = model.actuator_ctrlrange.mean(axis=1), np.ptp(model.actuator_ctrlrange, axis=1) / 2
        self.timestep = model.opt.timestep
        self.achieved = np.zeros(n, bool)  # the goal condition on the last step
        self.achieved_steps = np.zeros(n, np.int64)  # in this episode

    @property
    def success(self) -> Array:
        """[n] bool: the episode counts as solved."""
        return self.achieved_steps > self.success_steps

    def see(self, index: Array, name: str) -> Array:
        """[k, width] of one of `sees`."""
        return self.look(index, name)[0]

    def look(self, index: Array, *names: str) -> list[Array]:
        """[k, width] of each of the named `sees`."""
        sensors = self.physics.sensors[index]
        return [sensors[:, self._seen[name]] for name in names]

    def control(self, action: Array) -> Array:
        return self._middle + action * self._half

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        self.vary(i, rng)
        return self.physics.model.qpos0, np.zeros(self.physics.model.nv)

    def vary(self, i: int, rng: np.random.Generator) -> None:
        """Draw what is environment i's own in an episode."""
        raise NotImplementedError

    def place(self, index: Array, qpos: Array, qvel: Array) -> Array:
        """Start new episodes in given states, keeping what is each environment's own. -> obs [k, O]."""
        self.achieved[index], self.achieved_steps[index] = False, 0
        return super().place(index, qpos, qvel)

    def restore(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> Array:
        self.recall(index, qpos, qvel, infos)
        return self.place(index, qpos, qvel)

    def recover(self, index: Array, qpos: Array, qvel: Array, obs: Array) -> dict[str, Array]:
        slid = qpos - self.timestep * qvel  # bodies are seen where they were one simulator step earlier
        self.place(index, slid, np.zeros_like(qvel))
        return self.spot(index, obs)

    def spot(self, index: Array, obs: Array) -> dict[str, Array]:
        """The `scene` that `obs` [k, O] was seen in, of environments whose joints stand as they were seen."""
        raise NotImplementedError

    def recall(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> None:
        """Take what is each environment's own from recorded columns."""
        raise NotImplementedError

    def outcome(self, index: Array) -> tuple[Array, Array]:
        reward, achieved, terminal = self.pay(index)
        self.achieved[index] = achieved
        self.achieved_steps[index] += achieved
        return reward, terminal

    def pay(self, index: Array) -> tuple[Array, Array, Array]:
        """Reward [k], goal condition [k] and terminal [k] after a step."""
        raise NotImplementedError
