"""Errors on episodes that nothing trains on."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from pars.core import Transition
from pars.data.split import split
from pars.errors import UsageError
from pars.probes.held_out import errors
from pars.rl.net import Normalizer
from tests import runs


def test_errors_by_hand():
    """Q = 2 (obs + action), a policy that does 0.5, rewards scaled by 2."""
    critic = SimpleNamespace(apply=lambda variables, obs, action, rngs: 2.0 * (obs + action)[..., 0])
    algo = SimpleNamespace(act=lambda cfg, state, obs, key, explore: jnp.full_like(obs, 0.5), critic=lambda cfg: critic)
    norm = Normalizer(jnp.zeros(1), jnp.ones(1))
    state = SimpleNamespace(critic=SimpleNamespace(params=jnp.zeros((1, 1))), norm=norm)
    obs, action = jnp.array([[1.0], [0.0]]), jnp.array([[0.0], [0.5]])
    batch = Transition(obs, action, jnp.array([1.0, 3.0]), obs + 1.0, jnp.array([0.0, 1.0]))
    found = errors(algo, SimpleNamespace(discount=0.5, reward_scale=2.0), state, batch)
    first, second = 2.0 + 0.5 * 2.0 * 2.5 - 2.0, 6.0 - 1.0
    assert float(found["td_error"]) == pytest.approx(np.sqrt((first**2 + second**2) / 2) / 2.0)
    assert float(found["action_error"]) == pytest.approx(np.sqrt(0.125))
    algo.critic = None
    assert set(errors(algo, SimpleNamespace(), state, batch)) == {"action_error"}


def test_a_run_measures_them_and_trains_on_the_others(tmp_path):
    options = dict(seeds=(0, 1), steps=20, online_steps=0)
    folder = runs.group(runs.train(tmp_path / "run", holdout=0.25, **options))
    for name in ("td_error", "action_error"):
        own, held = (runs.metrics(folder, prefix + name) for prefix in ("", "held_out_"))
        assert list(own) == list(held) == [("offline", 0), ("offline", 20)]
        assert own["offline", 20] != held["offline", 20]
    told, kept = runs.description(folder)["dataset"], split(runs.few_rows(), 0.25)
    assert told["holdout"] == 0.25 and told["fingerprint"] == kept.fingerprint
    assert told["trained_on"] == len(kept.last) < len(runs.few_rows().last)
    alone = replace(kept, held_out=None)  # nothing is measured, and nothing else changes
    again = runs.group(runs.train(tmp_path / "again", data=alone, **options))
    for name, array in runs.saved_state(folder).items():
        np.testing.assert_array_equal(array, runs.saved_state(again)[name])


def test_without_data_there_is_nothing_to_hold_out(tmp_path):
    with pytest.raises(UsageError, match="sac trains on no data"):
        runs.train(tmp_path, "sac", data=None, holdout=0.1, seeds=(0,))
