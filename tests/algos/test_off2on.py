"""Off2On: agents apart offline, their mixture, each pair's target, epochs of updates, the switch."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pars.algos import cql, off2on
from pars.core import Index, Spec, Step, Transition
from pars.errors import UsageError
from pars.nn.nets import apply
from pars.rl.balanced import ratio_net
from pars.rl.soft import soft_actor_net
from tests.algos import plain

AGENTS, ROWS, CAPACITY = 3, 40, 8
SPEC = Spec(plain.OBS, plain.ACTION, rows=ROWS, capacity=CAPACITY)
BASE = off2on.Config(
    hidden=(8,), actor_hidden=(8,), ratio_hidden=(8,), batch_size=plain.BATCH, agents=AGENTS, sampled_actions=2,
    online_lr=1e-2, discount=0.5,
)  # fmt: skip
BATCH, KEY = plain.batch(), jax.random.key(7)
change = dataclasses.replace


@pytest.fixture(scope="module")
def offline() -> cql.State:
    return jax.jit(lambda key: off2on.init(BASE, SPEC, key))(jax.random.key(0))


@pytest.fixture(scope="module")
def state(offline: cql.State) -> off2on.State:
    return jax.jit(lambda state: off2on.go_online(BASE, state, SPEC, jax.random.key(1)))(offline)


def at(online: bool) -> Step:
    return Step(jnp.asarray(0), jnp.asarray(10), "online" if online else "offline")


def others() -> list[Transition]:
    return [plain.batch(seed) for seed in range(1, AGENTS)]


def says(actors: Any, means: list[float], stds: list[float]) -> Any:
    """Agents whose Gaussians are everywhere the same; the learned spread gives log std = number - 1."""
    out = actors["mlp"]["out"]
    bias = jnp.stack([jnp.array([m] * plain.ACTION + [np.log(s) + 1] * plain.ACTION) for m, s in zip(means, stds)])
    return {**actors, "mlp": {**actors["mlp"], "out": {"kernel": 0 * out["kernel"], "bias": bias}}}


def test_offline_each_agent_is_cql_by_itself_on_a_batch_of_its_own(offline: cql.State) -> None:
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *others())
    batch = BATCH._replace(extra={"others": stacked, "row": jnp.zeros(plain.BATCH)})
    new, metrics = jax.jit(lambda s: off2on.update(BASE, s, batch, KEY, at(False)))(offline)
    alone = jax.jit(lambda s, b, k: cql.update(BASE, s, b, k, at(False)))
    for i, (own, key) in enumerate(zip([BATCH, *others()], jax.random.split(KEY, AGENTS), strict=True)):
        pick = lambda net, i=i: jax.tree.map(lambda x: x[i], net)  # noqa: E731
        agent = cql.State(
            pick(offline.actor),
            jax.tree.map(lambda x, i=i: x[jnp.array([i, AGENTS + i])], offline.critic),
            pick(offline.log_temperature),
            pick(offline.log_multiplier),
            offline.norm,
        )
        want, _ = alone(agent, own, key)
        plain.assert_close(pick(new.actor).params, want.actor.params, rtol=1e-5, atol=1e-6)
        for j in range(2):
            got = plain.member(new.critic, j * AGENTS + i)
            plain.assert_close(got.target, plain.member(want.critic, j).target, rtol=1e-5, atol=1e-6)
        assert float(new.log_temperature.params[i]) == pytest.approx(float(want.log_temperature.params), rel=1e-5)
    assert all(x.shape == () for x in metrics.values())


def test_offline_draws_a_batch_for_each_agent() -> None:
    index = Index(jnp.int32(ROWS))
    picks = off2on.draw(BASE, KEY, jnp.int32(0), index)
    assert picks.rows.shape == (plain.BATCH,) and picks.beside["others"].shape == (AGENTS - 1, plain.BATCH)
    assert len({tuple(np.asarray(rows)) for rows in (picks.rows, *picks.beside["others"])}) == AGENTS


def test_the_mixture_has_the_moments_of_its_members(state: off2on.State) -> None:
    """Means 0, 1, 2 and deviations 1, 2, 3: mean 1, variance (1 + 4 + 9) / 3 + 2 / 3."""
    actors = says(state.actor.params, [0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    mean, log_std = off2on.mixture(BASE, actors, BATCH.obs)
    np.testing.assert_allclose(mean, 1.0, rtol=1e-5)
    np.testing.assert_allclose(jnp.exp(log_std), (16 / 3) ** 0.5, rtol=1e-5)
    wide = says(state.actor.params, [0.0, 0.0, 90.0], [1.0, 1.0, 1.0])
    np.testing.assert_allclose(off2on.mixture(BASE, wide, BATCH.obs)[1], 2.0)  # at most e^2
    at_rest = state._replace(actor=state.actor._replace(params=actors))
    np.testing.assert_allclose(off2on.act(BASE, at_rest, BATCH.obs, KEY, 0.0), np.tanh(1.0), rtol=1e-5)
    many = np.arctanh(off2on.act(BASE, at_rest, jnp.zeros((4000, plain.OBS)), KEY, 1.0).clip(-0.99999, 0.99999))
    assert np.median(many) == pytest.approx(1.0, abs=0.15)


def constant(state: off2on.State, values: list[float], means: list[float], log_alpha: float) -> off2on.State:
    """Critics that say `values`, the first three of the pairs and then their second, and known agents."""
    critic = plain.constant_output(state.critic.params, values)
    return state._replace(
        critic=state.critic._replace(params=critic, target=critic),
        actor=state.actor._replace(params=says(state.actor.params, means, [1.0] * AGENTS)),
        log_temperature=state.log_temperature._replace(params=jnp.asarray(log_alpha)),
    )


def log_density(action: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Of tanh(z), z ~ N(mean, std^2), summed over coordinates."""
    z = np.arctanh(np.asarray(action, np.float64))
    return (stats.norm.logpdf(z, mean, std) - np.log1p(-(np.asarray(action, np.float64) ** 2))).sum(axis=1)


