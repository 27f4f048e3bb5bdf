"""Files made by a known simulator are told from files that it did not make."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pars.data.checking.embedded import Rollout, recorded_policy, recorded_returns
from pars.data.checking.verify import Errors, Tail, Verification, page_lines, verify
from pars.data.pointmaze import collect
from pars.envs import make_task
from pars.errors import DataError, UsageError
from tests.data.files import columns, write_npz

MAZE = "pointmaze-umaze-diverse"
HOPPER = "hopper-medium-v2"
ZERO = (0.0, 0.0, 0.0, 0.0)


def write(path: Path, data: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        for key, values in data.items():
            file[key] = values
    return path


@pytest.fixture(scope="module")
def walked() -> dict[str, np.ndarray]:
    """600 rows of PointMaze, as collected."""
    return collect(make_task(MAZE).maze, "diverse", 600, 0)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def hopped() -> dict[str, np.ndarray]:
    return random_rows(HOPPER)


def random_rows(task: str) -> dict[str, np.ndarray]:
    """Twenty robots with D4RL's physics and random actions, 12 rows each."""
    env: Any = make_task(task, physics="d4rl").make(20)
    width, index, rng, rows = make_task(task).action_dim, np.arange(20), np.random.default_rng(0), []
    obs = env.reset(index, index)
    for _ in range(12):
        qpos, qvel = env.physics.qpos[index].copy(), env.physics.qvel[index].copy()
        action = rng.uniform(-1, 1, (20, width)).astype(np.float32)
        result = env.step(index, action)
        rows.append((obs, action, result.reward, result.terminal, qpos, qvel))
        obs = result.obs
    env.close()
    keys = ("observations", "actions", "rewards", "terminals", "infos/qpos", "infos/qvel")
    stacked = (np.stack(values, axis=1) for values in zip(*rows, strict=True))
    data = {key: values.reshape(240, *values.shape[2:]) for key, values in zip(keys, stacked, strict=True)}
    return data | {"terminals": np.zeros(240, bool), "timeouts": np.arange(240) % 12 == 11}


def test_a_file_of_this_simulator_is_reproduced_exactly(tmp_path, walked):
    found = verify(write(tmp_path / "a.hdf5", walked), MAZE)
    (errors,) = found.errors
    assert (errors.physics, errors.qpos, errors.qvel, errors.obs, errors.reward) == ("stock", ZERO, ZERO, ZERO, ZERO)
    assert found.refusal is None and found.verdict.startswith("stock physics reproduces this file: median error 0;")
    assert found.rows == 600 - 10 - 1  # no row at an episode's end, nor the first, whose predecessor is unknown
    assert found.change == pytest.approx(
        np.median(np.abs(np.diff(walked["infos/qpos"][:60], axis=0)).max(axis=1)), rel=0.5
    )


def test_few_rows_are_always_the_same(tmp_path, walked):
    path = write(tmp_path / "a.hdf5", walked)
    assert verify(path, MAZE, rows=50) == verify(path, MAZE, rows=50)
    assert verify(path, MAZE, rows=50).rows == 50


def test_an_ant_outside_of_its_maze_is_seen(tmp_path):
    """Its physics are alike everywhere, and its observation is the whole state."""
    data = random_rows("antmaze-umaze-v2")
    assert verify(write(tmp_path / "a.hdf5", data), "antmaze-umaze-v2", physics="d4rl").refusal is None
    data["observations"][:, 0] += 100.0
    found = verify(write(tmp_path / "b.hdf5", data), "antmaze-umaze-v2", physics="d4rl")
    assert "100% of the rows stand in the maze's walls or beyond: were the positions changed?" in str(found.refusal)


def test_scaled_actions_are_seen(tmp_path, walked):
    found = verify(write(tmp_path / "a.hdf5", walked | {"actions": 0.5 * walked["actions"]}), MAZE)
    assert found.errors[0].qpos.median > 0.05 * found.change and found.errors[0].seen == ZERO
    assert isinstance(found.refusal, DataError)
    assert "does not reproduce this file" in found.verdict and "were the actions scaled?" in found.verdict


