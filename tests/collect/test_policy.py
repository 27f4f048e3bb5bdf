"""Policies that users supply: read from .npz, refused in one line, and what they do in a twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pars.collect.policy import supplied_policy
from pars.collect.twins import collect_twin, takes_policy, twin_path
from pars.data import load_dataset
from pars.envs import list_tasks, make_task
from pars.errors import CheckpointError, UsageError

HOPPER = make_task("hopper-expert-v2")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path / "data"))


def weights(obs_dim: int, action_dim: int, width: int = 8) -> dict[str, Any]:
    rng, sizes = np.random.default_rng(0), [(width, obs_dim), (width, width), (action_dim, width)]
    drawn = {f"w{i}": rng.normal(size=size, scale=0.3) for i, size in enumerate(sizes)}
    return drawn | {f"b{i}": rng.normal(size=size[0], scale=0.1) for i, size in enumerate(sizes)}


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with h5py.File(path) as file:
        return {key: file[key][()] for key in ("observations", "actions", "timeouts")}, dict(file.attrs)


def test_a_policy_by_hand(tmp_path: Path) -> None:
    """One hidden unit that sees the first observation, one action of three that is not 0."""
    w0, w1 = np.zeros((1, 11)), np.zeros((3, 1))
    w0[0, 0], w1[2, 0] = 2.0, 3.0
    scale = np.full(11, 4.0)
    arrays: dict[str, Any] = {"w0": w0, "b0": np.array([1.0]), "w1": w1, "b1": np.zeros(3)}
    arrays |= {"in_shift": np.full(11, -1.0), "in_scale": scale, "out_shift": np.full(3, 0.5), "out_scale": np.ones(3)}
    obs, noise = np.ones((1, 11)), np.ones((1, 3))
    act = supplied_policy(saved(tmp_path / "a.npz", **arrays), HOPPER)  # (1 + 1) / 4 -> 2 * .5 + 1 = 2
    np.testing.assert_allclose(act(obs, noise), [[0.5, 0.5, 0.5 + 3 * np.tanh(2.0)]], rtol=1e-6)
    act = supplied_policy(saved(tmp_path / "b.npz", **arrays, hidden="relu", log_std=np.log([1.0, 2.0, 3.0])), HOPPER)
    np.testing.assert_allclose(act(obs, noise), [[1.5, 2.5, 9.5]], rtol=1e-6)


def test_rows_are_sampled_actions_of_the_policy_clipped(tmp_path: Path) -> None:
    file = saved(tmp_path / "mine.npz", **weights(39, 28), log_std=np.full(28, -0.5))
    path = collect_twin("door-expert-v1", 420, policy=file)
    columns, about = read(path)
    policy = supplied_policy(file, make_task("door-expert-v1"))
    noise = np.stack([np.random.default_rng([0, step]).standard_normal((2, 28)) for step in range(210)], axis=1)
    actions = policy(columns["observations"].astype(np.float64), noise.reshape(-1, 28))
    np.testing.assert_allclose(columns["actions"], np.clip(actions, -1, 1), atol=1e-5)
    assert path.stem == "door-expert-v1-420-by-mine" and about["policy"] == policy.sha256 and about["walker"] == ""
    made = str(about["made"])
    assert "not D4RL's file: sampled actions of the policy mine.npz (SHA-256 " in made and "in 2 episodes" in made
    assert len(load_dataset(path, task=make_task("door-expert-v1")).last) == 420 - 4 + (not columns["timeouts"][-1])


def test_a_cloned_twin_says_what_it_lacks(tmp_path: Path) -> None:
    path = collect_twin("pen-cloned-v1", 20, policy=saved(tmp_path / "mine.npz", **weights(45, 24)))
    made = str(read(path)[1]["made"])
    assert "mean actions of the policy mine.npz" in made and "demonstrations of people, of which there are none" in made
    assert "return" not in made  # no episode is whole


def test_other_weights_are_collected_anew_and_leave_the_random_twin(tmp_path: Path) -> None:
    random = collect_twin("pen-expert-v1", 20)
    arrays = weights(45, 24)
    file = saved(tmp_path / "mine.npz", **arrays)
    path = collect_twin("pen-expert-v1", 20, policy=file)
    made, before = path.stat().st_mtime_ns, read(path)[0]
    assert path != random == twin_path("pen-expert-v1", 20) and "random" in str(read(random)[1]["made"])
    assert collect_twin("pen-expert-v1", 20, policy=file).stat().st_mtime_ns == made
    saved(file, **arrays, hidden="relu")
    after, _ = read(collect_twin("pen-expert-v1", 20, policy=file))
    assert not np.array_equal(after["actions"], before["actions"])


def test_which_sets_a_policy_makes(tmp_path: Path) -> None:
    taken = {task.id for task in list_tasks() if takes_policy(task)}
    assert len(taken) == 8 + 6 and {"pen-cloned-v1", "hopper-medium-v2", "walker2d-expert-v2"} < taken
    file = saved(tmp_path / "mine.npz", **weights(11, 3))
    assert "mine.npz" in str(read(collect_twin("hopper-medium-v2", 60, policy=file))[1]["made"])
    for other in ("hopper-random-v2", "hopper-medium-replay-v2", "hopper-medium-expert-v2", "antmaze-umaze-v2"):
        with pytest.raises(UsageError, match=f"{other} is not made by one policy"):
            collect_twin(other, 20, policy=file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w0": np.zeros((8, 5))}, "a policy for hopper-expert-v2 sees 11 numbers and gives 3, this one 5 and 3"),
        ({"w1": np.zeros((8, 9))}, "layers do not fit together"),
        ({"b1": np.zeros(9)}, r"w1 has shape \(8, 8\), b1 \(9,\)"),
        ({"b1": None}, "b1 is missing"),
        ({"w1": None, "b1": None}, "w1 is missing"),
        ({"w2": np.full((3, 8), np.nan)}, "w2 holds NaN or Inf"),
        ({"w2": np.full((3, 8), 1e300)}, r"w2 holds 1\.0e\+300, beyond the 1e\+06"),
        ({"w2": np.ones((3, 8), complex)}, "w2 does not hold numbers of a float or int type"),
        ({"in_scale": np.ones(3)}, r"in_scale has shape \(3,\), not \(11,\)"),
        ({"in_scale": np.full(11, -1e-8)}, "in_scale has a number below 0; it divides"),
        ({"in_shift": np.full(11, "a")}, "in_shift does not hold numbers"),
        ({"log_std": np.full(3, np.inf)}, "log_std holds NaN or Inf"),
        ({"log_std": np.full(3, 800.0)}, "log_std has a number above 10"),
        ({"w00": np.zeros((8, 8))}, "what is w00"),
        ({"hidden": np.array(["tanh", "relu"])}, "known: tanh, relu"),
        ({"logstd": np.zeros(3)}, "what is logstd"),
        ({"hidden": "gelu"}, "hidden is 'gelu'; known: tanh, relu"),
        ({"hidden": np.array([{}], object)}, "Object arrays cannot be loaded"),
        ({"w0": np.array("text")}, "w0 does not hold numbers"),
    ],
)
def test_a_policy_that_is_none_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    arrays = {key: value for key, value in (weights(11, 3) | change).items() if value is not None}
    with pytest.raises(CheckpointError, match=words) as error:
        collect_twin("hopper-expert-v2", 20, policy=saved(tmp_path / "mine.npz", **arrays))
    assert "\n" not in str(error.value) and "mine.npz" in str(error.value)


def test_a_rollout_ends_at_an_action_that_is_no_number(tmp_path: Path) -> None:
    """Numbers that are each sensible may overflow in many layers."""
    deep = {f"w{i}": np.full((3, 11 if i == 0 else 3), 1e6, np.float32) for i in range(60)}
    file = saved(tmp_path / "mine.npz", **deep, **{f"b{i}": np.ones(3) for i in range(60)}, hidden="relu")
    with pytest.raises(CheckpointError, match=r"mine\.npz: an action it gives is NaN or Inf"):
        collect_twin("hopper-expert-v2", 20, policy=file)
    assert not twin_path("hopper-expert-v2", 20, weights=file).exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut", None])
def test_files_that_are_no_archive(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CheckpointError, match="no readable policy"):
        collect_twin("hopper-expert-v2", 20, policy=file)
    with file.open("wb") as other:
        np.save(other, np.zeros(3))  # one array, no archive
    with pytest.raises(CheckpointError, match="no readable policy"):
        collect_twin("hopper-expert-v2", 20, policy=file)
