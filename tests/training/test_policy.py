"""Policies for evaluation: those of one moment, row by row, from any thread."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.envs import make_task
from pars.packing import pack
from pars.testing.tiny import tiny_config
from pars.training import policy, rollout
from pars.training.learner import Learner
from tests.algos.kinds import longer

OBS, ACTION, ROWS = 4, 2, 200


def learner(algorithm: str = "pars", members: int = 3, width: int = 8, **settings: object) -> Learner:
    algo = ALGORITHMS[algorithm]
    cfg = tiny_config(algo, {"actor_hidden": (width, width), **settings})
    return Learner(algo, [cfg] * members, list(range(members)), Spec(OBS, ACTION, goal_dim=2 * algo.sees.goal))


def observations(members: int, rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(members, rows, OBS)).astype(np.float32)


STILL = {"msg": {"drawn_evaluation": False}}  # by default it draws when it is evaluated, too


@pytest.mark.parametrize("algorithm", longer([*ALGORITHMS], {"pars", "msg", "gcpc"}))  # of all: pars.testing asks, too
def test_a_policy_is_what_the_algorithm_does_without_exploring(algorithm: str) -> None:
    made, obs, sees = learner(algorithm, **STILL.get(algorithm, {})), observations(3, 5), ALGORITHMS[algorithm].sees
    goal, obs = obs[..., 2:4], np.repeat(obs[..., None, :], sees.history, -2) if sees.history > 1 else obs
    obs = (obs, goal) if sees.goal else obs
    action = made.policies()(obs)
    assert action.shape == (3, 5, ACTION)
    np.testing.assert_allclose(action, made.act(obs, 7, explore=0.0), atol=1e-5)
    assert not np.allclose(action[0], action[1])


def test_a_policy_stays_as_it_was_while_training_goes_on() -> None:
    made, obs = learner("td3_bc", hidden=(8, 8)), observations(3, 5)
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(ROWS, OBS)), rng.uniform(-1, 1, (ROWS, ACTION)), rng.normal(size=ROWS)
    made.load(pack(Transition(*columns, np.roll(columns[0], -1, axis=0), np.zeros(ROWS))))
    made.start_interval("offline")
    policy = made.policies()
    before = policy(obs)
    made.run(0, 20, 20)
    made.metrics(20)
    assert np.array_equal(policy(obs), before)
    assert not np.allclose(made.policies()(obs), before)


@pytest.mark.shipped
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of the host's own processor")
def test_a_policy_answers_in_the_thread_that_asks() -> None:
    """Waking another one takes longer than a small policy; both count the time of processors, not of clocks."""
    policy, obs = learner(members=1, width=256).policies(), observations(1, 8)
    policy(obs)
    own, all_threads = time.thread_time(), time.process_time()
    for _ in range(300):
        policy(obs)
    assert time.thread_time() - own > 0.8 * (time.process_time() - all_threads)


@pytest.mark.shipped
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of the host's own processor")
@pytest.mark.parametrize("width", [256, 512])
def test_an_action_depends_on_its_observation_alone(width: int) -> None:
    """Not on how many others there are: the usual ways of BLAS and XLA round otherwise among few rows than many."""
    policy, obs = learner(width=width).policies(), observations(3, 64)
    together = policy(obs)
    for rows in (1, 2, 5, 13, 50, 51):
        assert np.array_equal(policy(obs[:, :rows]), together[:, :rows]), rows
    alone = learner(members=1, width=width).policies()
    assert np.array_equal(alone(obs[:1]), together[:1])


def test_options_that_this_xla_does_not_have_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policy.ROW_BY_ROW, "xla_cpu_no_such_thing", True)
    ask = policy.known_options.__wrapped__  # anew
    assert "xla_cpu_multi_thread_eigen" in ask() and "xla_cpu_no_such_thing" not in ask()


def test_threads_may_share_a_policy() -> None:
    policy, obs = learner().policies(), observations(3, 40)
    expected = policy(obs)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: policy(obs), range(100)))
    assert all(np.array_equal(action, expected) for action in found)


@pytest.mark.shipped
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of the host's own processor")
def test_an_evaluation_does_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    task, policy = make_task("pointmaze-umaze-diverse"), learner(members=2, width=256).policies()
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(rollout, "cores", lambda cores=cores: cores)
        evaluator = rollout.Evaluator(task, 2, 7)
        assert len(evaluator.parts) == cores
        found.append(evaluator(policy))
        evaluator.close()
    assert np.array_equal(found[0].returns, found[1].returns)
    assert np.array_equal(found[0].lengths, found[1].lengths)
    assert found[0].positions is not None and found[1].positions is not None
    assert np.array_equal(found[0].positions, found[1].positions, equal_nan=True)
