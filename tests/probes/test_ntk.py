"""The kernel of models whose gradient is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.nn.nets import MLP, Value, apply
from pars.probes.ntk import BATCH, kernel, normalized

LINE = {"w": jnp.array([3.0, -1.0]), "b": jnp.array(0.5)}


def line(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    return params["w"] @ x + params["b"]


def test_a_linear_model_has_the_kernel_x_x_plus_one() -> None:
    """df/dw = x and df/db = 1, whatever w and b."""
    across, own = kernel(line, LINE, jnp.array([1.0, 2.0]), jnp.array([[0.0, 0.0], [2.0, -1.0], [1.0, 2.0]]))
    assert across.tolist() == [1.0, 1.0, 6.0]
    assert own.tolist() == [1.0, 6.0, 6.0]


def test_it_is_normalized_by_the_point_alone_or_by_both() -> None:
    points = jnp.array([[0.0, 0.0], [2.0, -1.0], [1.0, 2.0], [10.0, 20.0]])
    found = normalized(line, LINE, jnp.array([1.0, 2.0]), points)
    np.testing.assert_allclose(found.relative, [1 / 6, 1 / 6, 1.0, 51 / 6], rtol=1e-6)  # far out it exceeds 1
    np.testing.assert_allclose(found.cosine, [1 / 6**0.5, 1 / 6, 1.0, 51 / (6 * 501) ** 0.5], rtol=1e-6)


def test_a_gradient_that_vanishes_is_like_none() -> None:
    still, point = jnp.array([0.0, 0.0]), jnp.array([1.0, 0.0])
    found = normalized(lambda w, x: w @ x, jnp.ones(2), point, jnp.stack([still, 2 * point]))
    assert (found.relative.tolist(), found.cosine.tolist()) == ([0.0, 2.0], [0.0, 1.0])
    nowhere = normalized(lambda w, x: w @ x, jnp.ones(2), still, jnp.stack([still, point]))
    assert (nowhere.relative.tolist(), nowhere.cosine.tolist()) == ([0.0, 0.0], [0.0, 0.0])


@pytest.mark.parametrize("layer_norm", ["none", "before"])
def test_a_network_that_learns_at_one_point_moves_by_the_kernel_at_another(layer_norm: str) -> None:
    """One small gradient step on f(p) changes f(x) by step K(p, x)."""
    net = Value(MLP((16, 16), 1, layer_norm=layer_norm))  # type: ignore[arg-type]
    point, other = jnp.array([0.3, -0.4]), jax.random.normal(jax.random.key(1), (BATCH + 3, 2))
    params = net.init(jax.random.key(0), point)["params"]
    step = 1e-3
    moved = jax.tree.map(lambda p, g: p + step * g, params, jax.grad(lambda p: apply(net, p, point))(params))
    change = (apply(net, moved, other) - apply(net, params, other)) / step
    across, _ = kernel(lambda p, x: apply(net, p, x), params, point, other)
    np.testing.assert_allclose(change, across, rtol=0.05, atol=0.02)