@pytest.mark.parametrize(("shift", "which"), [(1, "after"), (-1, "before")])
def test_a_shifted_column_is_named(tmp_path, walked, shift, which):
    found = verify(write(tmp_path / "a.hdf5", walked | {"actions": np.roll(walked["actions"], shift, axis=0)}), MAZE)
    assert found.verdict.endswith(f"the actions of the rows {which} fit, so 'actions' is shifted by one row")


def test_rewards_belong_to_the_step_that_leaves_the_row(tmp_path, walked):
    """A file that pays on arrival in row i instead of on the step towards it is one row late."""
    late = walked | {"rewards": np.roll(walked["rewards"], 1)}
    found = verify(write(tmp_path / "a.hdf5", late), MAZE)
    assert found.errors[0].reward.max == 1 and found.errors[0].qpos == ZERO


def test_observations_of_another_task_are_seen(tmp_path, walked):
    strange = walked | {"observations": walked["observations"] + 1, "actions": -walked["actions"]}
    assert "the observations do not belong to the states" in verify(write(tmp_path / "a.hdf5", strange), MAZE).verdict


def test_physics_modes_are_told_apart(tmp_path, hopped):
    found = verify(write(tmp_path / "a.hdf5", hopped), HOPPER)
    d4rl, stock = found.errors
    assert d4rl.qpos.max == 0 and d4rl.reward is not None and d4rl.reward.max < 1e-6
    assert stock.qpos.median > 1e-3 * found.change
    assert found.verdict.startswith("this file was made with d4rl physics: median error 0 against")
    only = verify(write(tmp_path / "b.hdf5", hopped), HOPPER, physics="stock")
    assert only.refusal is not None and "median error" in only.verdict and len(only.errors) == 1
    lines = list(page_lines(found))
    assert [name for name, _ in lines].count("stock") == 4 and lines[-1] == ("verdict", found.verdict)


@pytest.mark.parametrize(
    ("ours", "others", "said"),
    [
        ((1e-9, 1e-8), (1e-5, 1e-4), "this file was made with d4rl physics: median error 1e-09 against 1e-05 in stock"),
        ((5e-8, 1e-7), (6e-8, 0.3), "was made with d4rl physics: 90 % of the errors below 1e-07 against 0.3 in stock"),
        ((5e-8, 1e-7), (6e-8, 2e-7), "both physics modes reproduce this file: median error 5e-08 in d4rl against"),
        ((5e-8, 4e-3), (6e-8, 2e-2), "d4rl physics just reproduces this file: median error 5e-08 in d4rl against"),
    ],
)
def test_a_verdict_shows_the_numbers_that_tell(ours, others, said):
    tails = [Tail(*two, 1.0, 1.0) for two in (ours, others)]
    errors = [
        Errors(mode, tail, tail, tail, tail, Tail(*ZERO), Tail(*ZERO)) for mode, tail in zip(("d4rl", "stock"), tails)
    ]
    assert said in Verification("a.hdf5", HOPPER, 100, 1.0, "float32", [], errors).verdict


