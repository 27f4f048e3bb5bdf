"""Uni-O4's equations by hand, and the method in a tiny world, phase after phase."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import uni_o4
from pars.core import Spec, Step, Transition
from pars.data import from_arrays
from pars.nn.nets import MLP, BoundedGaussianActor, apply
from pars.rl.losses import gaussian_log_prob
from pars.training.learner import Learner
from tests.algos.worlds import PLACES, bandit, policy

KEY = jax.random.key(3)
SPEC = Spec(2, 1, jnp.zeros(2), jnp.ones(2))
TINY: dict[str, Any] = dict(
    hidden=(8,),
    value_hidden=(8,),
    actor_hidden=(8,),
    model_hidden=(8,),
    policies=3,
    models=3,
    elites=2,
    model_batch=4,
    holdout=8,
    batch_size=16,
    horizon=3,
    normalize_obs=False,
)
CFG = uni_o4.Config(**TINY)
ROWS = 16


@pytest.fixture(scope="module")
def state() -> uni_o4.State:
    return jax.jit(lambda key: uni_o4.init(CFG, SPEC, key))(KEY)


def batch() -> Transition:
    rng = np.random.default_rng(0)
    sizes = (ROWS, 2), (ROWS, 1), ROWS, (ROWS, 2), ROWS
    columns = [jnp.asarray(rng.uniform(-1, 1, size), jnp.float32) for size in sizes]
    return Transition(*columns)._replace(terminal=jnp.zeros(ROWS))


def step(number: int, total: int, phase: str = "offline") -> Step:
    return Step(jnp.asarray(number), jnp.asarray(total), phase)


def of(tree: Any, member: int) -> Any:
    return jax.tree.map(lambda x: x[member], tree)


def log_probs(state: uni_o4.State, rows: Transition) -> np.ndarray:
    """Of every behaviour policy at the data's actions, [K, B]."""
    one = lambda p: gaussian_log_prob(rows.action, *uni_o4.policy(CFG, p, rows.obs))  # noqa: E731
    return np.stack([one(of(state.behaviour.params, i)) for i in range(CFG.policies)])


def test_mean_and_spread_come_out_of_a_tanh() -> None:
    net = BoundedGaussianActor(MLP((), 4))
    bias = jnp.array([0.0, 1.0, 0.0, 20.0])
    params = {"mlp": {"out": {"kernel": jnp.zeros((3, 4)), "bias": bias}}}
    mean, log_std = apply(net, params, jnp.ones(3))
    np.testing.assert_allclose(mean, [0.0, np.tanh(1.0)], rtol=1e-6)
    np.testing.assert_allclose(log_std, [-2.5, 0.0], atol=1e-6)


def test_at_first_actors_are_their_behaviour_policies_and_stay_so_while_those_are_cloned(state: uni_o4.State) -> None:
    after, metrics = jax.jit(lambda s: uni_o4.clone_update(CFG, s, batch(), KEY, step(0, 9, "behaviours")))(state)
    for one in (state, after):
        jax.tree.map(np.testing.assert_array_equal, one.actor.params, one.behaviour.params)
    assert (log_probs(after, batch()).mean(1) > log_probs(state, batch()).mean(1)).all()
    found = log_probs(state, batch())
    others = np.stack([np.delete(found, i, axis=0).max(axis=0) for i in range(3)])
    assert float(metrics["log_prob"]) == pytest.approx(found.mean(), rel=1e-4)
    assert float(metrics["disagreement"]) == pytest.approx((found - others).mean(), rel=1e-4)
    assert not after.actor.opt.count.any() and after.behaviour.opt.count.all()  # actors start with fresh moments


def test_the_bonus_scales_the_slope_of_cloning(state: uni_o4.State) -> None:
    """The likelihood of the others has no gradient: 1.5 times that of cloning alone with a weight of a half."""
    moments = []
    for weight in (0.0, 0.5):
        cfg = uni_o4.Config(**TINY, disagreement=weight)
        after, _ = jax.jit(lambda s, cfg=cfg: uni_o4.clone_update(cfg, s, batch(), KEY, step(0, 9, "behaviours")))(
            state
        )
        moments.append(after.behaviour.opt.mu)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(1.5 * a, b, rtol=1e-3, atol=1e-7), *moments)


def test_at_the_first_offline_step_the_slope_is_that_of_the_advantage(state: uni_o4.State) -> None:
    """Of ratios of 1: -mean A grad log pi at actions of the behaviour policy, cut to its norm."""
    rows = batch()
    actor, metrics = jax.jit(lambda s: uni_o4.improve(CFG, s, rows, KEY, step(0, 10)))(state)
    np.testing.assert_allclose(metrics["kl"], 0.0, atol=1e-6)
    keys = jax.random.split(KEY, 3)
    v = apply(uni_o4.value_net(CFG), state.value.params, rows.obs)
    for i in range(3):
        cut = first_moment(state, rows, of(state.actor.params, i), keys[i], v)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-6), of(actor.opt.mu, i), cut)


def first_moment(state: uni_o4.State, rows: Transition, params: Any, key: Any, v: Any) -> Any:
    """Of Adam, after one step of one actor."""
    mean, log_std = uni_o4.policy(CFG, params, rows.obs)
    action = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
    q = jnp.stack([apply(uni_o4.critic_net(CFG), of(state.critic.params, j), rows.obs, action) for j in (0, 1)])
    advantage = q.min(0) - v
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-5)
    log_prob = lambda p: gaussian_log_prob(action, *uni_o4.policy(CFG, p, rows.obs))  # noqa: E731
    slope: Any = jax.grad(lambda p: -jnp.mean(advantage * log_prob(p)))(params)
    norm = np.sqrt(sum(float((g**2).sum()) for g in jax.tree.leaves(slope)))
    return jax.tree.map(lambda g: 0.1 * g * min(1.0, 0.5 / norm), slope)


