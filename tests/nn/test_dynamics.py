"""The dynamics ensemble by hand, and on data whose laws are known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.config import config
from pars.core import Index, Spec, Step, Transition
from pars.errors import UsageError
from pars.nn.dynamics import Prediction, end_loss, gaussian_nll, imagine, regularisation, soft_bounded, squared_error
from pars.rl import dynamics
from pars.rl.dynamics import DynamicsSettings, dynamics_net, elites, imagine_step, keep_better, make_model

KEY = jax.random.key(0)
SPEC = Spec(2, 1, jnp.array([1.0, 0.0]), jnp.array([2.0, 1.0]))


@config
class Config(DynamicsSettings):
    precision: str = "float32"


CFG = Config(models=3, elites=2, model_hidden=(16, 16), model_batch=32, holdout=50, holdout_every=4, model_lr=3e-3)


def test_bounds_are_soft_and_have_a_slope_beyond() -> None:
    low, high = jnp.array(-10.0), jnp.array(0.5)
    at = jnp.array([-50.0, -5.0, 50.0])
    np.testing.assert_allclose(soft_bounded(at, low, high), [-10, -5, 0.5], atol=0.02)
    slopes = jax.vmap(jax.grad(lambda x: soft_bounded(x, low, high)))(jnp.array([-14.0, -5.0, 4.0]))
    assert (slopes > 0.01).all() and float(slopes[1]) == pytest.approx(1.0, abs=0.02)


def test_likelihood_by_hand() -> None:
    """Errors 1 and 2, variances 1 and e: (1 + 0 + 4 / e + 1) / 2; ends with logit 0 and of log 3 cost log 2 each."""
    found = Prediction(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 1.0]]), jnp.array([0.0]))
    target = jnp.array([[2.0, 0.0]])
    assert float(gaussian_nll(found, target)) == pytest.approx((1 + 4 / np.e + 1) / 2)
    assert float(squared_error(found, target)) == 2.5
    assert float(end_loss(found, jnp.zeros(1))) == float(end_loss(found, jnp.ones(1))) == pytest.approx(np.log(2))
    sure = found._replace(end=jnp.log(jnp.array([3.0])))  # 3/4 for an end
    assert float(end_loss(sure, jnp.ones(1))) == pytest.approx(-np.log(0.75))


def test_kernels_decay_the_more_the_later_and_bounds_are_drawn_together() -> None:
    params = make_model(CFG, SPEC, KEY).best
    one: Any = jax.tree.map(lambda x: jnp.ones_like(x[0]), params)
    kernels = {"Dense_0": 3 * 16, "Dense_1": 16 * 16, "out": 16 * 7}
    decay = 0.5 * (2.5e-5 * kernels["Dense_0"] + 5e-5 * kernels["Dense_1"] + 1e-4 * kernels["out"])
    assert float(regularisation(one)) == pytest.approx(decay)  # of equal bounds
    apart = one | {"log_var_max": jnp.full(3, 3.0)}
    assert float(regularisation(apart)) == pytest.approx(decay + 0.01 * 3 * 2)


def test_no_member_is_trained_on_what_is_held_out() -> None:
    for rows in (7, 300, 100_000):
        draw = jax.jit(lambda n, rows=rows: dynamics.draw(CFG, KEY, n, Index(jnp.asarray(rows))))
        held = set(np.asarray(draw(0).beside["holdout"]).tolist())
        drawn = np.concatenate([draw(n).rows for n in range(20)])
        assert not held & set(drawn.tolist()) and drawn.min() >= 0 and max(*drawn, *held) < rows
    assert len(held) == 50 and len(set(drawn)) > 1500


def test_a_member_is_kept_where_it_is_better_by_a_hundredth() -> None:
    model = make_model(CFG, SPEC, KEY)
    rng = np.random.default_rng(0)
    rows = Transition(*(jnp.asarray(rng.normal(size=size), jnp.float32) for size in ((9, 2), (9, 1), 9, (9, 2), 9)))
    first, _ = keep_better(CFG, model, rows)
    assert (first.error < 100).all()
    moved = jax.tree.map(lambda x: x + 1.0, first.net.params)
    worse = first._replace(net=first.net._replace(params=moved), error=first.error * jnp.array([0.5, 0.1, 1e6]))
    then, metrics = keep_better(CFG, worse, rows)
    for new, old, now in zip(*map(jax.tree.leaves, (then.best, first.best, moved)), strict=True):
        np.testing.assert_array_equal(new[:2], old[:2])
        np.testing.assert_array_equal(new[2], now[2])
    assert float(metrics["model_error"]) == pytest.approx(float(worse.error[:2].mean()))
    again, _ = keep_better(CFG, then._replace(error=then.error.at[2].multiply(1.005)), rows)
    np.testing.assert_array_equal(again.error[2], then.error[2] * 1.005)  # half a hundredth is no gain
    order = np.argsort(then.error)[:2]
    np.testing.assert_array_equal(elites(CFG, then)["log_var_max"], np.asarray(then.best["log_var_max"])[order])


def world(rows: int, seed: int = 0) -> Transition:
    """The first coordinate moves by the action, the second is noise of deviation 0.1 around half itself; a step is paid
    by the first, and the task ends beyond 1."""
    rng = np.random.default_rng(seed)
    obs, action = rng.uniform(-2, 2, (rows, 2)), rng.uniform(-1, 1, (rows, 1))
    moved = obs[:, 0] + action[:, 0]
    following = np.stack([moved, 0.5 * obs[:, 1] + 0.1 * rng.normal(size=rows)], axis=1)
    columns = obs, action, obs[:, 0], following, moved > 1
    return Transition(*(jnp.asarray(x, jnp.float32) for x in columns))


def test_it_learns_the_laws_of_a_world_noise_and_ends_included() -> None:
    data = world(2000)

    @jax.jit
    def train(model: Any) -> Any:
        def one(number: Any, model: Any) -> Any:
            picks = dynamics.draw(CFG, KEY, number, Index(jnp.asarray(2000)))
            holdout = jax.tree.map(lambda x: x[picks.beside["holdout"]], data)
            batch = jax.tree.map(lambda x: x[picks.rows], data)._replace(extra={"holdout": holdout})
            return dynamics.update(CFG, model, batch, Step(number, jnp.asarray(3000), "dynamics"))[0]

        return jax.lax.fori_loop(0, 3000, one, model)

    model = train(make_model(CFG, SPEC, KEY))
    fresh = world(400, 1)
    found = jax.jit(lambda m, t: imagine_step(CFG, m, elites(CFG, m), t.obs, t.action, KEY))(model, fresh)
    np.testing.assert_allclose(found.next_obs[:, 0], fresh.next_obs[:, 0], atol=0.3)
    noise = np.asarray(found.next_obs[:, 1] - 0.5 * fresh.obs[:, 1])
    assert 0.07 < noise.std() < 0.14 and abs(noise.mean()) < 0.03
    assert np.abs(np.asarray(found.reward - fresh.reward)).mean() < 0.1
    assert np.mean(np.asarray(found.ended) == np.asarray(fresh.terminal > 0)) > 0.95


def test_where_nothing_is_known_an_imagined_episode_stays_and_ends() -> None:
    model, obs = make_model(CFG, SPEC, KEY), jnp.array([[1.0, 0.0], [1.0, 99.9]])
    up = jax.tree.map(jnp.zeros_like, model.best)
    up["mlp"]["out"]["bias"] = up["mlp"]["out"]["bias"].at[:, :2].set(1.0)  # each step goes up by 1
    up["log_var_max"] = up["log_var_min"] = jnp.full((3, 3), -40.0)
    found = imagine(dynamics_net(CFG, 2), up, model.norm, obs, jnp.zeros((2, 1)), KEY)
    np.testing.assert_allclose(found.next_obs, [[2.0, 1.0], [1.0, 99.9]], atol=1e-5)
    assert found.ended.tolist() == [False, True]


def test_no_more_elites_than_members() -> None:
    with pytest.raises(UsageError, match="elites=3 must lie between 1 and models=2"):
        Config(models=2, elites=3).check()
