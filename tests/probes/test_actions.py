"""Action norms by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.errors import UsageError
from pars.probes import PROBES, find_probes
from pars.probes.actions import action_norms, norm_share


def test_norm_share_is_0_in_the_centre_and_1_in_a_corner() -> None:
    assert float(norm_share(jnp.array([[0.0, 0.0], [1.0, -1.0]]))) == pytest.approx(0.5)
    assert float(norm_share(jnp.array([[0.3, 0.4]]))) == pytest.approx(0.5 / 2**0.5)
    assert float(norm_share(jnp.full((1, 9), -0.7))) == pytest.approx(0.7)


def test_policy_and_data_are_measured_apart() -> None:
    algo = ALGORITHMS["bc"]
    cfg = algo.config(actor_hidden=(4,), normalize_obs=False)
    state = algo.init(cfg, Spec(3, 2), jax.random.key(0))
    out = {"kernel": jnp.zeros((4, 2)), "bias": jnp.arctanh(jnp.array([0.6, 0.6]))}
    state.actor.params["mlp"]["out"] = out  # the policy is (.6, .6) everywhere
    batch = Transition(jnp.ones((2, 3)), jnp.array([[0.0, 0.0], [1.0, 1.0]]), None, None, None)
    norms = action_norms(algo, cfg, state, batch)
    assert float(norms["action_norm"]) == pytest.approx(0.6)
    assert float(norms["data_action_norm"]) == pytest.approx(0.5)
    assert float(norms["action_spread"]) == 0.0 and float(norms["data_action_spread"]) == pytest.approx(0.5)


def test_probes_are_found_by_name() -> None:
    assert find_probes(["actions", "neurons"]) == [PROBES["actions"], PROBES["neurons"]]
    assert find_probes([]) == []
    with pytest.raises(UsageError, match=r"^unknown probe 'neuron'; did you mean neurons\?$"):
        find_probes(["neuron"])
