"""Goal-conditioned methods in a corridor where all distances are known, and their losses on small numbers. DWSL and
GC-IQL with goals from anywhere: test_four_rooms.py."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS, dwsl, gc_iql, hiql, wgcsl
from pars.core import Index, Spec
from pars.data import Dataset, from_arrays
from pars.errors import UsageError
from pars.nn.nets import apply_ensemble
from pars.rl import goals
from pars.training.learner import Learner

PLACES, DISCOUNT = 9, 0.8
NETS: dict[str, Any] = dict(actor_hidden=(64,), batch_size=64, goal_columns=(0,), actor_lr=3e-3, initializer="xavier")
VALUES = NETS | dict(hidden=(64,), value_lr=3e-3)
MIXED = VALUES | dict(goals="mixed", discount=DISCOUNT, polyak=0.1, target_delay=1, expectile=0.95)
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "gc_bc": ("gc_bc", NETS),
    "gc_iql": ("gc_iql", VALUES | dict(discount=DISCOUNT, polyak=0.1, target_delay=2, goal_radius=0.1)),
    "gc_iql action_free": ("gc_iql", MIXED | dict(q_functions=0, policy="likelihood")),
    "gc_iql ogbench": ("gc_iql", MIXED | dict(critic_lr=3e-3, q_functions=2, policy="ddpg_bc")),
    "wgcsl": (
        "wgcsl",
        VALUES | dict(discount=DISCOUNT, target_delay=1, goal_radius=0.1, best_only=True, remembered=100),
    ),
    "hiql": ("hiql", VALUES | dict(discount=DISCOUNT, polyak=0.1, subgoal_steps=2, representation=3)),
}


@cache
def corridor() -> Dataset:
    """Walks of one place a step to the left (action -0.8) or to the right (0.8), to the wall. obs: place, noise."""
    rng, obs, action, following, last = np.random.default_rng(0), [], [], [], []
    for _ in range(200):
        place, way = rng.integers(0, PLACES), rng.choice([-1, 1])
        while 0 <= place + way < PLACES:
            obs.append(place)
            action.append(0.8 * way)
            place += way
            following.append(place)
            last.append(not 0 <= place + way < PLACES)
    count = len(obs)
    arrays = {name: np.stack([scaled(x), rng.normal(size=count)], 1) for name, x in
              (("observations", obs), ("next_observations", following))}  # fmt: skip
    arrays |= dict(actions=np.array(action)[:, None], rewards=np.zeros(count), terminals=np.zeros(count))
    return from_arrays(arrays | dict(timeouts=np.array(last)), next_obs="file")


def scaled(place: Any) -> np.ndarray:
    return (np.asarray(place, np.float32) - 4.0) / 2.0


@cache
def learnt(method: str) -> Learner:
    name, settings = METHODS[method]
    algo = ALGORITHMS[name]
    learner = Learner.on(corridor(), algo, [algo.configure(settings)], [0])
    learner.start_interval("offline")
    steps = 700 if method == "hiql" else 1500  # its steps take longest, and it needs fewer
    learner.run(0, steps, steps)
    return learner


PAIRS = np.array([(a, b) for a in range(PLACES) for b in range(PLACES) if a != b])


def seen() -> tuple[np.ndarray, np.ndarray]:
    """Every place with every other as a goal."""
    place = scaled(PAIRS[:, 0])
    return np.stack([place, np.zeros_like(place)], 1), scaled(PAIRS[:, 1:])


@pytest.mark.parametrize("method", METHODS)
def test_it_walks_to_every_goal(method: str) -> None:
    obs, goal = seen()
    action = np.asarray(learnt(method).act((obs[None], goal[None]), 0, 0.0))[0, :, 0]
    right = np.sign(action) == np.sign(PAIRS[:, 1] - PAIRS[:, 0])
    assert right.mean() > 0.95
    np.testing.assert_allclose(np.abs(action[right]).mean(), 0.8, atol=0.15)


def test_values_are_those_of_the_distance() -> None:
    """V = -(1 - gamma^d) / (1 - gamma): -1 a step until the goal."""
    learner, (obs, goal) = learnt("gc_iql action_free"), seen()
    params = jax.tree.map(lambda x: x[0], learner.state.value.params)
    inputs = jnp.concatenate([obs, goal], axis=1)
    v = np.asarray(apply_ensemble(goals.value_net(learner.configs[0]), params, inputs)).mean(axis=0)
    apart = np.abs(PAIRS[:, 1] - PAIRS[:, 0])
    truth = -(1 - DISCOUNT**apart) / (1 - DISCOUNT)
    assert np.abs(v - truth).mean() < 0.3


def test_distances_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even odds for the classes 0 and 1 of two: the expectation is 1/4, the soft minimum a little less."""
    monkeypatch.setattr(dwsl, "apply", lambda net, params, x: x)
    logits, expect = jnp.zeros((1, 2)), dwsl.Config(bins=2, soft=False)
    np.testing.assert_allclose(dwsl.distance(expect, None, logits), [0.25])
    soft = dwsl.Config(bins=2, softness=0.5)
    np.testing.assert_allclose(dwsl.distance(soft, None, logits), [-0.5 * np.log(0.5 + 0.5 * np.exp(-1))], rtol=1e-6)
    sure = jnp.array([[0.0, 50.0], [50.0, 0.0]])
    np.testing.assert_allclose(dwsl.class_loss(expect, None, sure, jnp.array([7, 1])), 0.0, atol=1e-6)
    np.testing.assert_allclose(dwsl.class_loss(expect, None, sure, jnp.array([1, 1])), 25.0)
    np.testing.assert_allclose(dwsl.advantage(expect, None, sure[:1], sure[1:]), [0.0], atol=1e-6)


