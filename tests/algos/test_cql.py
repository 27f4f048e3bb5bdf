"""CQL and Cal-QL: the gap and its calibration by hand, the backup, the Lagrange form, the phases."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS, cql
from pars.core import Spec, Step, Transition
from pars.data import from_arrays
from pars.errors import UsageError
from pars.training.learner import Learner
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
BASE = cql.Config(hidden=(8,), actor_hidden=(8,), batch_size=plain.BATCH, sampled_actions=2, conservative_weight=2.0)
BATCH = plain.batch()._replace(extra={"mc_return": jnp.full(plain.BATCH, 1.5)})
KEY = jax.random.key(7)
change = dataclasses.replace


@pytest.fixture(scope="module")
def state() -> cql.State:
    return jax.jit(lambda key: cql.init(BASE, SPEC, key))(jax.random.key(0))


def linear(state: cql.State) -> Any:
    """One critic that is the first action coordinate: Q(s, a) = a_0."""
    module = cql.critic_net(change(BASE, hidden=()))
    params = jax.tree.map(jnp.zeros_like, module.init(KEY, BATCH.obs, BATCH.action)["params"])
    params["mlp"]["out"]["kernel"] = params["mlp"]["out"]["kernel"].at[plain.OBS, 0].set(1.0)
    return params


AT = cql.Sampled(  # two uniform actions, two at s', two at s
    jnp.broadcast_to(jnp.array([[0.5, 0.0], [-0.5, 0], [0.1, 0], [0.2, 0], [0.3, 0], [0.9, 0]]), (plain.BATCH, 6, 2)),
    jnp.broadcast_to(jnp.array([-1.4, -1.4, 0.2, 0.4, -0.6, 0.8]), (plain.BATCH, 6)),
)


def by_hand(q: list[float]) -> float:
    """logsumexp of Q - log p over the six, less the mean Q of the data."""
    return float(np.log(np.sum(np.exp(np.array(q) - np.asarray(AT.log_prob[0])))) - BATCH.action[:, 0].mean())


def test_gap_by_hand(state: cql.State) -> None:
    cfg, params = change(BASE, hidden=()), linear(state)
    q = BATCH.action[:, 0]
    want = by_hand([0.5, -0.5, 0.1, 0.2, 0.3, 0.9])
    assert float(cql.gap(cfg, params, BATCH, q, AT)) == pytest.approx(want, rel=1e-5)
    high = change(cfg, clip_gap=True, gap_min=100.0)
    assert float(cql.gap(high, params, BATCH, q, AT)) == 100.0
    low = change(cfg, clip_gap=True, gap_min=-100.0)
    assert float(cql.gap(low, params, BATCH, q, AT)) == pytest.approx(want, rel=1e-5)


def test_calibration_lifts_the_policys_values_to_the_return_and_stops_their_gradient(state: cql.State) -> None:
    cfg, params = change(BASE, hidden=(), calibrate=True), linear(state)
    q = BATCH.action[:, 0]
    assert float(cql.gap(cfg, params, BATCH, q, AT)) == pytest.approx(
        by_hand([0.5, -0.5, 1.5, 1.5, 1.5, 1.5]), rel=1e-5
    )
    some = BATCH._replace(extra={"mc_return": jnp.full(plain.BATCH, 0.25)})
    assert float(cql.gap(cfg, params, some, q, AT)) == pytest.approx(
        by_hand([0.5, -0.5, 0.25, 0.25, 0.3, 0.9]), rel=1e-5
    )
    unknown = BATCH._replace(extra={"mc_return": jnp.full(plain.BATCH, cql.UNCALIBRATED)})
    plain_gap = cql.gap(change(cfg, calibrate=False), params, BATCH, q, AT)
    assert float(cql.gap(cfg, params, unknown, q, AT)) == pytest.approx(float(plain_gap))

    def pushed(params: Any, at: Any) -> Any:
        return cql.gap(cfg, params, BATCH, jnp.zeros(plain.BATCH), cql.Sampled(at, AT.log_prob))

    slope = jax.grad(pushed, argnums=1)(params, AT.action)
    assert np.abs(slope[:, :2]).min(axis=(0, 1))[0] > 0 and not np.abs(slope[:, 2:]).any()


def test_conservative_loss_with_and_without_a_multiplier() -> None:
    gap, log = jnp.asarray(3.0), jnp.log(0.5)
    assert float(cql.conservative_loss(BASE, gap, log)) == 6.0
    dual = change(BASE, lagrange=True, target_gap=1.0)
    assert float(cql.conservative_loss(dual, gap, log)) == pytest.approx(0.5 * 2.0 * 2.0)
    assert float(cql.conservative_loss(dual, gap, jnp.asarray(99.0))) == pytest.approx(1e6 * 4.0)
    state = cql.make_net(log)
    assert float(cql.multiplier_step(dual, state, jnp.array([3.0, 2.0])).params) > float(log)  # the gap is too wide
    assert float(cql.multiplier_step(dual, state, jnp.array([0.5, 0.1])).params) < float(log)


def test_the_backup_has_no_entropy_and_may_take_the_best_action(state: cql.State) -> None:
    flat = plain.constant_output(state.critic.target, [3.0, 2.0])
    flat_state = state._replace(critic=state.critic._replace(target=flat))
    cfg = change(BASE, discount=0.5, reward_scale=10.0, reward_shift=-5.0)
    want = 10 * np.asarray(BATCH.reward) - 5 + np.where(BATCH.terminal, 0.0, 1.0)
    for options in ({}, {"max_backup": True}):
        np.testing.assert_allclose(cql.target(change(cfg, **options), flat_state, BATCH, KEY), want, rtol=1e-5)
    many = change(cfg, sampled_actions=50)
    one, best = cql.target(many, state, BATCH, KEY), cql.target(change(many, max_backup=True), state, BATCH, KEY)
    assert (np.asarray(best - one)[np.asarray(BATCH.terminal) == 0] > 0).mean() > 0.8


def test_online_cql_is_sac_and_cal_ql_stays_calibrated(state: cql.State) -> None:
    step = lambda online: Step(jnp.asarray(0), jnp.asarray(10), "online" if online else "offline")  # noqa: E731
    kept = change(BASE, online_conservative=True)
    gaps = {
        (cfg.online_conservative, online): "gap" in cql.update(cfg, state, BATCH, KEY, step(online))[1]
        for cfg in (BASE, kept)
        for online in (False, True)
    }
    assert gaps == {(False, False): True, (False, True): False, (True, False): True, (True, True): True}
    cfg = ALGORITHMS["cal_ql"].configure()
    assert cfg.calibrate and cfg.online_conservative and not ALGORITHMS["cql"].configure().calibrate


def test_returns_of_data_and_of_episodes_met_online_are_the_same() -> None:
    rng = np.random.default_rng(0)
    ends = np.arange(12) % 4 == 3
    arrays = dict(observations=rng.normal(size=(12, 3)), actions=rng.uniform(-1, 1, (12, 2)), rewards=np.zeros(12))
    arrays |= dict(terminals=np.zeros(12), timeouts=ends, next_observations=rng.normal(size=(12, 3)))
    arrays["rewards"][[1, 5]] = 1.0  # none in the third episode
    data = from_arrays(arrays, next_obs="file")
    algo = ALGORITHMS["cal_ql"]
    cfg = algo.configure(dict(discount=0.5, reward_scale=10.0, reward_shift=-5.0, failure=True))
    returns = algo.data_for(cfg, data).extra["mc_return"]
    want = [-5 + 0.5 * (5 - 2.5 - 1.25), 5 - 2.5 - 1.25, -7.5, -5]
    np.testing.assert_allclose(returns, [*want, *want, *[-10.0] * 4])
    (column,) = algo.columns_of(cfg)
    assert column.late is not None and column.name == "mc_return"
    for first in (0, 4, 8):
        episode = Transition(*(column[first : first + 4] for column in data.columns[:5]))
        np.testing.assert_allclose(column.late(cfg, episode), returns[first : first + 4])
    with pytest.raises(UsageError, match="add reward_norm=none"):
        algo.configure(dict(reward_norm="range")).check()


def test_cql_that_calibrates_is_cal_ql() -> None:
    """The column comes with the setting, offline and online; without it there is none."""
    arrays = dict(observations=BATCH.obs, actions=BATCH.action, rewards=BATCH.reward, terminals=BATCH.terminal)
    data = from_arrays({key: np.asarray(x) for key, x in arrays.items()} | {"timeouts": np.zeros(plain.BATCH)})
    tiny = dict(hidden=(8,), actor_hidden=(8,), batch_size=4, sampled_actions=2)
    ends = {}
    for name, settings in {
        "cal_ql": {},
        "cql": {"calibrate": True, "online_conservative": True},
        "plain": {"online_conservative": True},
    }.items():
        algo = ALGORITHMS[name if name != "plain" else "cql"]
        cfg = algo.configure(tiny | settings)
        own = algo.data_for(cfg, data)
        assert [column.name for column in algo.columns_of(cfg)] == ([] if name == "plain" else ["mc_return"])
        assert (own is data) == (name == "plain")
        learner = Learner.on(own, algo, [cfg], [0], capacity=4)
        learner.start_interval("offline")
        learner.run(0, 4, 4)
        learner.go_online(4)
        assert learner.replay is not None
        learner.replay.push(np.asarray(data.packed[:2, None]), np.full((2, 1, len(learner.extra)), 0.5))
        learner.start_interval("online")
        learner.run(0, 2, 4, "online")
        ends[name] = learner.placement.take(learner.state)
    jax.tree.map(np.testing.assert_array_equal, ends["cal_ql"], ends["cql"])
    assert plain.differ(ends["cql"].critic.params, ends["plain"].critic.params)


def test_sampled_actions_are_uniform_then_the_policys_with_their_densities(state: cql.State) -> None:
    cfg = change(BASE, sampled_actions=400)
    at = cql.sampled(cfg, state.actor.params, BATCH, KEY)
    assert at.action.shape == (plain.BATCH, 1200, 2) and at.log_prob.shape == (plain.BATCH, 1200)
    uniform = np.asarray(at.action[:, :400])
    assert np.abs(uniform).max() <= 1 and uniform.std() == pytest.approx(3**-0.5, rel=0.02)
    np.testing.assert_allclose(at.log_prob[:, :400], -2 * np.log(2))
    slope = jax.grad(lambda p: jnp.sum(cql.sampled(BASE, p, BATCH, KEY).log_prob))(state.actor.params)
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(slope))
