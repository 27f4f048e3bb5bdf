"""Rows of any policy in any environment."""

from __future__ import annotations

import numpy as np

from pars.collect.rollouts import noisy, returns, roll_out, uniform
from pars.data import from_arrays
from pars.envs import make_task

TASK = make_task("hopper-random-v2")
ROWS = 3000


def columns(seed: int = 0, rows: int = ROWS) -> dict[str, np.ndarray]:
    return roll_out(TASK, uniform(3, seed), rows, seed)


def test_rows_are_d4rls_and_a_function_of_the_seed() -> None:
    made, again, other = columns(), columns(), columns(1)
    assert {len(column) for column in made.values()} == {ROWS}
    assert made["observations"].shape == (ROWS, 11) and made["infos/qpos"].shape == (ROWS, 6)
    for key in made:
        np.testing.assert_array_equal(made[key], again[key])
    assert not np.array_equal(made["actions"], other["actions"])
    from_arrays({key: made[key] for key in ("observations", "actions", "rewards", "terminals", "timeouts")}, task=TASK)


def test_episodes_follow_one_another_whole() -> None:
    made = columns()
    end = made["terminals"] | made["timeouts"]
    assert end[-1] and made["terminals"].sum() > 20 and not (made["terminals"] & made["timeouts"]).any()
    inside = np.flatnonzero(~end[:-1])
    np.testing.assert_array_equal(made["observations"][inside + 1], made["next_observations"][inside])
    starts = np.append(0, np.flatnonzero(end)[:-1] + 1)
    assert np.abs(made["infos/qpos"][starts][:, 0]).max() <= 0.005, "every episode begins with a reset"


def test_the_state_is_the_one_before_the_step() -> None:
    made = columns(rows=300)
    np.testing.assert_allclose(made["observations"][:, :5], made["infos/qpos"][:, 1:], rtol=1e-5, atol=1e-6)
    env = TASK.make(1)
    for row in (0, 5, 17):
        env.place(np.array([0]), made["infos/qpos"][row : row + 1], made["infos/qvel"][row : row + 1])  # type: ignore[attr-defined]
        result = env.step(np.array([0]), made["actions"][row : row + 1])
        np.testing.assert_allclose(result.obs[0], made["next_observations"][row], atol=1e-5)
        np.testing.assert_allclose(result.reward[0], made["rewards"][row], atol=1e-4)


def test_a_hands_scene_is_recorded_and_brings_the_state_back() -> None:
    task = make_task("relocate-cloned-v1")
    made = roll_out(task, uniform(30, 0), 40, 0)
    env, only = task.make(1), np.array([0])
    for row in (3, 20):
        infos = {key.removeprefix("infos/"): made[key][row : row + 1] for key in made if key.startswith("infos/")}
        env.restore(only, infos["qpos"], infos["qvel"], infos)  # type: ignore[attr-defined]
        result = env.step(only, made["actions"][row : row + 1])
        np.testing.assert_allclose(result.obs[0], made["next_observations"][row], atol=1e-5)


def test_returns_are_of_whole_episodes() -> None:
    ends = {"terminals": np.array([0, 1, 0, 0, 0, 0, 0]), "timeouts": np.array([0, 0, 0, 0, 1, 0, 1])}
    made = ends | {"rewards": np.array([1, 2, 3, 4, 5, 6, 7], np.float32)}
    assert returns(made, time_limit=3).tolist() == [3.0, 12.0]  # the last one was cut
    assert returns(made, time_limit=4).tolist() == [3.0]


def test_uniform_actions_fill_the_box() -> None:
    actions = columns()["actions"]
    assert np.abs(actions).max() <= 1 and actions.min() < -0.99 and actions.max() > 0.99
    assert abs(actions.mean()) < 0.03 and abs(actions.var() - 1 / 3) < 0.02


def test_noise_is_added_to_a_policy_and_zero_noise_is_the_policy() -> None:
    obs = np.zeros((1000, 4))
    policy = lambda seen: np.full((len(seen), 2), 0.25)  # noqa: E731
    assert (noisy(policy, 0.0, 0)(obs, 3) == 0.25).all()
    drawn = noisy(policy, 0.1, 0)(obs, 3)
    assert abs(drawn.std() - 0.1) < 0.01 and abs(drawn.mean() - 0.25) < 0.01
    assert not np.array_equal(drawn, noisy(policy, 0.1, 0)(obs, 4))


def test_environments_of_gymnasium_have_no_states_and_do_without() -> None:
    task = make_task("Pendulum-v1")
    made = roll_out(task, uniform(1, 0), 450, 0)
    assert "infos/qpos" not in made and len(made["rewards"]) == 450
    assert made["timeouts"].sum() >= 2 and not made["terminals"].any()
