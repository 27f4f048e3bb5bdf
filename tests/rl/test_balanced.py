"""Balanced replay: priorities and shares of rows by hand, the ratio of two known densities."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.core import Index, Spec, Transition
from pars.nn.nets import MLP, apply
from pars.nn.ratio import DensityRatio, near_one
from pars.rl import balanced
from pars.rl.balanced import Balance

CFG = SimpleNamespace(
    ratio_hidden=(16,),
    ratio_lr=1e-2,
    ratio_temperature=5.0,
    new_share=0.75,
    epoch_steps=1000,
    batch_size=64,
    precision="float32",
)
KEY = jax.random.key(0)


def make(rows: int, capacity: int) -> Balance:
    return balanced.make_balance(CFG, Spec(2, 1, rows=rows, capacity=capacity), KEY)


def test_new_rows_of_the_first_epoch_carry_their_share() -> None:
    """p0 = N f / ((1 - f) K): 300 rows of data weigh 1 each, 1,000 new ones .9 each, three quarters of all."""
    assert balanced.first_priority(CFG, 300) == pytest.approx(0.9)
    weights = balanced.priorities(make(300, 2000), Index(jnp.int32(300)), jnp.int32(1000))
    assert weights.shape == (2300,)
    np.testing.assert_allclose(weights[:300], 1.0)
    np.testing.assert_allclose(weights[300:1300], 0.9, rtol=1e-6)
    assert not np.any(weights[1300:])
    picks = balanced.balanced(CFG, KEY, jnp.int32(3), Index(jnp.int32(300), mass=jnp.cumsum(weights)), jnp.int32(1000))
    many = [
        balanced.balanced(CFG, KEY, jnp.int32(n), Index(jnp.int32(300), mass=jnp.cumsum(weights)), jnp.int32(1000))
        for n in range(40)
    ]
    assert np.mean([picks.extra["is_new"] for picks in many]) == pytest.approx(0.75, abs=0.03)
    assert picks.rows.shape == picks.beside["data"].shape == picks.beside["new"].shape == (64,)
    assert all(picks.rows.max() < 1300 and picks.beside["data"].max() < 300 for picks in many)
    assert all(picks.beside["new"].min() >= 300 and picks.beside["new"].max() < 1300 for picks in many)


def test_priorities_that_are_known_count_and_new_rows_have_the_largest() -> None:
    known = Balance(make(3, 4).ratio, jnp.array([0.0, 0.5, 0.0, 2.0, 0.0, 0.0, 0.0]), jnp.asarray(7.0))
    found = balanced.priorities(known, Index(jnp.int32(3)), jnp.int32(2))
    np.testing.assert_allclose(found, [1.0, 0.5, 1.0, 2.0, 7.0, 0.0, 0.0])


def test_a_priority_is_a_root_of_the_ratio_over_its_mean_on_data() -> None:
    """T = 5: 32 and 1 give 2 and 1; on data 1 and 0 give a mean of .5. A ratio of 0 has the least priority."""
    found = balanced.updated(CFG, jnp.array([32.0, 1.0, 0.0, 1e30]), jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(found, [4.0, 2.0, 1e-3, 1e3], rtol=1e-5)


def rows(seed: int, shift: float) -> Transition:
    obs = jax.random.normal(jax.random.key(seed), (64, 2)) + shift
    return Transition(obs, jnp.zeros((64, 1)), None, None, None)


def test_a_step_moves_the_ratio_and_writes_what_the_old_one_said() -> None:
    start, batch = make(10, 4), rows(0, 0.0)
    batch = batch._replace(extra={"row": jnp.arange(64) % 12, "is_new": jnp.arange(64) % 12 >= 10})
    batch = batch._replace(obs=batch.obs[jnp.arange(64) % 12])  # equal rows have equal numbers
    data, new = rows(1, 0.0), rows(2, 3.0)
    moved, metrics = balanced.balance_step(CFG, start, batch, data, new)
    net = balanced.ratio_net(CFG)
    on_data, on_new, own = (apply(net, start.ratio.params, x.obs, x.action) for x in (data, new, batch))
    want = -np.log(2 / (np.asarray(on_data) + 1)).mean() - np.log(2 * on_new / (on_new + 1)).mean()
    assert float(metrics["ratio_loss"]) == pytest.approx(float(want), rel=1e-4, abs=1e-6)
    root = np.asarray(own) ** 0.2 / (np.asarray(on_data) ** 0.2).mean()
    np.testing.assert_allclose(moved.priority[:12], root[:12], rtol=1e-4)
    assert not np.any(moved.priority[12:])
    assert float(moved.new_priority) == pytest.approx(max(balanced.first_priority(CFG, 10), root.max()), rel=1e-4)
    assert float(metrics["new_row_share"]) == pytest.approx(np.mean(np.arange(64) % 12 >= 10))


def test_the_ratio_of_two_gaussians_is_found() -> None:
    """Unit variance, means 0 and 1: w = exp(x - 1/2) along that axis."""

    def body(number: int, state: Balance) -> Balance:
        k_data, k_new = jax.random.split(jax.random.fold_in(KEY, number))
        data = Transition(jax.random.normal(k_data, (64, 2)), jnp.zeros((64, 1)), None, None, None)
        new = data._replace(obs=jax.random.normal(k_new, (64, 2)) + jnp.array([1.0, 0.0]))
        batch = data._replace(extra={"row": jnp.zeros(64, jnp.int32), "is_new": jnp.zeros(64)})
        return balanced.balance_step(CFG, state, batch, data, new)[0]

    end = jax.jit(lambda state: jax.lax.fori_loop(0, 600, body, state))(make(1, 0))
    x = jnp.array([[-0.5, 0.0], [0.5, 0.0], [1.5, 0.0]])
    w = apply(balanced.ratio_net(CFG), end.ratio.params, x, jnp.zeros((3, 1)))
    np.testing.assert_allclose(w, np.exp(np.array([-1.0, 0.0, 1.0])), rtol=0.35)


def test_a_fresh_ratio_is_about_one_and_never_negative() -> None:
    net = DensityRatio(MLP((8,), 1, initializer="edac"))
    obs, action = 10 * jax.random.normal(KEY, (50, 3)), jnp.zeros((50, 2))
    params = near_one(net, KEY, obs[0], action[0])
    np.testing.assert_allclose(apply(net, params, obs, action), 1.0, atol=0.3)
    out = params["mlp"]["out"]
    low = {"mlp": {**params["mlp"], "out": jax.tree.map(lambda p: -p, out)}}
    assert float(apply(net, low, obs, action).max()) == 0.0
