"""Evaluation equals a loop over single environments; interaction can be put back where it stood."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from pars.envs import Task, make_task
from pars.errors import Interrupted
from pars.packing import unpack
from pars.training import rollout
from pars.training.evaluations import Evaluations
from pars.training.rollout import EPISODE, EVALUATION, Evaluator, Interaction, environment_seed

EPISODES = 8


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("pointmaze-umaze-diverse")


def homing(obs: np.ndarray) -> np.ndarray:
    """Straight to the goal; reaches it from the cells beside it, and pushes against a wall from others."""
    maze = make_task("pointmaze-umaze-diverse").maze
    assert maze is not None
    return np.clip(2.0 * (maze.goal - obs[..., :2]) - obs[..., 2:], -1.0, 1.0).astype(np.float32)


def drifting(obs: np.ndarray) -> np.ndarray:
    return np.full((*obs.shape[:-1], 2), [0.3, -0.2], np.float32)


def both(obs: np.ndarray) -> np.ndarray:
    return np.stack([homing(obs[0]), drifting(obs[1])])


def evaluate(task: Task, act: object, members: int, episodes: int, first: int = 0):
    evaluator = Evaluator(task, members, episodes, first)
    result = evaluator(act)  # type: ignore[arg-type]
    evaluator.close()
    return result


def test_evaluation_equals_a_loop_over_single_environments(task: Task) -> None:
    fast = evaluate(task, both, 2, EPISODES)
    assert fast.positions is not None
    ends = set()
    for member, policy in enumerate((homing, drifting)):
        for episode in range(EPISODES):
            env = task.make(1)
            obs = env.reset(np.array([0]), np.array([environment_seed(EVALUATION, episode)]))
            total, path, done = 0.0, [obs[0, :2].copy()], False
            while not done:
                obs, reward, terminal, truncated = env.step(np.array([0]), policy(obs))
                total, done = total + reward[0], bool(terminal[0] or truncated[0])
                path.append(obs[0, :2].copy())
            env.close()
            ends.add((bool(terminal[0]), bool(truncated[0])))
            assert fast.returns[member, episode] == total
            assert fast.lengths[member, episode] == len(path) - 1
            assert np.array_equal(fast.positions[member, episode, : len(path)], path)
            assert np.isnan(fast.positions[member, episode, len(path) :]).all()
    assert ends == {(True, False), (False, True)}  # both kinds of end were seen
    assert fast.lengths.max() == task.time_limit and fast.lengths[fast.returns > 0].max() < task.time_limit


def test_evaluation_is_independent_of_the_population(task: Task) -> None:
    alone, among = evaluate(task, homing, 1, 4), evaluate(task, homing, 3, 4)
    for member in range(3):
        assert np.array_equal(among.returns[member], alone.returns[0])
        assert np.array_equal(among.lengths[member], alone.lengths[0])
    assert among.positions is not None and alone.positions is not None
    assert np.array_equal(among.positions, np.repeat(alone.positions, 3, axis=0), equal_nan=True)


def test_training_that_goes_on_keeps_a_core(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, workers in ((4, 3), (1, 1)):
        monkeypatch.setattr(rollout, "cores", lambda cores=cores: cores)
        with ThreadPoolExecutor(1) as thread:
            evaluations = Evaluations(task, 10, 100, thread, beside=True)
            assert len(evaluations.evaluator.parts) == workers
            evaluations.close()


def test_an_evaluation_ends_when_it_is_told_to_or_another_worker_fails(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "MIN_SLICE", 1)
    monkeypatch.setattr(rollout, "cores", lambda: 2)
    calls: list[int] = []

    def drifting_on(obs: np.ndarray) -> np.ndarray:
        calls.append(len(obs))
        return drifting(obs)

    evaluator = Evaluator(task, 1, 2, stop=lambda: len(calls) >= 20)
    with pytest.raises(Interrupted, match="stopped during an evaluation"):
        evaluator(drifting_on)
    assert 20 <= len(calls) <= 22
    evaluator.close()

    def failing(obs: np.ndarray) -> np.ndarray:
        if len(calls) == 30:
            raise RuntimeError
        return drifting_on(obs)

    evaluator = Evaluator(task, 1, 2)
    with pytest.raises(RuntimeError):
        evaluator(failing)
    assert len(calls) < 30 + task.time_limit
    evaluator.close()


def test_evaluations_start_alike_again_and_again(task: Task) -> None:
    evaluator, starts = Evaluator(task, 2, 3), []

    def act(obs: np.ndarray) -> np.ndarray:
        seen.append(obs.copy())
        return drifting(obs)

    for _ in range(2):
        seen: list[np.ndarray] = []
        evaluator(act)
        starts.append(seen[0])
    evaluator.close()
    assert np.array_equal(starts[0], starts[1])
    assert np.array_equal(starts[0][0], starts[0][1])  # every member starts alike, every episode somewhere else
    assert len(np.unique(starts[0][0], axis=0)) == 3


def test_episodes_are_numbered(task: Task) -> None:
    all_of_them, later = evaluate(task, homing, 1, 6), evaluate(task, homing, 1, 2, first=4)
    assert np.array_equal(later.returns[0], all_of_them.returns[0, 4:])
    assert np.array_equal(later.lengths[0], all_of_them.lengths[0, 4:])


def test_seeds_depend_on_every_number() -> None:
    calls = [(EVALUATION, 0), (EVALUATION, 1), (EPISODE, 0, 0), (EPISODE, 0, 1), (EPISODE, 1, 0), (EPISODE, 1, 1)]
    assert len({environment_seed(*call) for call in calls}) == len(calls)
    assert environment_seed(EPISODE, 3, 4) == environment_seed(EPISODE, 3, 4)


def act(step: int, members: int = 3) -> np.ndarray:
    """Random pushes; the second member heads for the goal."""
    return np.random.default_rng(step).uniform(-1.3, 1.3, (members, 2)).astype(np.float32)


def go(interaction: Interaction, steps: range) -> tuple[np.ndarray, np.ndarray]:
    """Rows [T, P, W] and ends [T, P] of members with one environment each, as logs have them."""
    rows, last = [], []
    for step in steps:
        action = act(step)
        action[1] = homing(interaction.obs[1])
        row, ended = interaction.step(action)
        rows.append(row)
        last.append(ended)
    return np.concatenate(rows), np.concatenate(last)


def test_interaction_records_what_happened(task: Task) -> None:
    world = Interaction(task, [0, 1, 2])
    before = world.obs.copy()
    rows, last = go(world, range(200))
    world.close()
    columns = unpack(rows, task.obs_dim)
    assert np.array_equal(columns.obs[0], before)
    assert np.abs(columns.action).max() == 1.0  # clipped, as the environment does
    same = ~last[:-1]
    assert np.array_equal(columns.next_obs[:-1][same], columns.obs[1:][same])  # one episode goes on in the next row
    assert not np.array_equal(columns.next_obs[:-1][~same], columns.obs[1:][~same])
    assert np.flatnonzero(last[:, 0]).tolist() == [task.time_limit - 1]  # a time limit is an end, not a terminal
    assert columns.terminal[task.time_limit - 1, 0] == 0.0
    assert np.array_equal(columns.terminal > 0, columns.reward > 0)
    assert np.array_equal(world.episodes, last.sum(axis=0))


@pytest.mark.parametrize("steps", [0, 1, 50, 119, 120, 121, 290])
def test_replay_continues_bit_for_bit(task: Task, steps: int) -> None:
    """`steps` before, in, at the end of and after the first episode of 120 steps."""
    undisturbed, other = Interaction(task, [5, 6, 7]), Interaction(task, [5, 6, 7])
    rows, last = (
        go(undisturbed, range(steps))
        if steps
        else (np.zeros((0, 3, 2 * 4 + 2 + 2), np.float32), np.zeros((0, 3), bool))
    )
    other.replay(rows, last)
    assert np.array_equal(other.obs, undisturbed.obs)
    expected, found = go(undisturbed, range(steps, steps + 130)), go(other, range(steps, steps + 130))
    assert np.array_equal(found[0], expected[0]) and np.array_equal(found[1], expected[1])
    for world in (undisturbed, other):
        world.close()


def test_replay_continues_a_gymnasium_environment(task: Task) -> None:
    pendulum = make_task("Pendulum-v1")
    worlds = [Interaction(pendulum, [0, 1]) for _ in range(2)]
    record = [worlds[0].step(act(step, 2)[:, :1]) for step in range(230)]  # 30 into the second episode
    worlds[1].replay(np.concatenate([rows for rows, _ in record]), np.concatenate([last for _, last in record]))
    for step in range(230, 260):
        (rows, _), (again, _) = (world.step(act(step, 2)[:, :1]) for world in worlds)
        assert np.array_equal(rows, again)
    for world in worlds:
        world.close()


def test_members_may_have_several_environments(task: Task) -> None:
    """The first of each is what it is alone, the others start elsewhere, and all continue where they stood."""
    alone, world, other = (
        Interaction(task, [5, 6]),
        Interaction(task, [5, 6], each=3),
        Interaction(task, [5, 6], each=3),
    )
    assert world.obs.shape == (2, 3, 4) and len(np.unique(world.obs.reshape(6, 4), axis=0)) == 6
    rows, last = [], []
    for step in range(150):  # 30 into the second episode
        action = np.repeat(act(step, 2)[:, None], 3, axis=1)
        own, ended = alone.step(action[:, 0])
        row, ends = world.step(action)
        assert (row.shape, ends.shape) == ((3, 2, own.shape[-1]), (3, 2))
        assert np.array_equal(row[0], own[0]) and np.array_equal(ends[0], ended[0])
        rows.append(row)
        last.append(ends)
    assert world.episodes.reshape(2, 3).tolist() == np.concatenate(last).reshape(150, 3, 2).sum(0).T.tolist()
    other.replay(np.concatenate(rows), np.concatenate(last))
    for step in range(150, 180):
        action = np.repeat(act(step, 2)[:, None], 3, axis=1)
        np.testing.assert_array_equal(other.obs, world.obs)
        jax.tree.map(np.testing.assert_array_equal, other.step(action), world.step(action))
    for each in (alone, world, other):
        each.close()


def test_members_with_other_seeds_start_elsewhere(task: Task) -> None:
    world, swapped = Interaction(task, [0, 1]), Interaction(task, [1, 0])
    assert np.array_equal(world.obs[::-1], swapped.obs)
    assert not np.array_equal(world.obs[0], world.obs[1])
    for env in (world, swapped):
        env.close()
