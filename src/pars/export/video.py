"""A policy to look at: what it does in its environment, beside what the data did and what it did before it was
fine-tuned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from pars import api
from pars.config import check_whole
from pars.core import OFFLINE, ONLINE
from pars.data import Dataset
from pars.envs.base import GYM, BatchEnv, MujocoBatch, Task
from pars.envs.gym import GymBatch
from pars.envs.registry import make_task
from pars.envs.render import Renderer
from pars.errors import DataError, ParsError, ResourceError, TaskError
from pars.report.charts import moving
from pars.report.series import differing, show
from pars.training.checkpoint import Checkpoint
from pars.training.kept import moments
from pars.training.restore import Restored, restore, run_folders
from pars.training.rollout import EVALUATION, Eyes, environment_seed

Array = np.ndarray
ONLY = np.zeros(1, np.int64)
SCENES = 6  # in one film
FRAMES = 100  # of a scene, at most
STEPS = 200  # actions that are shown of tasks without a way to go
SIZE = 240  # pixels of a scene's sides
SIZES = 16, 2000  # at least and at most; OpenGL draws no more than some thousand pixels
BAR = 34  # pixels below it, for two lines of text
SLOWEST = 25.0  # pictures a second at most: a GIF's frames stand for 40 ms or more in every browser


class Scene(NamedTuple):
    """What is seen of one policy, or of the data. returns: raw, so far, of each frame."""

    who: str
    at: str
    frames: list[Array]
    returns: list[float]
    seconds: float  # between two frames


def write(
    run: Path | str,
    target: Path,
    member: int = 0,
    episode: int = 0,
    steps: int | None = None,
    size: int = SIZE,
    note: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write an episode of a member's policies to `target`, .gif or .mp4, and return its path.

    Args:
        episode: number of the evaluation episode; they always start alike.
        steps: actions that are shown; by default all in mazes, elsewhere 200.
        size: pixels of each scene's sides, 16 to 2000.
        note: is told what is left out and why.

    Raises as `moving.write` and `restore`, UsageError for numbers that make no film, TaskError without an environment,
    ResourceError without OpenGL.
    """
    moving.check(target)
    check_whole("episode", episode, 0)
    check_whole("steps", steps, 1)
    check_whole("size", size, *SIZES)
    folders = run_folders(run)
    found = [restore(folder, saved) for folder in folders for saved in _ends(folder)] or [restore(folders[0])]
    for one in found:
        one.check_member(member)
    if len(found) > SCENES:
        note(f"{run} has {len(found)} policies to show; here are the first {SCENES}; name a group's folder for others")
    first, scenes = found[0], []
    try:
        scenes.append(_recorded(first, steps, size))
    except ResourceError:  # without OpenGL there is nothing to see of the policies either
        raise
    except ParsError as error:  # the data may be gone; the policies are still there
        note(f"without the data: {error}")
    names = _names(found, member)
    scenes += [_acted(one, name, member, episode, steps, size) for one, name in zip(found[:SCENES], names)]
    milliseconds = 1000.0 * max(scenes[0].seconds, 1.0 / SLOWEST)
    return moving.write(list(_side_by_side(scenes)), target, round(milliseconds), 1500)


def _ends(folder: Path) -> Iterator[Checkpoint]:
    """The newest policies of each phase."""
    newest = {one.position.phase: one for one in moments(folder)}
    return (newest[phase] for phase in (OFFLINE, ONLINE) if phase in newest)


class _Camera:
    """Pictures of the only environment of a batch, on the way of an episode."""

    def __init__(self, task: Task, env: BatchEnv, size: int) -> None:
        self.env, self.size, self.track = env, size, task.maze is not None
        self.gym = env if isinstance(env, GymBatch) else None
        self.renderer = None if self.gym else Renderer(task, env, width=size, height=size)
        self.way: list[Array] = []
        physics = env.physics if isinstance(env, MujocoBatch) else None
        self.seconds = physics.frame_skip * float(physics.model.opt.timestep) if physics else 1.0 / SLOWEST

    def shoot(self, obs: Array, seen: bool, goal: bool = True) -> list[Array]:
        """Note where it is; a picture [size, size, 3] if it is to be `seen`, and the goal with it."""
        self.way.append(np.array(obs[:2], float))
        if not seen:
            return []
        if self.gym is not None:
            return [_fitted(self.gym.picture(), self.size)]
        assert self.renderer is not None
        return [self.renderer.frame(0, np.stack(self.way) if self.track else None, goal)]

    def close(self) -> None:
        if self.renderer is not None:
            self.renderer.close()
        self.env.close()


