"""Pictures: they show the state, need no screen, and fail in one line. Skipped where no OpenGL works."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from pars.envs import make_task
from pars.envs.render import Renderer
from pars.errors import ResourceError, TaskError

FAMILIES = ["pointmaze-umaze-fixed", "antmaze-ultra-play-v0", "halfcheetah-random-v2", "pen-cloned-v1"]
ONLY = np.zeros(1, np.int64)


def shoot(task_id: str, seed: int = 0, n: int = 1, i: int = 0) -> np.ndarray:
    task = make_task(task_id)
    batch = task.make(n)
    batch.reset(np.arange(n), np.arange(n) + seed)
    renderer = Renderer(task, batch, width=96, height=64)
    frame = renderer.frame(i)
    renderer.close()
    return frame


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("task_id", FAMILIES)
def test_a_frame_shows_the_state(task_id):
    frame = shoot(task_id)
    assert frame.shape == (64, 96, 3) and frame.dtype == np.uint8 and np.ptp(frame) > 100
    assert (shoot(task_id) == frame).all()
    assert (shoot(task_id, seed=1) != frame).any()


@pytest.mark.usefixtures("gl")
def test_each_environment_of_a_batch_has_its_own_scene():
    frames = [shoot("door-expert-v1", n=3, i=i) for i in range(3)]
    assert (frames[0] != frames[2]).any() and (frames[2] == shoot("door-expert-v1", seed=2)).all()


@pytest.mark.usefixtures("gl")
def test_mazes_are_seen_from_above_with_their_goal():
    """x to the right, y upwards: umaze's goal lies above its start, at the left."""
    frame = shoot("pointmaze-umaze-fixed").astype(int)
    green = np.argwhere((frame[..., 1] > 2 * frame[..., 0]) & (frame[..., 1] > 80))
    row, column = green.mean(axis=0)
    assert row < 32 and column < 48


@pytest.mark.usefixtures("gl")
def test_a_picture_changes_nothing_and_two_renderers_live_together():
    task = make_task("pen-cloned-v1")
    plain, drawn = task.make(1), task.make(1)
    first, second = Renderer(task, drawn, width=64, height=64), Renderer(task, drawn, width=32, height=32)
    for batch in (plain, drawn):
        batch.reset(ONLY, ONLY)
    for action in np.random.default_rng(0).uniform(-1, 1, (5, 1, 24)):
        assert first.frame().shape == (64, 64, 3) and second.frame().shape == (32, 32, 3)
        assert (drawn.step(ONLY, action).obs == plain.step(ONLY, action).obs).all()
    first.close()
    assert second.frame().any()
    second.close()
    second.close()
    with pytest.raises(ValueError, match="closed"):
        second.frame()


@pytest.mark.usefixtures("gl")
@pytest.mark.filterwarnings("ignore:.*A Box observation space (min|max)imum value is -?infinity")  # see test_face.py
@pytest.mark.parametrize("task_id", ["pointmaze-umaze-fixed", "hopper-medium-v2"])
def test_check_env_renders(task_id):
    env = gymnasium.make(f"pars/{task_id}", render_mode="rgb_array")
    check_env(env.unwrapped)
    env.reset(seed=0)
    assert env.render().shape == (480, 480, 3)
    env.close()


def test_no_opengl_is_one_line_that_says_what_to_install(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disable")
    task = make_task("pointmaze-umaze-fixed")
    with pytest.raises(ResourceError, match=r"no OpenGL works here \(disable: .*apt install libegl1") as caught:
        Renderer(task, task.make(1))
    assert "\n" not in str(caught.value)


def test_gymnasiums_own_environments_draw_themselves():
    task = make_task("Pendulum-v1")
    with pytest.raises(TaskError, match="Pendulum-v1: has no pictures"):
        Renderer(task, task.make(1))
