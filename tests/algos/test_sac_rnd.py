"""SAC-RND: predictor, prior and running moments by hand, and where the bonus enters."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import sac_rnd
from pars.core import Spec, Step
from pars.nn.rnd import Moments, Predictor, Prior, Standard, with_batch
from tests.algos import plain

BATCH, KEY = plain.batch(), jax.random.key(7)
SPEC = Spec(plain.OBS, plain.ACTION, 0.5, 2.0, np.array([0.1, -0.1]), np.array([0.5, 0.4]))
CFG = sac_rnd.Config(
    hidden=(8,),
    actor_hidden=(8,),
    rnd_width=6,
    rnd_embedding=3,
    rnd_steps=2,
    actor_bonus_weight=0.7,
    critic_bonus_weight=0.3,
    layer_norm="none",
    batch_size=plain.BATCH,
)


@pytest.fixture(scope="module")
def state() -> Any:
    fresh = jax.jit(lambda key: sac_rnd.init(CFG, SPEC, key))(jax.random.key(0))
    return fresh._replace(rnd=fresh.rnd._replace(errors=Moments(jnp.float32(1), jnp.float32(4), jnp.float32(100))))


def test_predictor_is_bilinear_first() -> None:
    net = Predictor(6, 3)
    params = net.init(KEY, BATCH.obs, BATCH.action)["params"]
    kernel = np.asarray(params["bilinear"]["kernel"]).reshape(plain.ACTION, plain.OBS, 6)
    assert 0.9 * 2**-0.5 < np.abs(kernel).max() <= 2**-0.5
    hidden = np.einsum("ba,aok,bo->bk", BATCH.action, kernel, BATCH.obs) + params["bilinear"]["bias"]
    want = plain.mlp({"mlp": params["mlp"]}, jnp.maximum(hidden, 0))
    np.testing.assert_allclose(net.apply({"params": params}, BATCH.obs, BATCH.action), want, rtol=1e-4, atol=1e-5)


def test_prior_mixes_the_state_in_before_the_last_relu() -> None:
    net = Prior(6, 3)
    params = net.init(KEY, BATCH.obs, BATCH.action)["params"]
    layer = lambda name, x: np.asarray(x @ params[name]["kernel"] + params[name]["bias"])  # noqa: E731
    x = np.maximum(layer("second", np.maximum(layer("first", BATCH.action), 0)), 0)
    scale, shift = np.split(layer("film", BATCH.obs), 2, axis=1)
    want = layer("out", np.maximum(scale * layer("third", x) + shift, 0))
    np.testing.assert_allclose(net.apply({"params": params}, BATCH.obs, BATCH.action), want, rtol=1e-4, atol=1e-5)


def test_moments_of_batches_are_those_of_all_numbers() -> None:
    numbers = np.random.default_rng(0).gamma(2.0, size=(5, 64)).astype(np.float32)
    moments = Moments()
    for part in numbers:
        moments = with_batch(moments, jnp.asarray(part))
    assert float(moments.mean) == pytest.approx(numbers.mean(), rel=1e-4)
    assert float(moments.variance) == pytest.approx(numbers.var(), rel=1e-3)


def by_hand(state: Any, obs: Any, action: Any) -> np.ndarray:
    inputs = (np.asarray(obs) - 0.5) / 2.0, (np.asarray(action) - [0.1, -0.1]) / [0.5, 0.4]
    inputs = tuple(jnp.asarray(x, jnp.float32) for x in inputs)
    one = Predictor(6, 3).apply({"params": state.rnd.predictor.params}, *inputs)
    other = Prior(6, 3).apply({"params": state.rnd.prior}, *inputs)
    return np.asarray(((one - other) ** 2).sum(1)) / 2.0  # the deviation of the errors


def test_a_column_that_never_changes_is_only_centred() -> None:
    """Over next to nothing, what it differs by one day would be all there is."""
    standard = Standard(*map(jnp.array, ([1.0, 2.0], [2.0, 0.0], [0.0, 0.3], [1.0, 1e-9])))
    obs, action = standard(jnp.array([[2.0, 2.5]]), jnp.array([[0.1, 0.4]]))
    np.testing.assert_allclose(obs, [[0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(action, [[0.1, 0.1]], rtol=1e-6)


def test_bonus_is_the_error_of_standardised_inputs_over_its_deviation(state: Any) -> None:
    found = sac_rnd.bonus(CFG, state.rnd, BATCH.obs, BATCH.action)
    np.testing.assert_allclose(found, by_hand(state, BATCH.obs, BATCH.action), rtol=1e-4)


def test_bonus_enters_target_and_actor(state: Any) -> None:
    state = state._replace(log_temperature=state.log_temperature._replace(params=jnp.float32(np.log(0.4))))
    y = sac_rnd.target(CFG, state, BATCH, BATCH.next_obs, KEY)
    action, log_prob = sac_rnd.sample(CFG, state.actor.params, BATCH.next_obs, KEY)
    q = jnp.stack([plain.critic(plain.member(state.critic.target, i), BATCH.next_obs, action) for i in range(2)]).min(0)
    soft = q - 0.4 * log_prob - 0.3 * by_hand(state, BATCH.next_obs, action)
    np.testing.assert_allclose(y, BATCH.reward + 0.99 * (1 - BATCH.terminal) * soft, rtol=1e-3, atol=1e-4)

    loss, (_, unknown) = sac_rnd.actor_loss(CFG, state.actor.params, state, BATCH.obs, BATCH.obs, KEY)
    action, log_prob = sac_rnd.sample(CFG, state.actor.params, BATCH.obs, KEY)
    q = jnp.stack([plain.critic(plain.member(state.critic.params, i), BATCH.obs, action) for i in range(2)]).min(0)
    bonus = by_hand(state, BATCH.obs, action)
    assert float(loss) == pytest.approx(float((0.4 * log_prob + 0.7 * bonus - q).mean()), rel=1e-3)
    assert float(unknown) == pytest.approx(bonus.mean(), rel=1e-4)


def test_critics_learn_from_the_new_actor_at_the_old_temperature(state: Any) -> None:
    step = Step(jnp.asarray(0), jnp.asarray(10), "offline")
    new, metrics = jax.jit(lambda state: sac_rnd.update(CFG, state, BATCH, KEY, step))(state)
    target_key = jax.random.split(KEY, 3)[1]
    y = sac_rnd.target(CFG, state._replace(actor=new.actor), BATCH, BATCH.next_obs, target_key)
    q = jnp.stack([plain.critic(plain.member(state.critic.params, i), BATCH.obs, BATCH.action) for i in range(2)])
    np.testing.assert_allclose(metrics["critic_loss"], ((q - y) ** 2).mean(1), rtol=1e-3)
    assert plain.same(new.rnd, state.rnd)


def test_the_phase_before_trains_the_predictor_alone_and_counts_its_errors(state: Any) -> None:
    step = Step(jnp.asarray(0), jnp.asarray(2), "rnd")
    new, metrics = jax.jit(lambda state: sac_rnd.rnd_update(CFG, state, BATCH, KEY, step))(state)
    errors = 2.0 * by_hand(state, BATCH.obs, BATCH.action)
    assert float(metrics["rnd_loss"]) == pytest.approx(errors.mean(), rel=1e-4)
    assert float(new.rnd.errors.count) == 116.0
    assert plain.same(new.rnd.prior, state.rnd.prior) and plain.same(new._replace(rnd=None), state._replace(rnd=None))
    assert plain.differ(new.rnd.predictor.opt.mu["mlp"], state.rnd.predictor.opt.mu["mlp"])
