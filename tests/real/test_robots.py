"""Hopper and Walker2d: pieces of D4RL's v2 files, and float64 rows of gym's v3 tasks through mujoco-py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars.data.checking.sample import largest
from pars.data.checking.verify import verify
from pars.envs import make_task
from tests.data.files import write_npz
from tests.real.files import real

Array = np.ndarray

PIECES = {
    "hopper-medium-expert-v2": "d4rl-hopper-medium-expert-v2-script_train.npz",
    "hopper-medium-replay-v2": "d4rl-hopper-medium-replay-v2-script_eval.npz",
    "walker2d-medium-expert-v2": "d4rl-walker2d-medium-expert-v2-script_eval.npz",
    "walker2d-medium-replay-v2": "d4rl-walker2d-medium-replay-v2-script_eval.npz",
}


@pytest.mark.parametrize("task_id", PIECES)
def test_pieces_of_d4rls_files_are_reproduced(tmp_path: Path, task_id: str) -> None:
    pieces = np.load(real(PIECES[task_id]))
    obs, action = (np.concatenate([pieces[f"{key}_1"], pieces[f"{key}_2"]]) for key in ("obs", "action"))
    count, length = obs.shape[:2]
    rows = {
        "observations": obs.reshape(count * length, -1),
        "actions": action.reshape(count * length, -1),
        "rewards": np.zeros(count * length),  # not known
        "terminals": np.zeros(count * length, bool),
        "timeouts": np.tile(np.arange(length) == length - 1, count),
    }
    found = verify(write_npz(tmp_path / "a.npz", rows), task_id, rows=2000)
    d4rl, stock = found.errors
    assert found.verdict.startswith("this file was made with d4rl physics")
    assert d4rl.qpos.median < 1e-7 and d4rl.qpos.p99 < 5e-6
    assert stock.qpos.median > 3e-5 and stock.qpos.p99 > 1e-4


@pytest.mark.parametrize("task_id", PIECES)
def test_of_two_pieces_the_one_that_pays_more_is_the_one_that_d4rls_rewards_name(task_id: str) -> None:
    pieces = np.load(real(PIECES[task_id]))
    first, second = (_paid(task_id, pieces[f"obs_{k}"], pieces[f"action_{k}"]) for k in (1, 2))
    clear = np.abs(first - second) > 1  # a speed at the clip is not known, which shifts a sum a little
    assert clear.sum() >= 0.9 * len(clear)
    assert ((second > first) == (pieces["label"] == 1))[clear].all()


def _paid(task_id: str, obs: Array, action: Array) -> Array:
    """Sum of rewards [n] of pieces obs [n, T, O], action [n, T, A], each row stepped from what it shows."""
    rows = obs.reshape(-1, obs.shape[-1])
    env: Any = make_task(task_id).make(len(rows))
    everyone, (qpos, qvel) = np.arange(len(rows)), env.shown(rows)
    env.place(everyone, np.nan_to_num(qpos), np.where(np.isfinite(qvel), qvel, rows[:, -qvel.shape[1] :]))
    reward = env.step(everyone, action.reshape(len(rows), -1)).reward
    env.close()
    return reward.reshape(obs.shape[:2]).sum(axis=1)


@pytest.mark.parametrize("name", ["Hopper", "Walker2d"])
def test_rows_in_float64_are_reproduced_with_rewards_and_falls(name: str) -> None:
    rows = np.load(real(f"trrl-{name}-v3.npz"))
    obs, action = rows["observations"], rows["actions"]
    following = np.roll(obs, -1, axis=0)
    following[rows["last"]] = rows["final_observations"]
    env: Any = make_task(f"{name.lower()}-medium-v2").make(len(obs))
    everyone, (qpos, qvel), (after, _) = np.arange(len(obs)), env.shown(obs), env.shown(following)
    known = np.isfinite(qvel).all(axis=1)
    env.place(everyone, np.nan_to_num(qpos), np.nan_to_num(qvel))
    result = env.step(everyone, action)
    env.close()
    error = largest(env.physics.qpos - after)[known]
    assert known.sum() > 3000 and np.quantile(error, 0.99) < 1e-15 and error.max() < 1e-8
    np.testing.assert_allclose(result.reward[known], rows["rewards"][known], atol=1e-6)
    assert (result.terminal == rows["terminals"])[known].all() and rows["terminals"][known].sum() > 10
