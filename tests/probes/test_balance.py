"""Slopes, distances and ranks by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.core import OFFLINE, ONLINE, Spec, Step, Transition
from pars.probes import balance as probes
from pars.probes.balance import RETURN_RANK, action_balance, correlation, value_order
from pars.rl.returns import mc_return, returns_ahead
from pars.training.share import ranked
from tests.runs import finished_run, group, metrics


def td3_bc() -> tuple[Any, Any, Any]:
    """A policy that is (.6, .995) everywhere."""
    algo = ALGORITHMS["td3_bc"]
    cfg = algo.config(hidden=(4,), actor_hidden=(4,), normalize_obs=False, bc_weight=0.5)
    state = algo.init(cfg, Spec(3, 2), jax.random.key(0))
    out = {"kernel": jnp.zeros((4, 2)), "bias": jnp.arctanh(jnp.array([0.6, 0.995]))}
    state.actor.params["mlp"]["out"] = out
    return algo, cfg, state


def test_the_balance_of_an_actor_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    algo, cfg, state = td3_bc()
    batch = Transition(jnp.ones((2, 3)), jnp.array([[0.0, 0.995], [0.6, 0.995]]), None, None, None)
    q = lambda net, params, obs, action: -2.0 + 3.0 * action[:, 0] + 0.0 * params["mlp"]["out"]["bias"][0]  # noqa: E731
    monkeypatch.setattr(probes, "apply", q)
    found = {name: float(value) for name, value in action_balance(algo, cfg, state, batch).items()}
    assert found["bc_distance"] == pytest.approx(0.18, rel=1e-5)  # .36 and 0
    assert found["saturated_share"] == 50.0  # one of two dimensions
    assert found["bc_pull"] == pytest.approx(2 * 0.5 * 0.6 / 4, rel=1e-5)  # one of four values is off by .6
    assert found["action_slope"] == pytest.approx((3.0 / 2) / 0.2, rel=1e-4)  # |Q| = .2 everywhere


def test_the_pull_is_that_of_the_weight_in_force() -> None:
    """Online PARS's bc_weight_online, here a fifth of what it is offline; ReBRAC's falls to a half."""
    pull = metrics(group(finished_run()), "bc_pull")
    (offline, online) = (
        [one for (own, _), values in pull.items() if own == phase for one in values] for phase in (OFFLINE, ONLINE)
    )
    assert 0 < max(online) < 0.3 * min(offline)  # few steps: the policy hardly moves
    rebrac = ALGORITHMS["rebrac"]
    at = Step(jnp.int32(10), jnp.int32(10), "online")
    assert float(rebrac.in_force(rebrac.config(bc_weight=0.4), at).bc_weight) == pytest.approx(0.2)


def test_without_a_critic_there_is_no_slope() -> None:
    algo = ALGORITHMS["bc"]
    cfg = algo.config(actor_hidden=(4,), normalize_obs=False)
    state = algo.init(cfg, Spec(3, 2), jax.random.key(0))
    batch = Transition(jnp.ones((2, 3)), jnp.zeros((2, 2)), None, None, None, {RETURN_RANK: jnp.arange(2.0)})
    assert set(action_balance(algo, cfg, state, batch)) == {"bc_distance", "saturated_share"}
    assert value_order(algo, cfg, state, batch) == {}


def test_ranks_agree_turn_round_or_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    algo, cfg, state = td3_bc()
    monkeypatch.setattr(probes, "apply_ensemble", lambda net, params, obs, action: action[None, :, 0] ** 3)
    action = jnp.array([[0.1, 0.0], [0.9, 0.0], [0.5, 0.0]])

    def rank(ranks: list[float]) -> float:
        batch = Transition(jnp.ones((3, 3)), action, None, None, None, {RETURN_RANK: jnp.array(ranks)})
        return float(value_order(algo, cfg, state, batch)["q_rank"])

    assert rank([1.0, 3.0, 2.0]) == pytest.approx(1.0) and rank([3.0, 1.0, 2.0]) == pytest.approx(-1.0)
    assert rank([2.0, 2.0, 2.0]) == 0.0  # all returns alike
    assert float(correlation(jnp.array([0.0, 1.0, 2.0]), jnp.array([0.0, 1.0, 0.0]))) == 0.0


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_returns_of_single_rows_are_those_of_all(discount: float) -> None:
    rng = np.random.default_rng(0)
    reward, terminal, last = rng.normal(size=200), rng.random(200) < 0.02, rng.random(200) < 0.05
    picks = np.array([0, 3, 50, 51, 198, 199])
    every = mc_return(reward, terminal, last, discount)
    np.testing.assert_allclose(returns_ahead(reward, terminal, last, picks, discount), every[picks], rtol=1e-5)


def test_equal_returns_share_a_rank() -> None:
    assert ranked(np.array([0.0, 3.0, 0.0, 1.0, 3.0, 0.0])).tolist() == [2.0, 5.5, 2.0, 4.0, 5.5, 2.0]