def test_rate_and_clip_fall_the_clip_for_its_first_steps_only(
    state: uni_o4.State, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    cfg, real = uni_o4.Config(**TINY, clip_decay=4, improve_clip=0.5), uni_o4.policy_loss
    monkeypatch.setattr(uni_o4, "policy_loss", lambda *args: (seen.append(args[4]), real(*args))[1])
    monkeypatch.setattr(uni_o4, "map_ensemble", lambda f, *s: jax.tree.map(lambda x: x[None], f(*of(s, 0))))
    moved = []
    for number in (0, 2, 4, 8):
        actor, _ = uni_o4.improve(cfg, state, batch(), KEY, step(number, 10))
        moved.append(
            float(jnp.abs(actor.params["mlp"]["out"]["bias"][0] - state.actor.params["mlp"]["out"]["bias"][0]).max())
        )
    np.testing.assert_allclose(seen, [0.5, 0.4, 0.3, 0.3], rtol=1e-5)
    np.testing.assert_allclose(np.array(moved) / moved[0], [1.0, 0.8, 0.6, 0.2], rtol=0.02)


def test_an_estimate_is_the_mean_q_of_the_steps_before_episodes_end(
    state: uni_o4.State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q is the first coordinate, which grows by 1 each step; the task ends where it is above 2."""

    def goes_up(cfg: Any, model: Any, members: Any, obs: Any, action: Any, key: Any) -> Any:
        following = obs.at[:, 0].add(1.0)
        return uni_o4.dynamics.Imagined(following, jnp.zeros(len(obs)), following[:, 0] > 2)

    monkeypatch.setattr(uni_o4.dynamics, "imagine_step", goes_up)
    monkeypatch.setattr(uni_o4, "least_q", lambda net, params, obs, action: obs[:, 0])
    found = uni_o4.estimate(CFG, state, jnp.array([[0.0, 0.0], [1.5, 0.0]]), KEY)
    np.testing.assert_allclose(found, [(0 + 1 + 2 + 1.5) / 4] * 3)  # three steps of the first, one of the second


def test_what_is_better_becomes_the_behaviour_policy(state: uni_o4.State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uni_o4, "estimate", lambda *_: jnp.array([1.0, 3.0, 2.0]))
    moved = state._replace(
        actor=state.actor._replace(params=jax.tree.map(lambda x: x + 1.0, state.actor.params)),
        best=jnp.array([2.0, 2.0, 2.0]),
    )
    after, metrics = uni_o4.compare(CFG, moved, batch().obs, KEY)
    for new, old, actor in zip(
        *map(jax.tree.leaves, (after.behaviour.params, state.behaviour.params, moved.actor.params))
    ):
        np.testing.assert_array_equal(new, np.stack([old[0], actor[1], old[2]]))
    assert after.best.tolist() == [2.0, 3.0, 2.0] and after.estimate.tolist() == [1.0, 3.0, 2.0]
    assert float(metrics["replaced_share"]) == pytest.approx(1 / 3) and float(metrics["estimate"]) == 2.0
    online = uni_o4.go_online(CFG, after, SPEC, KEY)
    jax.tree.map(np.testing.assert_array_equal, online.actor.params, of(after.actor.params, 1))
    assert online.model is online.behaviour is None and not online.actor.opt.count.any()
    assert online.window is not None and online.window.value.shape == (CFG.rollout,)


def test_a_bandit_is_cloned_understood_and_improved() -> None:
    """Actions around 0, of which 0.3 is the best: policies clone the data's mean and then go up, within their clip."""
    settings: dict[str, Any] = dict(
        TINY,
        hidden=(32, 32),
        value_hidden=(32, 32),
        actor_hidden=(32, 32),
        model_hidden=(32, 32),
        model_batch=32,
        batch_size=64,
        critic_lr=2e-3,
        behaviour_lr=2e-3,
        improve_lr=1e-3,
        estimate_every=50,
        discount=0.5,
    )
    algo = uni_o4.ALGORITHM
    cfg, world = algo.configure(settings), bandit(-0.5, 0.5, lambda a: 1 - (a - 0.3) ** 2)
    arrays = dict(observations=world.obs, actions=world.action, rewards=world.reward, terminals=world.terminal)
    data = from_arrays(arrays | dict(next_observations=world.next_obs), next_obs="file", columns=["last"])
    learner = Learner(algo, [cfg], [0], Spec(2, 1), data.shapes(["last"]))
    learner.load(data.packed, data.extra)
    for phase, steps in (("critic", 800), ("behaviours", 400), ("dynamics", 200)):
        learner.start_interval(phase)
        learner.run(0, steps, steps, phase)
    assert policy(learner, PLACES[:1])[0, 0] == pytest.approx(0.0, abs=0.1)
    learner.start_interval("offline")
    learner.run(0, 500, 500)
    assert 0.15 < policy(learner, PLACES[:1])[0, 0] < 0.45
    metrics = learner.metrics(500)
    assert 0.8 < metrics["estimate"][0] < 1.1 and metrics["replaced_share"][0] > 0