def sampled(state: off2on.State, key: Any) -> np.ndarray:
    mean, log_std = off2on.mixture(BASE, state.actor.params, BATCH.obs)
    return np.tanh(mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape))


def test_each_pair_has_a_target_of_its_own(state: off2on.State) -> None:
    """Pairs (1, 4), (5, 2), (3, 6): y = r + (0 or .5) (1, 2, 3 - alpha log pi), of one action for all."""
    known = constant(state, [1.0, 5.0, 3.0, 4.0, 2.0, 6.0], [0.1, 0.1, 0.1], np.log(0.2))
    y = off2on.targets(BASE, known, BATCH, KEY)
    log_prob = log_density(sampled(known, KEY), 0.1, 1.0)
    for i, least in enumerate([1.0, 2.0, 3.0]):
        want = BATCH.reward + 0.5 * (1 - np.asarray(BATCH.terminal)) * (least - 0.2 * log_prob)
        np.testing.assert_allclose(y[i], want, rtol=1e-3, atol=1e-3)


def test_the_policy_climbs_the_mean_over_pairs_of_the_lesser_q(state: off2on.State) -> None:
    known = constant(state, [1.0, 5.0, 3.0, 4.0, 2.0, 6.0], [0.0, 0.0, 0.3], np.log(0.2))
    loss, log_prob = off2on.actor_loss(BASE, known.actor.params, known, BATCH, KEY)
    std = (1.0 + 0.02) ** 0.5  # means 0, 0, .3 have a variance of .02
    want = log_density(sampled(known, KEY), 0.1, std).mean()
    assert float(log_prob) == pytest.approx(want, rel=1e-3)
    assert float(loss) == pytest.approx(0.2 * want - 2.0, rel=1e-3)


def online_batch() -> Transition:
    row = jnp.arange(plain.BATCH) * 3
    data, new = plain.batch(5), plain.batch(6)
    return BATCH._replace(extra={"row": row, "is_new": row >= ROWS, "data": data, "new": new})


