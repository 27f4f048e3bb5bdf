"""D4RL's own door-human-v0, all of it: loader, doctor, and the hand's physics, observations and rewards."""

from typing import Any

import h5py
import numpy as np

from pars.data import load_dataset
from pars.data.checking.doctor import check
from pars.data.checking.verify import verify
from pars.envs import make_task
from tests.real.files import real

TASK = "door-cloned-v1"
DOOR = "door-v0_demos_clipped.hdf5"


def test_6000_rows_are_reproduced_to_the_last_digit_of_float32() -> None:
    found = verify(real(DOOR), TASK, rows=6000, physics="d4rl")
    (errors,) = found.errors
    assert found.rows == 6000 and found.notes == ["no 'infos/door_body_pos': taken from the observations"]
    assert errors.qpos.median < 1e-7 and errors.qpos.max < 1e-6
    assert errors.qvel.max < 2e-4 and errors.obs.max < 1e-6
    assert errors.reward is not None and errors.reward.median == 0 and errors.reward.max < 5e-6


def test_stock_misses_by_far() -> None:
    found = verify(real(DOOR), TASK, rows=500)
    assert found.verdict.startswith("this file was made with d4rl physics")
    assert found.errors[1].qpos.median > 1e4 * found.errors[0].qpos.median


def test_the_doors_place_is_recovered() -> None:
    places = np.load(real("door-human-body-pos.npz"))["door_body_pos"]
    with h5py.File(real(DOOR)) as file:
        first = np.concatenate([[0], np.flatnonzero(file["terminals"][()])[:-1] + 1])
        qpos, qvel, obs = (file[key][()][first] for key in ("infos/qpos", "infos/qvel", "observations"))
    env: Any = make_task(TASK).make(len(first))
    found = env.recover(np.arange(len(first)), qpos.astype(float), qvel.astype(float), obs)["door_body_pos"]
    env.close()
    np.testing.assert_allclose(found, places, atol=3e-8)


def test_transitions_and_layout_are_d4rls() -> None:
    data = load_dataset(real(DOOR), task=make_task(TASK))
    assert len(data.columns.reward) == 6_703  # D4RL's qlearning_dataset: 6,728 less 25 timeouts
    found = check(real(DOOR), make_task(TASK))
    assert found.refusal is None and found.card is not None and found.card["timeouts_inside"] == 25
    assert not any("named like" in line for line in found.warnings + found.notes)