def test_the_loss_of_paired_values_by_hand() -> None:
    """One gain above 0 and one below: A = -1 + 0.5 * -4 + 4 = 1, and 0 + 3 * -1 = -1 with nothing alive."""
    v, here = jnp.array([[0.0, 0.0], [1.0, 0.0]]), jnp.array([[-4.0, 1.0], [-4.0, 1.0]])
    there = jnp.array([[-4.0, 9.0], [-2.0, 9.0]])
    reward, alive = jnp.array([-1.0, 0.0]), jnp.array([1.0, 0.0])
    loss = goals.paired_value_loss(v, here, there, reward, alive, 0.5, 0.9)
    errors = [0.9 * 3.0**2, 0.1 * 0.0, 0.9 * 3.0**2, 0.1 * 0.0]  # y: -3 and -2; of the second row 0
    np.testing.assert_allclose(loss, sum(errors) / 2, rtol=1e-6)


def test_wgcsl_weighs_the_best_advantages_alone() -> None:
    cfg = wgcsl.Config(best_only=True, remembered=4, percentile_rise=50.0, percentile_max=0.5)
    latest, weight = wgcsl.best_weight(cfg, jnp.full(4, jnp.nan), jnp.array([1.0, 2.0]), jnp.int32(0))
    assert latest[:2].tolist() == [1.0, 2.0] and np.isnan(latest[2:]).all() and weight.tolist() == [1.0, 1.0]
    latest, weight = wgcsl.best_weight(cfg, latest, jnp.array([0.0, 3.0]), jnp.int32(1))
    assert latest.tolist() == [1.0, 2.0, 0.0, 3.0]
    np.testing.assert_allclose(weight, [0.05, 1.0])  # the median is 1.5


def test_a_goal_is_reached_within_its_radius() -> None:
    cfg = gc_iql.Config(goal_columns=(2, 0), goal_radius=0.5)
    obs, goal = jnp.array([[0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]), jnp.array([[0.3, -9.0, 0.4], [0.4, 0.0, 0.4]])
    assert goals.reached(cfg, obs, goal).tolist() == [1.0, 0.0]


def test_a_whole_goal_is_the_first_observation_with_the_goal_in_it() -> None:
    cfg = hiql.Config(goal_columns=(2, 0), normalize_obs=True)
    spec = Spec(3, 1, np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0]) - 1e-3, first_obs=np.array([5.0, 6.0, 7.0]))
    eye = goals.make_eye(cfg, spec)
    np.testing.assert_allclose(goals.shown(cfg, eye, jnp.array([[9.0, -1.0]])), [[-1.0, 2.5, 4.0]], rtol=1e-5)
    flat = hiql.Config(goal_columns=(2, 0), normalize_obs=True, whole_goals=False)
    np.testing.assert_allclose(goals.shown(flat, eye, jnp.array([9.0, -1.0])), [4.0, -1.0], rtol=1e-5)


@pytest.mark.parametrize("columns", [(0, 3), (1, 1), ()])
def test_columns_that_observations_do_not_have_are_refused(columns: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"goal_columns=.*(numbers 0 to 2|1 is named twice)"):
        goals.make_eye(hiql.Config(goal_columns=columns), Spec(3, 1))


def test_goals_as_wide_as_the_task_s_are_asked_for() -> None:
    with pytest.raises(UsageError, match=r"the task's goals have 2 numbers"):
        goals.make_eye(hiql.Config(goal_columns=(1,)), Spec(3, 1, goal_dim=2))


def test_a_policy_without_q_cannot_climb_it() -> None:
    with pytest.raises(UsageError, match="policy=ddpg_bc needs a Q"):
        gc_iql.Config(q_functions=0, policy="ddpg_bc").check()


def test_hiql_s_rows_stay_in_their_episodes() -> None:
    data = corridor()
    learner = Learner.on(data, hiql.ALGORITHM, [hiql.ALGORITHM.configure(METHODS["hiql"][1])], [0])
    assert learner.feed is not None
    first, last = map(np.asarray, learner.feed.episodes)
    index = Index(jnp.int32(len(last)), 0, jnp.asarray(first), jnp.asarray(last))
    cfg = hiql.ALGORITHM.configure(METHODS["hiql"][1] | dict(batch_size=20_000))
    picks = jax.jit(lambda key: hiql.draw(cfg, key, jnp.int32(0), index))(jax.random.key(0))
    row, high, low, target = (
        np.asarray(x) for x in (picks.rows, *(picks.beside[n] for n in ("high", "low", "target")))
    )
    assert (low == np.minimum(row + 2, last[row])).all()
    same = (high > row) & (high <= last[row])
    assert (target[same] <= last[row][same]).all() and (target >= row).all() and (target <= low).all()
    assert abs(same.mean() - 0.7 * (row < last[row]).mean()) < 0.03


@pytest.mark.parametrize("name", ["gc_iql", "hiql"])
def test_shares_of_goals_are_shares_of_one(name: str) -> None:
    algo = ALGORITHMS[name]
    algo.configure({"current_share": 0.3, "future_share": 0.7}).check()
    with pytest.raises(UsageError, match=r"current_share=0\.8 and future_share=0\.5 are more than all"):
        algo.configure({"current_share": 0.8, "future_share": 0.5}).check()
