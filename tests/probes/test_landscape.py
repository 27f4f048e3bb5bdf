"""Q over a slice of the action space, for critics that are linear in the action."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.core import Spec
from pars.probes.landscape import landscape
from pars.rl.net import make_normalizer

ALGO = ALGORITHMS["td3_bc"]
GRID, LINE = jnp.array([-2.0, 0.0, 3.0]), jnp.array([-1000.0, 0.5])


def linear(action_dim: int, weights: list[list[float]]) -> tuple[object, object]:
    """Twin critics that are linear in (obs, action), with a reward scale of 10."""
    cfg = ALGO.config(hidden=(), actor_hidden=(), reward_scale=10.0, normalize_obs=True)
    spec = Spec(1, action_dim, jnp.array([3.0]), jnp.array([1.999]))
    shapes = jax.eval_shape(lambda key: ALGO.init(cfg, spec, key), jax.random.key(0))
    state = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)._replace(norm=make_normalizer(True, spec))
    state.critic.params["mlp"]["out"] = {"kernel": jnp.array(weights)[..., None], "bias": jnp.zeros((2, 1))}
    return cfg, state


def test_axes_units_and_the_actions_that_stay() -> None:
    # mean of the critics: 2 obs + 10 a0 + 100 a1 + 1000 a2
    cfg, state = linear(3, [[1.0, 20.0, 100.0, 2000.0], [3.0, 0.0, 100.0, 0.0]])
    q, line = landscape(ALGO, cfg, state, jnp.array([5.0]), jnp.array([0.1, 0.2, 0.3]), GRID, LINE)
    assert q.shape == (3, 3) and line.shape == (2,)
    obs = (5.0 - 3.0) / 2.0  # as training sees it
    first, second = np.meshgrid(GRID, GRID)  # the first action dimension along the last axis
    np.testing.assert_allclose(q, (2 * obs + 10 * first + 100 * second + 1000 * 0.3) / 10, rtol=1e-5)
    np.testing.assert_allclose(line, (2 * obs + 10 * LINE + 100 * 0.2 + 1000 * 0.3) / 10, rtol=1e-5)


def test_one_action_dimension_gives_one_row() -> None:
    cfg, state = linear(1, [[0.0, 10.0], [0.0, 10.0]])
    q, line = landscape(ALGO, cfg, state, jnp.array([5.0]), jnp.array([0.1]), GRID, LINE)
    np.testing.assert_allclose(q, [GRID], rtol=1e-6)
    np.testing.assert_allclose(line, LINE, rtol=1e-6)


def test_an_algorithm_without_critics_is_refused() -> None:
    bc = ALGORITHMS["bc"]
    with pytest.raises(ValueError, match="bc has no critic"):
        landscape(bc, bc.config(), None, jnp.zeros(1), jnp.zeros(1), GRID, LINE)
