"""The toy regression: its data, its measures on functions that are known, and that a population is its members."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.reproduce.paper.toy import (
    NEAR,
    ONE,
    TWO,
    WIDE,
    Cones,
    Fit,
    fit,
    maps,
    measure,
    plane,
    points,
    scaled,
    toy_loss,
    train,
)
from pars.reproduce.paper.toy_figures import tolerance

KEY = jax.random.key(0)
TINY = Fit(hidden=(8, 8), points=50, batch_size=16, far_points=4, steps=3)


def sample(cones: Cones) -> np.ndarray:
    return np.asarray(jax.jit(lambda key: points(cones, key, 4000))(KEY))


def test_points_fill_the_disc_evenly() -> None:
    """Half the area of a disc lies within radius / sqrt(2)."""
    x = sample(ONE)
    radius = np.linalg.norm(x, axis=1)
    assert 0.49 < radius.max() <= 0.5
    assert np.mean(radius < 0.5 / 2**0.5) == pytest.approx(0.5, abs=0.03)
    assert np.abs(x.mean(0)).max() < 0.02


def test_points_of_two_cones_lie_in_two_discs() -> None:
    x = sample(TWO)
    assert TWO.distance(x).max() <= 0.3 + 1e-6
    assert np.mean(x[:, 0] < 0) == pytest.approx(0.5, abs=0.03)


def test_the_target_is_the_distance_to_the_nearest_centre() -> None:
    x = jnp.array([[0.0, 0.0], [0.5, 0.0], [-0.5, 0.2], [0.0, 1.2]])
    assert TWO.distance(x).tolist() == pytest.approx([0.5, 0.0, 0.2, 1.3])
    assert ONE.distance(x).tolist() == pytest.approx([0.0, 0.5, 0.29**0.5, 1.2])


def test_the_hull_of_two_discs_is_a_stadium() -> None:
    x = np.array([[0.0, 0.29], [0.0, 0.31], [0.79, 0.0], [0.81, 0.0], [-0.7, 0.25]])
    assert TWO.in_hull(x).tolist() == [True, False, True, False, False]
    assert ONE.in_hull(x).tolist() == [True, True, False, False, False]


def test_the_loss_by_hand() -> None:
    """Zero weights but for an output bias of 3: (3 - c y)^2 and 0.5 3^2."""
    shapes = jax.eval_shape(TINY.network.init, KEY, jnp.zeros((1, 2)))["params"]
    params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
    params["mlp"]["out"]["bias"] = jnp.array([3.0])
    x, y, far = jnp.zeros((2, 2)), jnp.array([0.1, 0.3]), jnp.full((1, 2), 100.0)
    cfg = replace(TINY, scale=10.0, penalty_weight=0.5)
    loss = jax.jit(toy_loss)
    assert float(loss(cfg, params, x, y, far)) == pytest.approx((4.0 + 0.0) / 2)
    assert float(loss(replace(cfg, penalized=True), params, x, y, far)) == pytest.approx(2.0 + 0.5 * 9.0)


def test_measures_of_the_cone_itself() -> None:
    """||x|| everywhere: no error, all of the box outside the disc above 0.5, sqrt(2) at the corners.

    The mean of ||x|| over [-1, 1]^2 is (sqrt(2) + asinh 1) / 3, over the disc of radius 1/2 it is 1/3.
    """
    maps = [np.linalg.norm(plane(half, 401), axis=-1) for half in (NEAR, WIDE)]
    found = measure(*maps)
    square, disc = 4 * (2**0.5 + np.arcsinh(1.0)) / 3, np.pi * 0.25 / 3
    assert found.error == pytest.approx(0.0, abs=1e-6)
    assert found.outside == pytest.approx((square - disc) / (4 - np.pi / 4), abs=5e-3)
    assert found.share == pytest.approx(1.0, abs=1e-3)  # a few points lie on the rim
    assert found.corner == pytest.approx(2**0.5)
    assert found.far == pytest.approx((125 * square - np.pi * 16 / 3) / (100 - np.pi * 4), abs=2e-2)
    assert np.isnan(found.between)


def test_measures_of_constants_around_two_cones() -> None:
    box, around = plane(NEAR, 101), plane(WIDE, 11)
    near = np.where(TWO.in_hull(box), 0.25, 0.75)
    near[0, 0] = 0.35  # one corner of four
    found = measure(np.stack([near, -near]), np.stack([np.full((11, 11), 2.0), around[..., 0]]), TWO)
    assert found.between.tolist() == [0.25, -0.25]
    assert found.corner == pytest.approx([0.65, -0.65])
    assert found.share.tolist() == [1.0, 0.0]
    assert found.outside == pytest.approx([0.75, -0.75], abs=1e-3)
    assert found.far == pytest.approx([2.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("penalized", [False, True])
def test_a_population_is_its_members(penalized: bool) -> None:
    cfg = replace(TINY, penalized=penalized)
    cfgs, seeds = tuple(scaled(cfg, (1.0, 100.0))), (0, 3)
    together = train(cfgs, seeds)
    alone = jax.jit(fit)(cfgs[1], jnp.uint32(3))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x[3], y, rtol=1e-4, atol=1e-6), together, alone)
    kernels = together["mlp"]["Dense_0"]["kernel"]
    assert not np.array_equal(kernels[0], kernels[2])  # seeds differ


def test_training_lowers_the_error() -> None:
    """Ten times the usual rate and a small net, three hundred steps, against a rate at which nothing is learned."""
    long = replace(TINY, hidden=(32, 32), steps=300, learning_rate=3e-3)
    found = maps([replace(long, learning_rate=1e-7), long], (0, 1), grid=21)
    assert found["near"].shape == (2, 2, 21, 21)
    still, done = measure(**found).error.T
    assert done.max() < 0.3 * still.min()


def test_tolerance_follows_the_spread() -> None:
    """Seeds -1, 0, 1: standard deviation 1, t of two degrees of freedom 4.303, sqrt(1 + 1/3)."""
    assert tolerance(np.array([-1.0, 0.0, 1.0])) == pytest.approx(4.303 * (4 / 3) ** 0.5, rel=1e-3)
    assert tolerance(np.array([0.5, 0.5])) == tolerance(np.array([0.5])) == 0.05
