"""Why PARS works, as the paper argues it: the far field, the contraction of its operator, and the toy regression."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from pars.nn.nets import MLP, Critic, apply
from pars.rl.losses import expectile_loss, infeasible_actions, penalty_loss, td_loss, td_target
from pars.rl.net import Net, descend, make_net
from pars.training.placement import place
from tests.algos import plain


def test_far_field_depends_on_the_action_alone_under_layer_norm() -> None:
    """At L = 1000 Q varies over states by less than 1 % of what it varies over actions, and is as large as at L = 100;
    without layer norm it grows with L. States as in an ant maze: 29 numbers, the first two in [0, 36]."""
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(64, 29)).astype(np.float32)
    obs[:, :2] = rng.uniform(0, 36, (64, 2))
    near = np.asarray(infeasible_actions(jax.random.key(0), (64, 8), 100.0))
    growth = {}
    for layer_norm in ("before", "after", "none"):
        net = Critic(MLP((64, 64), 1, layer_norm))  # type: ignore[arg-type]
        params = plain.parameters(net, obs[0], near[0])
        rows = [(np.repeat(obs, 64, 0), np.tile(far, (64, 1))) for far in (near, 10 * near)]
        q = np.stack([apply(net, params, *row) for row in rows]).reshape(2, 64, 64)  # distance, state, action
        if layer_norm != "none":
            assert q[1].std(0).mean() < 0.01 * q[1].std(1).mean()
        growth[layer_norm] = np.abs(q[1]).mean() / np.abs(q[0]).mean()
    assert growth == pytest.approx({"before": 1.0, "after": 1.0, "none": 10.0}, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_operator_is_a_contraction(seed: int) -> None:
    """Appendix C.1 on a random finite MDP; the modulus is gamma in the sup norm.

    Pairs in the data get the Bellman operator, pairs inside the hull the mean of it over their k nearest pairs in the
    data, pairs outside the constant q_min.
    """
    rng, states, actions, gamma, q_min, k = np.random.default_rng(seed), 12, 5, 0.9, -7.0, 3
    pairs = states * actions
    move = rng.dirichlet(np.full(states, 0.3), pairs)  # [pair, state]
    policy = rng.dirichlet(np.ones(actions), states)
    reward = rng.normal(size=pairs)
    label = rng.permutation(np.arange(pairs) % 3)  # 0 in the data, 1 inside the hull, 2 outside
    data = np.flatnonzero(label == 0)
    place_of = rng.normal(size=(pairs, 4))
    distance = np.linalg.norm(place_of[:, None] - place_of[data], axis=-1)
    nearest = data[np.argsort(distance, axis=1)[:, :k]]

    def operator(q: np.ndarray) -> np.ndarray:
        bellman = reward + gamma * move @ (policy * q.reshape(states, actions)).sum(1)
        return np.select([label == 0, label == 1], [bellman, bellman[nearest].mean(1)], q_min)

    for _ in range(50):
        a, b = 100 * rng.normal(size=(2, pairs))
        assert np.abs(operator(a) - operator(b)).max() <= gamma * np.abs(a - b).max() + 1e-9
        np.testing.assert_array_equal((operator(a) - operator(b))[label == 2], 0.0)
    first, second = 100 * rng.normal(size=(2, pairs))
    for _ in range(300):
        first, second = operator(first), operator(second)
    np.testing.assert_allclose(first, second, atol=1e-9)  # one fixed point from everywhere
    np.testing.assert_allclose(operator(first), first, atol=1e-9)


@pytest.mark.parametrize("expectile", [0.5, 0.7, 0.9, 0.999])
def test_the_critics_of_iql_and_td3_bc_evaluate_two_policies_by_one_equation(expectile: float) -> None:
    """Appendix C.2: r + gamma E Q(s', a') over a policy's actions is TD3+BC's target, and IQL's too.

    IQL's V, the expectile of Q over the data's actions, is the mean of Q under a policy of its own, which weighs those
    actions by |tau - 1[Q < V]|. At 1/2 that is the data's policy, and near 1 it takes the best action of the data.
    """
    rng, states, actions, rows, gamma = np.random.default_rng(0), 6, 5, 40, 0.9
    q = rng.normal(size=(states, actions)).astype(np.float32)
    data = rng.integers(0, actions, (states, rows))  # the data's actions by state
    taken = np.take_along_axis(q, data, axis=1)
    v = taken.mean(1, keepdims=True)
    for _ in range(200):
        weight = np.abs(expectile - (taken < v))
        v = (weight * taken).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
    slope = jax.grad(lambda v: expectile_loss(jnp.asarray(taken), jnp.broadcast_to(v, taken.shape), expectile))
    np.testing.assert_allclose(slope(jnp.asarray(v)), 0.0, atol=1e-6)  # so v is where IQL's loss is least

    policy = np.zeros_like(q)
    np.add.at(policy, (np.arange(states)[:, None], data), weight / weight.sum(1, keepdims=True))
    reward, terminal = rng.normal(size=states), np.arange(states) % 3 == 0
    iql = td_target(reward, terminal, v[:, 0], gamma)
    each = [td_target(reward, terminal, q[:, a], gamma) for a in range(actions)]
    np.testing.assert_allclose(iql, sum(policy[:, a] * one for a, one in enumerate(each)), rtol=1e-5, atol=1e-6)
    if expectile == 0.5:
        np.testing.assert_allclose(v[:, 0], taken.mean(1), rtol=1e-5)
    if expectile == 0.999:
        np.testing.assert_allclose(v[:, 0], taken.max(1), atol=0.05)


# The toy regression of Figures 5 and 14: c |x| on the disc |x| <= 1/2, looked at on the box [-1, 1]^2 and beyond.

STEPS, POINTS, BATCH, RATE = 10_000, 2000, 256, 3e-4


class Toy(NamedTuple):
    """Means of the prediction divided by c: on the box outside the disc, in its corners, beyond radius 2 in [-5, 5]^2;
    and the share of the box outside the disc where it exceeds 1/2, the largest value of the data."""

    outside: Any
    corner: Any
    wide: Any
    above: Any


def disc(key: Array, count: int) -> Array:
    """Points uniform in the disc of radius 1/2: [count, 2]."""
    k_radius, k_angle = jax.random.split(key)
    radius = 0.5 * jnp.sqrt(jax.random.uniform(k_radius, (count,)))
    angle = 2 * jnp.pi * jax.random.uniform(k_angle, (count,))
    return radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)


def fit(layer_norm: Any, penalty: bool, scale: Array) -> Toy:
    """Train a network on the disc and look at it."""
    net = MLP((256, 256), 1, layer_norm)
    k_init, k_data, k_train = jax.random.split(jax.random.key(0), 3)
    points = disc(k_data, POINTS)
    values = scale * jnp.linalg.norm(points, axis=-1)

    def predict(params: Any, x: Array) -> Array:
        return apply(net, params, x)[:, 0]

    def step(index: Array, state: Net) -> Net:
        k_rows, k_far = jax.random.split(jax.random.fold_in(k_train, index))
        rows = jax.random.randint(k_rows, (BATCH,), 0, POINTS)

        def loss(params: Any) -> Array:
            total = td_loss(predict(params, points[rows]), values[rows])
            if penalty:
                far = infeasible_actions(k_far, (BATCH, 2), 100.0)
                total += 1e-3 * penalty_loss(predict(params, far), 0.0)
            return total

        return descend(state, jax.grad(loss)(state.params), RATE)

    params = jax.lax.fori_loop(0, STEPS, step, make_net(net.init(k_init, jnp.zeros(2))["params"])).params
    axis = jnp.linspace(-1.0, 1.0, 101)
    box = jnp.stack(jnp.meshgrid(axis, axis), -1).reshape(-1, 2)
    q, q_wide = predict(params, box) / scale, predict(params, 5 * box) / scale
    out, beyond = jnp.linalg.norm(box, axis=-1) > 0.5, jnp.linalg.norm(5 * box, axis=-1) > 2
    corners = predict(params, jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])) / scale
    share = (q > 0.5).mean(where=out)
    return Toy(q.mean(where=out), corners.mean(), q_wide.mean(where=beyond), share)


def fits(layer_norm: Any, penalty: bool, scales: list[float]) -> Toy:
    """One program for all scales, spread over the devices."""
    placement = place(len(scales))
    run = placement.map(lambda scale: fit(layer_norm, penalty, scale))
    return placement.take(run(placement.put(np.array(scales, np.float32))))


@pytest.mark.slow
def test_toy_regression_reward_scale_and_layer_norm() -> None:
    """Layer norm and a large scale together keep Q down outside the data; scaling alone does nothing."""
    bare, normed = fits("none", False, [1.0, 100.0]), fits("before", False, [1.0, 100.0])
    np.testing.assert_allclose(bare.outside, [0.88, 0.88], atol=0.05)
    np.testing.assert_allclose(bare.above, [1.0, 1.0], atol=0.05)
    np.testing.assert_allclose(normed.outside, [0.67, 0.47], atol=0.05)
    np.testing.assert_allclose(normed.corner, [0.79, 0.41], atol=0.05)
    np.testing.assert_allclose(normed.wide, [0.90, 0.35], atol=0.05)
    assert normed.above[0] > 0.95 and normed.above[1] < 0.3


@pytest.mark.slow
def test_toy_regression_penalty_presses_further_down() -> None:
    pressed = fits("before", True, [1.0, 100.0])
    np.testing.assert_allclose(pressed.outside, [0.40, 0.33], atol=0.05)
    np.testing.assert_allclose(pressed.corner, [0.22, 0.16], atol=0.05)
    np.testing.assert_allclose(pressed.wide, [0.17, 0.05], atol=0.05)