FAULTS = {
    "no states": ({"infos/qpos": None}, "no 'infos/qpos'; only files that record the simulator's states"),
    "x left out": ({"infos/qpos": np.zeros((600, 1))}, r"'infos/qpos' is 1 wide, .* has 2"),
    "narrow": ({"observations": np.zeros((600, 3))}, r"'observations' has shape \(600, 3\), .* is 4 wide"),
    "NaN": ({"infos/qvel": np.full((600, 2), np.nan)}, "NaN or infinite values; see: pars data check"),
    "too short": ({"rewards": np.zeros(599)}, "columns differ in length .* rewards 599"),
    "all ends": ({"timeouts": np.ones(600, bool)}, "no row is followed by another one of its episode"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_cannot_be_compared(tmp_path, walked, fault):
    changes, message = FAULTS[fault]
    data = {key: values for key, values in (walked | changes).items() if values is not None}
    with pytest.raises(DataError, match=message):
        verify(write(tmp_path / "a.hdf5", data), MAZE)


@pytest.mark.parametrize("rows", [0, 1])
def test_files_without_a_step(tmp_path, walked, rows):
    with pytest.raises(DataError, match=f"has {rows} rows, a transition takes at least 2"):
        verify(write(tmp_path / "a.hdf5", {key: values[:rows] for key, values in walked.items()}), MAZE)


def test_wrong_requests(tmp_path):
    path = write_npz(
        tmp_path / "a.npz", columns() | {"infos/qpos": np.zeros((200, 3)), "infos/qvel": np.zeros((200, 3))}
    )
    with pytest.raises(UsageError, match="which task was it recorded in"):
        verify(path)
    with pytest.raises(UsageError, match="rows=0"):
        verify(path, MAZE, rows=0)
    with pytest.raises(UsageError, match="has no physics=d4rl"):
        verify(path, MAZE, physics="d4rl")


def policy_layers(mean: float, log_std: float) -> dict[str, np.ndarray]:
    """A policy whose first action is tanh(mean + its second hidden unit), with the given noise."""
    shapes = {"fc0": (4, 11), "fc1": (5, 4), "last_fc": (3, 5), "last_fc_log_std": (3, 5)}
    layers = {f"metadata/policy/{name}/weight": np.zeros(shape, np.float32) for name, shape in shapes.items()}
    layers |= {f"metadata/policy/{name}/bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}
    layers["metadata/policy/fc0/weight"][2, 7] = 1
    layers["metadata/policy/fc1/weight"][1, 2] = 2
    layers["metadata/policy/last_fc/weight"][0, 1] = 1
    layers["metadata/policy/last_fc/bias"][0] = mean
    layers["metadata/policy/last_fc_log_std/bias"][:] = log_std
    return layers


def test_recorded_policy_by_hand(tmp_path):
    act = recorded_policy(write(tmp_path / "a.hdf5", policy_layers(0.5, -20)), 11, 3)
    obs = np.zeros((2, 11))
    obs[:, 7] = 0.25, -0.25  # through ReLU: 0.25, then doubled; and 0
    np.testing.assert_allclose(act(obs, np.random.default_rng(0))[:, 0], np.tanh([1.0, 0.5]), atol=1e-6)
    noisy = recorded_policy(write(tmp_path / "b.hdf5", policy_layers(0.0, -1)), 11, 3)
    sampled = np.arctanh(noisy(np.zeros((4000, 11)), np.random.default_rng(0)))
    np.testing.assert_allclose(sampled.std(axis=0), np.exp(-1), rtol=0.05)


def test_the_policy_is_rolled_out_beside_the_file(tmp_path, hopped):
    path = write(tmp_path / "a.hdf5", hopped | policy_layers(0.0, 0.0))
    rollout = verify(path, HOPPER, rows=20, episodes=7).rollout
    assert rollout is not None and rollout.physics == "d4rl"
    assert len(rollout.here) == 7 and (rollout.here > 5).all()  # a hopper is paid for every step it stands
    assert rollout.there == pytest.approx(hopped["rewards"].reshape(20, 12).sum(axis=1)[:-1], rel=1e-5)
    assert "7 episodes here (d4rl physics)" in rollout.sentence and "19 on file" in rollout.sentence


def test_rollout_sentence_and_returns_by_hand():
    rollout = Rollout("d4rl", np.array([1.0, 3.0]), np.array([4.0, 4.0]))
    assert (
        "returns 2.0 +- 1.0 in 2 episodes here" in rollout.sentence and "2.0 standard errors apart" in rollout.sentence
    )
    data = columns(n=25) | {"rewards": np.arange(25.0)}
    assert recorded_returns(data, 100).tolist() == [45, 145]  # the last five rows are no whole episode


def test_policies_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match="holds no policy"):
        recorded_policy(write(tmp_path / "a.hdf5", columns()), 11, 3)
    path = write(tmp_path / "b.hdf5", policy_layers(0, 0))
    with pytest.raises(DataError, match=r"layer fc0 has weights \(4, 11\) .* expected 17 inputs"):
        recorded_policy(path, 17, 3)
    with pytest.raises(DataError, match="the policy has 3 actions, the task 6"):
        recorded_policy(path, 11, 6)
