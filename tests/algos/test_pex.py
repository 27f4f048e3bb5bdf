"""PEX: the choice between two policies by hand, the new policy's loss, the switch, a tiny world."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pars.algos import iql, pex
from pars.core import Spec, Step
from tests.algos import plain
from tests.algos.worlds import PLACES, bandit, policy, train

SPEC = Spec(plain.OBS, plain.ACTION)
BASE = pex.Config(hidden=(8,), actor_hidden=(8,), batch_size=plain.BATCH, critic_lr=1e-2, value_lr=1e-2, actor_lr=1e-2)
BATCH, KEY = plain.batch(), jax.random.key(7)
OBS = jnp.zeros((4000, plain.OBS))
change = dataclasses.replace


@pytest.fixture(scope="module")
def offline() -> iql.State:
    return jax.jit(lambda key: iql.init(BASE, SPEC, key))(jax.random.key(0))


@pytest.fixture(scope="module")
def state(offline: iql.State) -> pex.State:
    return jax.jit(lambda state: pex.go_online(BASE, state, SPEC, jax.random.key(1)))(offline)


def says(params: Any, value: float, log_std: float) -> Any:
    """The policy of mean tanh(value) and one spread, everywhere."""
    out = params["mlp"]["out"]
    mlp = {**params["mlp"], "out": {"kernel": 0 * out["kernel"], "bias": 0 * out["bias"] + value}}
    return {"mlp": mlp, "log_std": jnp.full(plain.ACTION, log_std)}


def first_coordinate(params: Any, slopes: tuple[float, float]) -> Any:
    """Two critics without hidden layers: Q(s, a) = slope a_0."""
    kernel = jnp.zeros_like(params["mlp"]["out"]["kernel"][:, : plain.OBS + plain.ACTION])
    return {"mlp": {"out": {"kernel": kernel.at[:, plain.OBS, 0].set(jnp.array(slopes)), "bias": jnp.zeros((2, 1))}}}


def known(state: pex.State, new: float, log_std: float, slopes: tuple[float, float] = (1.0, 2.0)) -> Any:
    """Critics of slopes 1 and 2 along a_0, a frozen policy at tanh(.1), a new one around tanh(`new`)."""
    linear = jax.vmap(lambda k: pex.critic_net(LINEAR).init(k, OBS[0], jnp.zeros(plain.ACTION))["params"])
    critic = first_coordinate(linear(jax.random.split(KEY, 2)), slopes)
    return state._replace(
        actor=state.actor._replace(params=says(state.actor.params, new, log_std)),
        critic=state.critic._replace(params=critic, target=jax.tree.map(lambda x: 10.0 * x, critic)),
        frozen=says(state.frozen, 0.1, 0.0),
    )


LINEAR = change(BASE, hidden=(), choice_scale=2.0)


def test_the_choice_by_hand() -> None:
    """softmax(beta [1, 1.5]) for beta = 2 gives the second 1 / (1 + exp(-1))."""
    assert float(pex.share_of_new(LINEAR, jnp.array(1.0), jnp.array(1.5))) == pytest.approx(1 / (1 + np.exp(-1)))
    assert float(pex.share_of_new(BASE, jnp.array(-300.0), jnp.array(300.0))) == 1.0


def test_chance_chooses_by_the_least_q_of_the_critics_that_learn(state: pex.State) -> None:
    """New at .5, frozen at tanh(.1), hardly any spread: Q is slope 1 for both, the lesser for positive actions."""
    at = known(state, float(np.arctanh(0.5)), -5.0)
    action, chosen = pex.compose(LINEAR, at, OBS, KEY, 0.0)
    old = np.tanh(0.1)
    share = 1 / (1 + np.exp(-2 * (0.5 - old)))
    assert float(chosen.mean()) == pytest.approx(share, abs=0.03)
    np.testing.assert_allclose(action[~chosen], old, rtol=1e-5)  # the frozen policy's mean
    assert float(action[chosen].mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(action[chosen].std()) == pytest.approx(np.exp(-5), rel=0.05)  # a sample of the new one


def test_greedy_draws_take_the_mean_and_the_larger_q(state: pex.State) -> None:
    for new, taken in ((0.5, 1.0), (-0.5, 0.0)):
        action, chosen = pex.compose(LINEAR, known(state, float(np.arctanh(new)), 0.0), OBS, KEY, 1.0)
        assert float(chosen.mean()) == taken
        np.testing.assert_allclose(action, new if taken else np.tanh(0.1), rtol=1e-5)


def test_an_evaluation_leaves_a_part_to_chance(state: pex.State) -> None:
    """Of actions that are all the new policy's, a tenth are samples; in training all are, cut to the box."""
    at = known(state, float(np.arctanh(0.5)), 0.0, (100.0, 100.0))._replace(frozen=says(state.frozen, -9.0, 0.0))
    cfg = change(LINEAR, choice_scale=1e6)
    for explore, share in ((0.0, 0.1), (1.0, 1.0)):
        action = np.asarray(pex.act(cfg, at, OBS, KEY, explore))
        ours = np.abs(action[:, 0] + 1) > 1e-6
        assert np.mean(np.abs(action[ours, 1] - 0.5) > 1e-4) == pytest.approx(share, abs=0.02)
        assert np.abs(action).max() <= 1.0
    none = change(cfg, evaluation_chance=0.0)
    np.testing.assert_allclose(pex.act(none, at, OBS, KEY, 0.0), 0.5, rtol=1e-5)


