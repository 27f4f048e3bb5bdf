"""What holds for every algorithm: the contract of pars.testing, and what is ours alone. Equations have other tests."""

from __future__ import annotations

import numpy as np
import pytest

from pars import testing
from pars.algos import ALGORITHMS

NAMES = list(ALGORITHMS)
PROGRAMS = [name for name in NAMES if not ALGORITHMS[name].settings]  # a variant differs in its settings alone


@pytest.mark.parametrize("check", [testing.check_settings, testing.check_state, testing.check_update])
@pytest.mark.parametrize("name", NAMES)
def test_settings_state_and_update(name: str, check: testing.Check) -> None:
    check(ALGORITHMS[name])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_population_is_its_members(name: str) -> None:
    testing.check_members(ALGORITHMS[name])


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_at_once_as_on_a_gpu_it_ends_where_it_ends_in_turn(name: str) -> None:
    testing.check_placement(ALGORITHMS[name])


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_in_the_box_and_still_without_exploration(name: str) -> None:
    algo = ALGORITHMS[name]
    testing.check_actions(algo)
    learner = testing.tiny_learner(algo, testing.tiny_members(algo))
    obs = np.zeros((2, 32, 4), np.float32)
    calm, noisy = (np.asarray(learner.act(obs, 0, explore)) for explore in (0.0, 1.0))
    still = getattr(algo.configure(), "exploration_noise", 1.0) == 0.0
    assert np.array_equal(calm, noisy) == still


@pytest.mark.parametrize("name", NAMES)
def test_a_run_goes_through_its_phases_and_a_stopped_one_ends_alike(name: str) -> None:
    testing.check_run(ALGORITHMS[name])
