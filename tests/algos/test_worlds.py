"""Each algorithm, through the learner's compiled block, in tiny worlds whose optimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from pars.core import Transition
from tests.algos.worlds import CHAIN_VALUES, PLACES, ROWS, bandit, chains, policy, train, values

SUPPORT = ["mcq", "msg", "spot", "svr", "sac_rnd"]  # what keeps to the data's actions by a model or an ensemble
FINE_TUNED = ["pex", "off2on"]  # of which another policy, or state, is online
ACTORS = ["pars", "td3_bc", "rebrac", "iql", "cql", "sac_n", "edac", "rlpd", "sac", "td3", "max_q"]
ACTORS += [*SUPPORT, *FINE_TUNED]


@pytest.mark.parametrize("name", ACTORS)
def test_finds_the_best_action_of_a_bandit(name: str) -> None:
    # the 1 keeps mean |Q| away from 0 at the optimum, where the weight of Q divides by it
    learner = train(name, bandit(-1, 1, lambda a: 1 - (a - 0.5) ** 2), 1500)
    assert policy(learner, PLACES[:1])[0, 0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", [name for name in ACTORS if name not in ("cql", "off2on")])
def test_learns_the_values_of_chains_timeouts_and_terminals(name: str) -> None:
    learner = train(name, chains(), 1500)
    for action in (-0.8, 0.0, 0.8):
        q = values(learner, PLACES, np.full((4, 1), action))
        np.testing.assert_allclose(q, np.broadcast_to(CHAIN_VALUES, q.shape), rtol=0.05)


def test_iql_learns_the_expectile_of_what_an_action_may_bring() -> None:
    """Half the actions pay 1, half 0, and Q knows which: V is the expectile of the two, tau of the way up."""
    coin = bandit(-1, 1, lambda a: (a > 0).astype(np.float32))
    learner = train("iql", coin, 1500, expectile=0.9)
    assert learner.metrics(1500)["v_mean"][0] > 7.0  # of the whole interval
    assert policy(learner, PLACES[:1])[0, 0] == pytest.approx(0.5, abs=0.15)  # the mean of what pays


def test_cql_and_more_critics_keep_values_down_where_there_are_no_data() -> None:
    """Data in [-1, 0] with reward 1 + a: beyond, two critics rise on, CQL's fall off and its policy stays."""
    at, seen = np.array([[-0.5], [1.0]]), {}
    for name, settings in {
        "sac": {},
        "cql": {"conservative_weight": 5.0},
        "edac": {"critics": 8, "diversity_weight": 10.0},
    }.items():
        learner = train(name, bandit(-1, 0, lambda a: 1 + a), 1500, **settings)
        q = values(learner, np.repeat(PLACES[:1], 2, 0), at)
        seen[name] = [*q.min(axis=0), policy(learner, PLACES[:1])[0, 0]]
    assert seen["sac"][1] > 1.15 and seen["sac"][2] > 0.7
    assert seen["cql"][0] == pytest.approx(0.5, abs=0.1) and seen["cql"][1] < 1.0 and seen["cql"][2] < 0.3
    assert seen["edac"][0] == pytest.approx(0.5, abs=0.1) and seen["edac"][1] < seen["sac"][1]


def test_the_best_tenth_of_episodes_is_cloned() -> None:
    learner = train("bc_10", bandit(-1, 1, lambda a: -((a - 0.5) ** 2)), 1500)
    assert policy(learner, PLACES[:1])[0, 0] == pytest.approx(0.5, abs=0.03)
    assert policy(train("bc", bandit(-1, 1, lambda a: -((a - 0.5) ** 2)), 1500), PLACES[:1])[0, 0] < 0.2


def test_beyond_the_data_td3_bc_overestimates_and_pars_does_not() -> None:
    """Data in [-1, 0] with reward 1 + a. TD3+BC's Q rises on, and its policy goes to the end of the box; with layer
    norm, a reward scale and the penalty Q falls off, and the policy stays near the data."""
    at = np.array([[-0.5], [1.0], [50.0]])
    seen = {}
    for name in ("pars", "td3_bc"):
        learner = train(name, bandit(-1, 0, lambda a: 1 + a), 1500)
        seen[name] = [*values(learner, np.repeat(PLACES[:1], 3, 0), at).mean(0), policy(learner, PLACES[:1])[0, 0]]
    inside, edge, far, action = seen["td3_bc"]
    assert inside == pytest.approx(0.5, abs=0.05) and edge > 1.15 and far > 5 and action > 0.9
    inside, edge, far, action = seen["pars"]
    assert inside == pytest.approx(0.5, abs=0.05) and edge < 1.0 and abs(far) < 0.1 and -0.1 < action < 0.4


def test_bc_recovers_the_mean_action_of_each_state() -> None:
    mean, rng = np.array([0.3, -0.5, 0.0, 0.6], np.float32), np.random.default_rng(0)
    state = np.arange(ROWS) % 4
    action = (mean[state] + np.where(np.arange(ROWS) // 4 % 2, 0.3, -0.3))[:, None].astype(np.float32)
    columns = Transition(PLACES[state], action, rng.normal(size=ROWS), PLACES[state], np.ones(ROWS))
    learner = train("bc", columns, 1500)
    np.testing.assert_allclose(policy(learner, PLACES)[:, 0], mean, atol=0.07)
    assert learner.metrics(1500)["bc_loss"] == pytest.approx(0.09, rel=0.2)  # the spread of the data remains
