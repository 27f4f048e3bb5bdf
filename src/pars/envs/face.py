"""The Gymnasium face of every task: `gymnasium.make("pars/antmaze-umaze-v2", render_mode="rgb_array")`.

Importing `pars.envs` registers all ids; nothing is built before it is made.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from pars.envs.base import Array, MujocoBatch
from pars.envs.registry import TASKS, make_task
from pars.envs.render import SIZE, Renderer
from pars.errors import UsageError

NAMESPACE = "pars"


class TaskEnv(gymnasium.Env[Array, Array]):
    """One environment of a task. The task's own time limit truncates.

    On the last step of an episode `info` has its return, its score and the physics mode the score belongs to.

    Args:
        task_id: an id of `TASKS`.
        render_mode: "rgb_array" for pictures [height, width, 3] uint8, or None.
        options: for `make_task`, for instance physics="stock".
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 as in the base class

    def __init__(
        self, task_id: str, *, render_mode: str | None = None, width: int = SIZE, height: int = SIZE, **options: Any
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UsageError(f"{task_id}: render_mode={render_mode!r}; choose rgb_array or None")
        self.task = make_task(task_id, **options)
        self.batch = self.task.make(1, threads=1)
        self.render_mode = render_mode
        self.observation_space = Box(-np.inf, np.inf, (self.task.obs_dim,), np.float32)
        self.action_space = Box(-1.0, 1.0, (self.task.action_dim,), np.float32)
        if isinstance(self.batch, MujocoBatch):
            seconds = self.batch.physics.frame_skip * self.batch.physics.model.opt.timestep
            self.metadata = {**self.metadata, "render_fps": round(1 / seconds)}
        self._size = width, height
        self._renderer: Renderer | None = None
        self._only = np.zeros(1, np.int64)
        self._return = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode. A seed fixes this one and all that follow."""
        super().reset(seed=seed)
        self._return = 0.0
        return self.batch.reset(self._only, self.np_random.integers(2**31, size=1))[0], {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One action [A] in [-1, 1] (clipped)."""
        obs, reward, terminal, truncated = self.batch.step(self._only, np.asarray(action)[None])
        self._return += float(reward[0])
        info: dict[str, Any] = {}
        if terminal[0] or truncated[0]:
            score = float(self.task.score(np.array(self._return)))
            info = {"return": self._return, "score": score, "physics": self.task.physics}
        return obs[0], float(reward[0]), bool(terminal[0]), bool(truncated[0]), info

    def render(self) -> Array | None:
        """The current state as a picture if the render mode is rgb_array."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            width, height = self._size
            self._renderer = Renderer(self.task, self.batch, width=width, height=height)
        return self._renderer.frame()

    def close(self) -> None:
        """Free the simulator and the graphics memory."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        self.batch.close()


def register() -> None:
    """Make every id of `TASKS` known to Gymnasium as `pars/<id>`. Calling it again changes nothing."""
    for task_id in TASKS:
        if (name := f"{NAMESPACE}/{task_id}") not in gymnasium.registry:
            gymnasium.register(name, entry_point="pars.envs.face:TaskEnv", kwargs={"task_id": task_id})