def test_q_is_asked_inside_the_box_and_the_density_is_that_of_the_sample(state: pex.State) -> None:
    """New around 0 with a spread of 3: its samples leave the box, where Q would be larger."""
    at = known(state, 0.0, float(np.log(3.0)))
    action, _ = pex.compose(LINEAR, at, OBS, KEY, 0.0)
    assert np.abs(action).max() > 3.0
    want = 10.0 * np.clip(action[:, 0], -1, 1) * np.where(action[:, 0] > 0, 1.0, 2.0)
    value = {"mlp": {"out": {"kernel": jnp.zeros((plain.OBS, 1)), "bias": jnp.zeros(1)}}}
    still = at._replace(value=state.value._replace(params=value))
    np.testing.assert_allclose(pex.advantage(LINEAR, still, OBS, action), want, rtol=1e-4, atol=1e-5)
    wide = BATCH._replace(action=action[: plain.BATCH])
    loss, _ = iql.actor_loss(LINEAR, at.actor.params, wide, jnp.zeros(plain.BATCH), KEY, jnp.inf)
    assert float(loss) == pytest.approx(-stats.norm.logpdf(wide.action, 0, 3.0).sum(axis=1).mean(), rel=1e-4)


def at_step(online: bool) -> Step:
    return Step(jnp.asarray(0), jnp.asarray(10), "online" if online else "offline")


def test_offline_it_is_iql_with_v_from_before_its_step(offline: iql.State) -> None:
    new, _ = pex.update(BASE, offline, BATCH, KEY, at_step(False))
    want, _ = iql.update(change(BASE, value_first=False), offline, BATCH, KEY, at_step(False))
    plain.assert_close(new.actor.params, want.actor.params, rtol=1e-6)
    assert (BASE.value_first, BASE.expectile, BASE.advantage_scale, BASE.learning_starts) == (False, 0.9, 10.0, 5000)


def test_the_switch_freezes_the_policy_and_adds_a_fresh_one(offline: iql.State, state: pex.State) -> None:
    assert plain.same(state.frozen, offline.actor.params)
    assert plain.differ(state.actor.params["mlp"]["Dense_0"]["kernel"], state.frozen["mlp"]["Dense_0"]["kernel"])
    moved, _ = iql.update(BASE, offline, BATCH, KEY, at_step(False))
    after = pex.go_online(BASE, moved, SPEC, KEY)
    assert plain.same(after.critic.params, moved.critic.params) and plain.same(after.critic.target, moved.critic.target)
    assert plain.same(after.value.params, moved.value.params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((after.critic.opt, after.value.opt, after.actor.opt)))


def test_an_online_step_equals_plain_jnp(state: pex.State) -> None:
    """V, critics and targets on the batch's actions as in IQL; then the new policy on composed ones."""
    cfg = change(BASE, hidden=(8,), choice_scale=1.0)
    new, metrics = jax.jit(lambda s: pex.update(cfg, s, BATCH, KEY, at_step(True)))(state)
    as_iql = iql.State(state.actor, state.critic, state.value, state.norm)
    want, _ = jax.jit(lambda s: iql.update(cfg, s, BATCH, KEY, at_step(True)))(as_iql)
    plain.assert_close(new.value.params, want.value.params, rtol=1e-5, atol=1e-7)
    plain.assert_close(new.critic.params, want.critic.params, rtol=1e-5, atol=1e-7)
    plain.assert_close(new.critic.target, want.critic.target, rtol=1e-5, atol=1e-7)
    assert plain.same(new.frozen, state.frozen)

    learned = state._replace(critic=new.critic, value=new.value)
    action, chosen = pex.compose(cfg, learned, BATCH.obs, jax.random.split(KEY, 3)[1], 0.0)  # by hand above
    inside = jnp.clip(action, -1, 1)
    q = jnp.minimum(*(plain.critic(plain.member(new.critic.target, i), BATCH.obs, inside) for i in range(2)))
    weight = jnp.minimum(jnp.exp(10.0 * (q - plain.mlp(new.value.params, BATCH.obs)[:, 0])), 100.0)

    def loss(params: Any) -> Any:
        z = (action - plain.actor(params, BATCH.obs)) / jnp.exp(params["log_std"])
        density = jnp.sum(-0.5 * z**2 - params["log_std"] - 0.5 * jnp.log(2 * jnp.pi), axis=-1)
        return -jnp.mean(weight * density)

    assert float(metrics["actor_loss"]) == pytest.approx(float(loss(state.actor.params)), rel=1e-4)
    assert float(metrics["new_policy_share"]) == pytest.approx(float(chosen.mean()))
    actor = plain.adam(state.actor.params, [jax.grad(loss)(state.actor.params)], cfg.actor_lr)
    plain.assert_close(new.actor.params, actor, rtol=1e-3, atol=1e-5)


def test_online_the_new_policy_finds_what_the_data_did_not_have() -> None:
    """Data in [-1, 0], the best action at .5: the frozen policy stays at the data's best, what is met online has it."""
    reward = lambda a: 1 - (a - 0.5) ** 2  # noqa: E731
    learner = train("pex", bandit(-1, 0, reward), 800)
    before = policy(learner, PLACES[:1])[0, 0]
    assert before < 0.1
    learner.go_online(512)
    met = bandit(-1, 1, reward, seed=1)
    assert learner.replay is not None
    columns = (met.obs, met.action, met.next_obs, met.reward[:, None], met.terminal[:, None])
    learner.replay.push(np.concatenate(columns, axis=1)[:, None].astype(np.float32), np.zeros((512, 1, 0), np.float32))
    learner.start_interval("online")
    learner.run(0, 1500, 1500, "online")
    assert np.median(policy(learner, np.repeat(PLACES[:1], 64, axis=0))) == pytest.approx(0.5, abs=0.15)
    assert learner.metrics(1500, "online")["new_policy_share"][0] > 0.6
