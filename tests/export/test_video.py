"""Videos of policies: what stands beside what, and what is shown of recorded states."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pars.envs import make_task, render
from pars.errors import ResourceError, TaskError, UsageError
from pars.export import video
from pars.training.restore import restore, run_folders
from tests import runs


@pytest.mark.usefixtures("gl")
def test_data_offline_and_online_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(video, "_dataset", lambda one: runs.few_rows())
    path = video.write(runs.finished_run(), tmp_path / "a.gif", member=1, steps=12, size=48, note=said.append)
    with Image.open(path) as gif:
        assert gif.size == (3 * 48, 48 + video.BAR) and gif.n_frames == 13  # type: ignore[attr-defined]
    assert not said


@pytest.mark.usefixtures("gl")
def test_without_its_data_a_run_is_shown_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(runs.group(runs.finished_run()), tmp_path / "run")
    monkeypatch.setattr(video, "_dataset", lambda one: (_ for _ in ()).throw(TaskError("gone")))
    said: list[str] = []
    with Image.open(video.write(folder, tmp_path / "a.gif", steps=2, size=32, note=said.append)) as gif:
        assert gif.size[0] == 2 * 32
    assert said == ["without the data: gone"]


def test_what_cannot_be_shown_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.finished_run()
    with pytest.raises(UsageError, match="members are 0 to 1"):
        video.write(run, tmp_path / "a.gif", member=2)
    with pytest.raises(UsageError, match="name a file that ends in"):
        video.write(run, tmp_path / "a.png")
    monkeypatch.setenv("MUJOCO_GL", "disable")
    with pytest.raises(ResourceError, match="no OpenGL works here"):
        video.write(run, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_panels_say_which_seed_they_are_of() -> None:
    (folder,) = run_folders(runs.finished_run())
    one = restore(folder)
    assert video._names([one, one], 1) == [f"{one.algo.title}, seed {one.seeds[1]}"] * 2


@pytest.mark.parametrize(
    ("task", "options", "one"),
    [
        ("pointmaze-umaze-fixed", {}, True),
        ("antmaze-umaze-v2", {}, False),
        ("antmaze-umaze-v2", {"goal": "fixed"}, True),
    ],
)
def test_the_data_s_goal_is_shown_where_there_is_but_one(task: str, options: dict[str, str], one: bool) -> None:
    env = make_task(task, **options).make(1)
    assert video._one_goal(env) == one
    env.close()


def test_what_is_not_seen_of_a_state_is_summed_up_or_zero() -> None:
    qpos, qvel = np.array([[np.nan, 1.0], [np.nan, 2.0]]), np.array([[3.0, np.nan], [1.0, 5.0]])
    filled, speeds = video._filled(qpos, qvel, 0.5)
    assert filled.tolist() == [[1.5, 1.0], [2.0, 2.0]] and speeds.tolist() == [[3.0, 0.0], [1.0, 5.0]]


def test_the_episode_in_the_middle_is_taken() -> None:
    reward, last = np.array([5.0, 0.0, 1.0, 1.0, 0.0]), np.array([1, 0, 0, 1, 1], bool)
    assert video._median_episode(reward, last).tolist() == [1, 2, 3]


@pytest.mark.usefixtures("gl")
def test_the_way_is_drawn_on_the_ground() -> None:
    task = make_task("pointmaze-umaze-fixed")
    batch = task.make(1)
    obs = batch.reset(video.ONLY, video.ONLY)
    renderer = render.Renderer(task, batch, width=64, height=64)
    plain = renderer.frame(goal=False).astype(int)
    drawn = renderer.frame(trail=obs[0, :2] + np.array([[0.0, 0.0], [1.0, 0.0]]), goal=False).astype(int)
    renderer.close()
    changed = np.abs(plain - drawn).sum(axis=-1) > 60
    assert 3 < changed.sum() < 200 and (drawn[changed][:, 0] > drawn[changed][:, 2]).mean() > 0.9