def _names(found: Sequence[Restored], member: int) -> list[str]:
    """Of each its algorithm, the settings in which those of one algorithm differ, and its seed."""
    settings = [one.description["members"][member]["settings"] for one in found]
    same = [[own for own, other in zip(settings, found) if other.algo.name == one.algo.name] for one in found]
    varied = [[f"{name}={show(own[name])}" for name in differing(alike) if name in own]
              for own, alike in zip(settings, same)]  # fmt: skip
    return [", ".join([one.algo.title, *words, f"seed {one.seeds[member]}"]) for one, words in zip(found, varied)]


def _acted(one: Restored, name: str, member: int, episode: int, steps: int | None, size: int) -> Scene:
    """The episode of one policy."""
    task = _drawable(one)
    most = min(steps or (task.time_limit if task.maze else STEPS), task.time_limit)
    every, act = -(-most // FRAMES), one.policies.member(member)
    env = task.make(1, threads=1)
    camera, eyes = _Camera(task, env, size), Eyes(one.algo.sees, task, env)
    try:
        eyes.begin(ONLY, env.reset(ONLY, np.array([environment_seed(EVALUATION, episode)], np.int64)))
        frames, gained, returns = camera.shoot(eyes.obs[0], True), 0.0, [0.0]
        for number in range(1, most + 1):
            result = env.step(ONLY, act(eyes.seen())[None])
            eyes.look(ONLY, result.obs)
            gained += float(result.reward[0])
            over = bool(result.terminal[0] | result.truncated[0]) or number == most
            new = camera.shoot(eyes.obs[0], number % every == 0 or over)
            frames, returns = frames + new, returns + [gained] * len(new)
            if over:
                break
    finally:
        camera.close()
    at = f"{one.position.phase} step {one.position.step:,}"
    return Scene(name, at, frames, returns, every * camera.seconds)


def _recorded(one: Restored, steps: int | None, size: int) -> Scene:
    """The episode of the data whose return is the median one. Raises ParsError if it cannot be shown."""
    task, data = _drawable(one), _dataset(one)
    env = task.make(1, threads=1)
    try:
        rows = _median_episode(np.asarray(data.columns.reward, np.float64), np.asarray(data.last, bool))
        rows = rows[: steps or (len(rows) if task.maze else STEPS)]
        obs = np.asarray(data.columns.obs[rows], np.float64)
        states = _states(env, obs)
        if states is None or not isinstance(env, MujocoBatch):
            raise TaskError(f"the observations of {task.id} do not show the simulator's state")
        camera = _Camera(task, env, size)
        qpos, qvel = _filled(*states, camera.seconds)
    except BaseException:
        env.close()
        raise
    every, frames, returns = -(-len(rows) // FRAMES), list[Array](), list[float]()
    goal = _one_goal(env)  # else that of a recorded episode may have been another one
    gained = np.r_[0.0, np.cumsum(data.columns.reward[rows])]
    try:
        for number in range(len(rows)):
            env.place(ONLY, qpos[number : number + 1], qvel[number : number + 1])
            new = camera.shoot(obs[number], number % every == 0 or number == len(rows) - 1, goal)
            frames, returns = frames + new, returns + [float(gained[number + 1])] * len(new)
    finally:
        camera.close()
    return Scene("data", "median episode", frames, returns, every * camera.seconds)


def _one_goal(env: BatchEnv) -> bool:
    """Whether all episodes have the same goal."""
    seen = set()
    for seed in range(4):
        env.reset(ONLY, np.array([seed]))
        seen.add(None if env.goals is None else tuple(env.goals[0].tolist()))
    return len(seen) == 1 and None not in seen


def _states(env: BatchEnv, obs: Array) -> tuple[Array, Array] | None:
    """qpos and qvel in which `obs` [T, O] was observed, NaN where it does not tell; None if it shows something else."""
    if not isinstance(env, MujocoBatch):
        return None
    if (shown := env.shown(obs)) is not None:
        return shown
    model = env.physics.model
    if obs.shape[1] != model.nq + model.nv:
        return None
    qpos, qvel = obs[:, : model.nq], obs[:, model.nq :]  # as wide as a state: it is one if it is observed as itself
    return (qpos, qvel) if np.allclose(env.place(ONLY, qpos[:1], qvel[:1]), obs[:1], atol=1e-5) else None


def _filled(qpos: Array, qvel: Array, seconds: float) -> tuple[Array, Array]:
    """States [T, ..] without what was not seen: a position is summed up from its speed, a speed is 0."""
    qpos, qvel = np.array(qpos, np.float64), np.nan_to_num(np.asarray(qvel, np.float64))
    for column in np.flatnonzero(np.isnan(qpos).all(axis=0)):
        qpos[:, column] = np.cumsum(qvel[:, column]) * seconds
    return np.nan_to_num(qpos), qvel


def _median_episode(reward: Array, last: Array) -> Array:
    """Rows of the episode whose return stands in the middle."""
    ends = np.flatnonzero(last)
    begins = np.r_[0, ends[:-1] + 1]
    middle = int(np.argsort(np.add.reduceat(reward, begins), kind="stable")[len(ends) // 2])
    return np.arange(begins[middle], ends[middle] + 1)


def _dataset(one: Restored) -> Dataset:
    told = one.description["dataset"]
    if told["source"] == "arrays":
        raise DataError("the run was trained on arrays in memory")
    found = api.open_dataset(str(told["source"]), one.task, **told.get("reading", {}))
    if found.fingerprint != told["fingerprint"] and not told.get("holdout"):
        raise DataError(f"{told['source']} is not as it was when the run was trained")
    return found


def _drawable(one: Restored) -> Task:
    """The task of a run, such that it draws. Raises TaskError."""
    task = one.task
    if task is None:
        raise TaskError(f"{one.folder} was trained without an environment; there is nothing to see")
    if task.family != GYM:
        return task
    options = dict(one.description.get("task_options") or {})
    given = options.get("env_args") or {}
    args = json.loads(given) if isinstance(given, str) else dict(given)
    return make_task(task.id, **{**options, "env_args": {**args, "render_mode": "rgb_array"}})


def _fitted(picture: Array, size: int) -> Array:
    """A picture of another size, shrunk or grown into a square on white."""
    image = Image.fromarray(picture)
    share = size / max(image.size)
    small = image.resize([max(1, round(side * share)) for side in image.size])
    square = Image.new("RGB", (size, size), "white")
    square.paste(small, ((size - small.width) // 2, (size - small.height) // 2))
    return np.asarray(square)


def _side_by_side(scenes: Sequence[Scene]) -> Iterator[Image.Image]:
    """Frames with all scenes in rows of three; one that has ended stands still."""
    size, columns = scenes[0].frames[0].shape[0], min(len(scenes), 3)
    font: Any = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 12)
    rows = -(-len(scenes) // columns)
    for number in range(max(len(scene.frames) for scene in scenes)):
        image = Image.new("RGB", (columns * size, rows * (size + BAR)), "white")
        pen = ImageDraw.Draw(image)
        for i, scene in enumerate(scenes):
            at = min(number, len(scene.frames) - 1)
            x, y = i % columns * size, i // columns * (size + BAR)
            image.paste(Image.fromarray(scene.frames[at]), (x, y))
            said = f"{scene.who}\n{scene.at}: return {scene.returns[at]:.4g}"
            pen.text((x + 5, y + size + 2), said, "#222222", font)
        yield image
