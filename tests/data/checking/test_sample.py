"""States that a file does not record where they are expected: after the step, in the observations, or nowhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars.collect.rollouts import roll_out, uniform
from pars.data.checking.verify import page_lines, verify
from pars.envs import make_task
from pars.errors import DataError
from tests.data.files import write_npz

ANT = "antmaze-umaze-v2"
DOOR = "door-cloned-v1"


def rolled(task_id: str, rows: int = 120) -> dict[str, np.ndarray]:
    """Random actions in a task, recorded as this library records."""
    task = make_task(task_id)
    return dict(roll_out(task, uniform(task.action_dim, 0), rows, 0))


def without(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: values for key, values in data.items() if key not in keys}


def after_the_step(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same rows with the states written after the step, as D4RL's AntMaze scripts write them."""
    late = {key: np.roll(data[key], -1, axis=0) for key in ("infos/qpos", "infos/qvel")}
    return data | late


@pytest.fixture(scope="module")
def walked() -> dict[str, np.ndarray]:
    return rolled(ANT)


@pytest.fixture(scope="module")
def hopped() -> dict[str, np.ndarray]:
    return rolled("hopper-random-v2", 400)


def states(path: Path, task_id: str, **options: Any) -> str:
    """What the page says of where the states come from; the file must be reproduced by d4rl physics."""
    found = verify(path, task_id, **options)
    assert found.verdict.startswith("this file was made with d4rl physics"), found.verdict
    assert found.errors[0].qpos.max < 1e-5 * found.change, found.errors[0]
    return " ".join(text for name, text in page_lines(found) if name == "states")


def test_antmaze_is_compared_by_its_observations_wherever_its_states_were_written(tmp_path, walked):
    own = states(write_npz(tmp_path / "own.npz", walked), ANT)
    assert own == "the states are those that the observations show; 'infos/qpos' of row i is the state of row i"
    late = states(write_npz(tmp_path / "d4rl.npz", after_the_step(walked)), ANT)
    assert late.endswith("the state of row i + 1, read after the step, as D4RL's AntMaze scripts do")
    bare = without(walked, "infos/qpos", "infos/qvel")
    assert states(write_npz(tmp_path / "bare.npz", bare), ANT).endswith("there is no 'infos/qpos'")
    other = states(write_npz(tmp_path / "other.npz", walked | {"infos/qpos": walked["infos/qpos"][::-1]}), ANT)
    assert other.endswith("the state of neither row i nor row i + 1")


def test_shifted_actions_of_antmaze_are_still_named(tmp_path, walked):
    shifted = after_the_step(walked) | {"actions": np.roll(walked["actions"], 1, axis=0)}
    found = verify(write_npz(tmp_path / "a.npz", shifted), ANT)
    assert found.verdict.endswith("the actions of the rows after fit, so 'actions' is shifted by one row")


def test_changed_observations_of_antmaze_are_not_laid_on_its_actions_alone(tmp_path, walked):
    found = verify(write_npz(tmp_path / "a.npz", walked | {"observations": 1.5 * walked["observations"]}), ANT)
    assert found.verdict.endswith("were observations or actions scaled?")


def test_observations_that_are_changed_in_part_of_the_rows_are_refused(tmp_path, hopped):
    obs = hopped["observations"].copy()
    obs[np.random.default_rng(0).random(len(obs)) < 0.3] += 0.2
    found = verify(write_npz(tmp_path / "a.npz", hopped | {"observations": obs}), "hopper-random-v2")
    assert found.errors[0].seen.median < 1e-6 and "the observations are not of them" in found.verdict


def test_states_after_the_step_are_named_in_other_tasks(tmp_path, hopped):
    found = verify(write_npz(tmp_path / "a.npz", after_the_step(hopped)), "hopper-random-v2")
    assert found.verdict.endswith("so 'infos/qpos' is shifted by one row") and "'actions'" not in found.verdict


def test_robots_without_states_are_compared_by_their_observations(tmp_path, hopped):
    bare = without(hopped, "infos/qpos", "infos/qvel")
    said = states(write_npz(tmp_path / "a.npz", bare), "hopper-random-v2")
    assert said == "the states are those that the observations show; there is no 'infos/qpos'"
    bare["observations"] = bare["observations"].copy()
    bare["observations"][::2, 5:] = 10.0  # at the clip of observed speeds
    found = verify(write_npz(tmp_path / "b.npz", bare), "hopper-random-v2")
    assert found.rows < 200
    bare["observations"][:, 5:] = -10.0
    with pytest.raises(DataError, match=r"no 'infos/qpos', and no row shows all speeds; nothing can be compared"):
        verify(write_npz(tmp_path / "c.npz", bare), "hopper-random-v2")


