"""Silent neurons by hand, under both definitions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.probes.neurons import dormant_neurons, dormant_share, zero_share
from pars.rl.net import make_normalizer

KEY = jax.random.key(0)
HIDDEN = jnp.array([[0.0, 2.0, 0.0, 0.02], [0.0, 0.0, 1.0, 0.02]])  # mean size by unit: 0, 1, .5, .02


def test_zero_share_counts_pairs_of_sample_and_unit() -> None:
    assert float(zero_share(HIDDEN)) == 0.5


def test_dormant_share_counts_units_by_their_mean_size() -> None:
    assert float(dormant_share(HIDDEN, 0.0)) == 0.25
    assert float(dormant_share(HIDDEN, 0.025)) == 0.25  # .02 / .38 = .053 of the layer's mean size
    assert float(dormant_share(HIDDEN, 0.06)) == 0.5
    assert float(dormant_share(-HIDDEN, 0.06)) == 0.5  # sizes, not signs


@pytest.mark.parametrize("layer_norm", ["none", "after"])
def test_a_critic_by_hand(layer_norm: Any) -> None:
    """Zeros are counted after the activation, wherever the layer norm stands."""
    algo = ALGORITHMS["pars"]
    cfg = algo.config(critics=2, hidden=(4,), actor_hidden=(4,), layer_norm=layer_norm, target_critics=1)
    state = jax.tree.map(lambda x: jnp.zeros(x.shape), jax.eval_shape(lambda k: algo.init(cfg, Spec(1, 1), k), KEY))
    state = state._replace(norm=make_normalizer(False, Spec(1, 1)))
    kernel = jnp.array([[[1.0, -1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]])
    state.critic.params["mlp"]["Dense_0"] = {"kernel": kernel, "bias": jnp.zeros((2, 4))}
    batch = Transition(jnp.array([[1.0], [2.0], [-1.0], [3.0]]), jnp.zeros((4, 1)), None, None, None)
    shares = dormant_neurons(algo, cfg, state, batch)
    # critic 1: units are zero on 1, 3, 4, 1 of 4 samples; critic 2: on 1 of 4 each
    assert float(shares["zero_share"]) == pytest.approx(100 * (9 / 16 + 4 / 16) / 2)
    assert float(shares["dormant_share"]) == pytest.approx(12.5)  # one unit of four, in one critic of two
    assert float(shares["dormant_share_0.025"]) == pytest.approx(12.5)


def test_an_algorithm_without_critics_has_none() -> None:
    algo = ALGORITHMS["bc"]
    assert dormant_neurons(algo, algo.config(), None, Transition(None, None, None, None, None)) == {}
