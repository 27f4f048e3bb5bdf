"""Pictures of environments. OpenGL starts with the first renderer: EGL first, which needs no screen, no graphics card.

MuJoCo itself chooses its OpenGL when it is imported, and without a screen chooses one that fails. So the context is
made here; the environment variable MUJOCO_GL (egl, osmesa, glfw) decides if it is set.
"""

import importlib
import os
import sys
from itertools import pairwise
from typing import Any

import mujoco
import numpy as np

from pars.envs.base import Array, MujocoBatch, Task
from pars.errors import ResourceError, TaskError

SIZE = 480  # pixels; the default of both sides
TRAIL, ORANGE = 0.04, np.array([0.84, 0.37, 0.0, 1.0], np.float32)  # thickness in cells, and colour
FIELD_OF_VIEW = 45.0  # degrees, MuJoCo's default
BACKENDS = ("egl", "glfw") if sys.platform == "linux" else ("cgl", "glfw") if sys.platform == "darwin" else ("glfw",)


class Renderer:
    """A camera on the environments of one batch.

    Raises TaskError if the batch is not MuJoCo's, ResourceError if no OpenGL works here.
    """

    def __init__(self, task: Task, batch: Any, *, width: int = SIZE, height: int = SIZE) -> None:
        if not isinstance(batch, MujocoBatch):
            raise TaskError(f"{task.id}: has no pictures of its own; make it with gymnasium.make and render that")
        self._task, self._batch, self._physics = task, batch, batch.physics
        self._gl = make_context(width, height)
        model = batch.physics.model_of(0)
        # The offscreen buffer has the size that the model asks for.
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        if model.nlight == 0:
            model.vis.headlight.ambient[:] = 0.5
        self._camera = camera(task, model)
        self._option, self._scene = mujoco.MjvOption(), mujoco.MjvScene(model, maxgeom=2000)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._pixels = np.empty((height, width, 3), np.uint8)

    def frame(self, i: int = 0, trail: Array | None = None, goal: bool = True) -> Array:
        """Environment `i` as it is now, [height, width, 3] uint8.

        Args:
            trail: positions [k, 2] of the way so far, drawn as a line on the ground.
            goal: mark a maze's goal.
        """
        if self._gl is None:
            raise ValueError("the renderer is closed")
        data = self._physics.forward(i)
        height, width, _ = self._pixels.shape
        view = mujoco.MjrRect(0, 0, width, height)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self._physics.model_of(i), data, self._option, None, self._camera, everything, self._scene
        )
        if goal:
            self._mark_goal(i)
        if trail is not None:
            self._mark_trail(trail)
        mujoco.mjr_render(view, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, view, self._context)
        return self._pixels[::-1].copy()  # OpenGL's rows run upwards

    def _mark_goal(self, i: int) -> None:
        """A green disc over a maze's goal, as wide as the goal's radius."""
        maze, goals = self._task.maze, self._batch.goals
        if maze is None or goals is None:
            return
        x, y = goals[i]
        disc = self._scene.geoms[self._scene.ngeom]
        size = np.array([maze.goal_radius, 0.02 * maze.cell, 0.0])
        green = np.array([0.1, 0.8, 0.2, 0.6], np.float32)
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER.value
        mujoco.mjv_initGeom(disc, cylinder, size, np.array([x, y, 0.02 * maze.cell]), np.eye(3).ravel(), green)
        self._scene.ngeom += 1

    def _mark_trail(self, trail: Array) -> None:
        """An orange line from position to position, as thick as fits a maze's cells."""
        thick = TRAIL * (self._task.maze.cell if self._task.maze else 1.0)
        room = self._scene.maxgeom - self._scene.ngeom
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE.value
        points = np.c_[trail, np.full(len(trail), thick)].astype(np.float64)
        for begin, end in list(pairwise(points))[-room:]:
            piece = self._scene.geoms[self._scene.ngeom]
            mujoco.mjv_initGeom(piece, capsule, np.zeros(3), np.zeros(3), np.eye(3).ravel(), ORANGE)
            mujoco.mjv_connector(piece, capsule, thick, begin, end)
            self._scene.ngeom += 1

    def close(self) -> None:
        """Free the graphics memory."""
        if self._gl is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._gl = None


def make_context(width: int, height: int) -> Any:
    """An OpenGL context that is current, of the first kind that works. Raises ResourceError if none does."""
    chosen = os.environ.get("MUJOCO_GL", "").strip().lower()
    tried = []
    for name in (chosen,) if chosen else BACKENDS:
        try:
            context = importlib.import_module(f"mujoco.{name}").GLContext(width, height)
            context.make_current()
            return context
        except Exception as error:  # drivers fail in many ways; the user needs one line
            tried.append(f"{name}: {' '.join(str(error).split()) or type(error).__name__}")
    raise ResourceError(
        f"cannot draw, no OpenGL works here ({'; '.join(tried)}); install EGL with Mesa (Debian and Ubuntu: "
        "apt install libegl1 libgl1-mesa-dri), or set MUJOCO_GL to egl, osmesa or glfw, whichever this machine has"
    )


def camera(task: Task, model: mujoco.MjModel) -> mujoco.MjvCamera:
    """Where a task is best seen from: mazes from above, robots from the side and followed, the hand from nearby."""
    view = mujoco.MjvCamera()
    view.type = mujoco.mjtCamera.mjCAMERA_FREE
    if task.maze is not None:
        rows, columns = task.maze.wall.shape
        view.lookat[:2] = task.maze.xy(np.array([(rows - 1) / 2, (columns - 1) / 2]))
        half = max(rows, columns) * task.maze.cell / 2
        view.distance = 1.1 * half / np.tan(np.radians(FIELD_OF_VIEW / 2))
        view.azimuth, view.elevation = 90.0, -90.0
    elif task.family == "adroit":
        view.lookat[:] = (0.0, -0.15, 0.15)
        view.distance, view.azimuth, view.elevation = 1.3, 60.0, -35.0
    else:
        view.type, view.trackbodyid = mujoco.mjtCamera.mjCAMERA_TRACKING, 1
        view.distance, view.azimuth, view.elevation = 4.0, 90.0, -12.0
    return view