SCENES = {
    DOOR: ["infos/door_body_pos"],
    "hammer-cloned-v1": ["infos/board_pos"],
    "relocate-cloned-v1": ["infos/obj_pos", "infos/target_pos"],
    "pen-cloned-v1": ["infos/desired_orien"],
}


@pytest.mark.parametrize("task_id", SCENES)
def test_scenes_that_are_not_recorded_are_recovered(tmp_path, task_id):
    data = rolled(task_id, 60)
    found = verify(write_npz(tmp_path / "a.npz", without(data, *SCENES[task_id])), task_id, physics="d4rl")
    assert found.errors[0].qpos.median < 1e-6 * found.change and found.errors[0].reward.p90 < 1e-5
    assert found.notes == [f"no '{key}': taken from the observations" for key in SCENES[task_id]]


@pytest.mark.parametrize("task_id", SCENES)
def test_the_recovered_scene_is_the_recorded_one(task_id):
    env: Any = make_task(task_id).make(3)
    everyone, rng = np.arange(3), np.random.default_rng(0)
    obs = env.reset(everyone, everyone)
    for _ in range(5):
        obs = env.step(everyone, rng.uniform(-1, 1, (3, env.action_dim))).obs
    scene, (qpos, qvel) = env.scene(everyone), (env.physics.qpos.copy(), env.physics.qvel.copy())
    env.reset(everyone, everyone + 10)  # another scene
    found = env.recover(everyone, qpos, qvel, obs)
    env.close()
    assert found.keys() == scene.keys()
    for key in scene:
        np.testing.assert_allclose(found[key], scene[key], atol=2e-7)


@pytest.mark.parametrize("task_id", SCENES)
def test_a_scene_that_was_not_drawn_is_not_reproduced(tmp_path, task_id):
    data = rolled(task_id, 60)
    for key in SCENES[task_id]:
        found = verify(write_npz(tmp_path / "a.npz", data | {key: np.zeros_like(data[key])}), task_id)
        assert found.refusal is not None and "the observations" in found.verdict
        if any(map(found.moves, found.errors)):  # where the hand does not touch what was moved
            assert found.verdict.endswith("is what 'infos/' says of the scene not what was drawn?")


@pytest.mark.parametrize("task_id", SCENES)
def test_a_scene_that_is_not_a_number_is_one_line(tmp_path, task_id):
    data = rolled(task_id, 20)
    for key in SCENES[task_id]:
        path = write_npz(tmp_path / "a.npz", data | {key: np.full_like(data[key], np.nan)})
        with pytest.raises(DataError, match=rf"'{key}' has NaN or infinite values; leave it out to have it taken"):
            verify(path, task_id)


@pytest.mark.parametrize(
    ("key", "mend"), [("observations", "see: pars data check"), ("infos/qvel", "leave it out to have it taken")]
)
def test_states_of_no_simulator_are_one_line(tmp_path, walked, key, mend):
    path = write_npz(tmp_path / "a.npz", walked | {key: 1e30 * walked[key]})
    with pytest.raises(DataError, match=rf"'{key}' has values up to \S+e\+3\d, which no simulator gives; {mend}"):
        verify(path, ANT)


def test_mujoco_keeps_silent_of_states_that_it_cannot_step(tmp_path, walked, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    path = write_npz(tmp_path / "a.npz", walked | {"observations": 1e8 * walked["observations"]})
    assert verify(path, ANT, rows=20).refusal is not None
    assert capfd.readouterr() == ("", "") and [file.name for file in tmp_path.iterdir()] == ["a.npz"]


def test_a_scene_of_another_width_is_one_line(tmp_path):
    data = rolled(DOOR, 20) | {"infos/door_body_pos": np.zeros((20, 2))}
    with pytest.raises(DataError, match=r"'infos/door_body_pos' is 2 wide, door-cloned-v1 has 3; name the task"):
        verify(write_npz(tmp_path / "a.npz", data), DOOR)