def test_an_online_step_equals_plain_jnp(state: off2on.State) -> None:
    batch = online_batch()
    new, metrics = jax.jit(lambda s: off2on.update(BASE, s, batch, KEY, at(True)))(state)
    k_target, k_actor, _ = jax.random.split(KEY, 3)
    y = off2on.targets(BASE, state, BATCH, k_target)  # by hand above, as is the actor's loss
    for e in range(2 * AGENTS):
        critic = plain.member(state.critic.params, e)
        slope = jax.grad(lambda c, e=e: jnp.mean((plain.critic(c, BATCH.obs, BATCH.action) - y[e % AGENTS]) ** 2))
        moved = plain.adam(critic, [slope(critic)], BASE.online_lr)
        plain.assert_close(plain.member(new.critic.params, e), moved, rtol=1e-3, atol=1e-5)
        followed = plain.slow(plain.member(state.critic.target, e), moved, BASE.polyak)
        plain.assert_close(plain.member(new.critic.target, e), followed, rtol=1e-3, atol=1e-5)
    loss = lambda p: off2on.actor_loss(BASE, p, state, BATCH, k_actor)  # noqa: E731
    slopes, log_prob = jax.grad(loss, has_aux=True)(state.actor.params)
    actor = plain.adam(state.actor.params, [slopes], BASE.online_lr)
    plain.assert_close(new.actor.params, actor, rtol=1e-3, atol=1e-5)
    assert all(np.abs(x).max() > 0 for x in jax.tree.leaves(slopes["mlp"]["out"]))  # all agents are trained
    rate = BASE.online_lr * np.sign(float(log_prob) - plain.ACTION)  # entropy below its target: a higher temperature
    assert float(new.log_temperature.params) == pytest.approx(rate, rel=1e-3)
    net = ratio_net(BASE)
    own, on_data = (
        np.asarray(apply(net, state.balance.ratio.params, x.obs, x.action)) for x in (BATCH, batch.extra["data"])
    )
    np.testing.assert_allclose(new.balance.priority[::3], own**0.2 / (on_data**0.2).mean(), rtol=1e-4)
    assert np.count_nonzero(new.balance.priority) == plain.BATCH
    assert float(metrics["new_row_share"]) == pytest.approx(2 / plain.BATCH)


def test_the_switch_begins_targets_optimizers_and_temperature_anew(offline: cql.State) -> None:
    later = offline._replace(
        critic=offline.critic._replace(target=jax.tree.map(jnp.zeros_like, offline.critic.target)),
        log_temperature=offline.log_temperature._replace(params=jnp.full(AGENTS, -3.0)),
    )
    state = off2on.go_online(BASE, later, SPEC, KEY)
    assert plain.same(state.critic.target, offline.critic.params) and plain.same(
        state.actor.params, offline.actor.params
    )
    assert float(state.log_temperature.params) == 0.0 and not np.any(state.balance.priority)
    assert state.balance.priority.shape == (ROWS + CAPACITY,)
    assert float(state.balance.new_priority) == pytest.approx(ROWS * 1.0 / BASE.epoch_steps)
    weights = off2on.weights(BASE, state, Index(jnp.int32(ROWS)), jnp.int32(2))
    np.testing.assert_allclose(weights, [1.0] * ROWS + [0.04] * 2 + [0.0] * 6, rtol=1e-6)


def test_updates_come_in_epochs_the_first_of_them_longer() -> None:
    cfg = change(BASE, epoch_steps=1000, first_epoch_factor=5, updates_per_step=1)
    assert [off2on.due(cfg, steps) for steps in (0, 999, 1000, 1999, 2000, 300_000)] == [
        0, 0, 5000, 5000, 6000, 304_000,
    ]  # fmt: skip
    assert off2on.due(change(cfg, learning_starts=500), 1499) == 0
    assert off2on.due(change(cfg, updates_per_step=2, first_epoch_factor=1), 2000) == 4000


def test_the_regulariser_of_cql_is_not_for_the_online_phase() -> None:
    with pytest.raises(UsageError, match="off2on fine-tunes by SAC alone"):
        change(BASE, online_conservative=True).check()
    net = soft_actor_net(off2on.Config(), 2)
    assert (net.log_std_min, off2on.Config().agents, off2on.Config().hidden) == (-20.0, 5, (256, 256))
