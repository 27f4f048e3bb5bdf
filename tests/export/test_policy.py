"""Policies as lists of operations: what the algorithm does, without it; and what a policy refuses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars import load_policy
from pars.algos import ALGORITHMS
from pars.errors import ObservationError, UsageError
from pars.export import load
from pars.export.policy import Policy
from pars.export.program import Program
from pars.export.steps import Unwritten
from pars.export.trace import inward, trace
from pars.units import ActionRange, Output
from tests import runs
from tests.export import policies


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_list_does_what_the_algorithm_does(name: str) -> None:
    policy = policies.policy(name)
    assert isinstance(policy.program, Program)
    seen = policies.rows(policy, 40)
    far = np.abs(policy.program(seen) - policies.algorithm(name, seen)) / policies.SPAN
    assert far.max() < 1e-5
    assert (np.ptp(policy.program(seen), axis=0) > 0.01 * policies.SPAN).all()  # it does something


def test_a_rounding_network_rounds(name: str = "td3_bc") -> None:
    policy, seen = policies.policy(name, precision="bfloat16"), policies.rows(policies.policy(name), 40)
    assert "round16" in {op.kind for op in policy.program.ops}
    far = np.abs(policy.program(seen) - policies.algorithm(name, seen, precision="bfloat16")) / policies.SPAN
    assert np.median(far) < 1e-5 and far.max() < 5e-3  # a number that lies between two may be rounded to the other


def attention(weights: list[Any], x: Any) -> Any:
    seen = jnp.where(jnp.isnan(x.reshape(3, 4)), 0.0, x.reshape(3, 4))
    q, k, v = (seen @ one for one in weights)
    return jnp.tanh((jax.nn.softmax(q @ k.T, axis=-1) @ v).mean(axis=0)[:2])


def a_loop(weights: list[Any], x: Any) -> Any:
    def step(carry: Any, one: Any) -> Any:
        carry = jax.nn.silu(carry @ one) + x[jnp.array([2, 0, 1, 3])]
        return carry, carry[:2]

    return jnp.sin(jax.lax.scan(step, x[:4], jnp.stack(weights))[1].max(axis=0))


def a_look_up(weights: list[Any], x: Any) -> Any:
    places = jnp.array([0, 1, 2]) - jnp.sum(x[:2] > 0)
    return jnp.take_along_axis(x.reshape(3, 4)[:, :2], places[:, None] % 3, axis=0)[1] / 10


def box(width: int) -> ActionRange:
    return ActionRange.of([-1.0] * width, [1.0] * width, "")


@pytest.mark.parametrize("act", [attention, a_loop, a_look_up, lambda weights, x: jnp.array([0.5, -2.0])])
def test_other_networks_can_be_written_too(act: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(4, 4)).astype(np.float32) for _ in range(3)]
    program = trace(act, weights, lambda i: weights[i], 12, box(2), box(2))
    x = rng.normal(size=(7, 12)).astype(np.float32)
    x[0, :4] = np.nan if act is attention else 0.0
    wanted = [np.clip(act([*map(jnp.asarray, weights)], jnp.asarray(row)), -1, 1) for row in x]
    np.testing.assert_allclose(np.broadcast_to(program(x), (7, 2)), wanted, atol=1e-5)


def test_what_cannot_be_written_says_which_step() -> None:
    for act, why in (
        (lambda weights, x: jnp.sort(x)[:1], "a step .sort. that is not among those"),
        (lambda weights, x: x[jnp.argmax(x)][None], "argmax"),
        (lambda weights, x: (x[:1].astype(jnp.int32) // 2).astype(jnp.float32), "a step .div."),
    ):
        with pytest.raises(Unwritten, match=why):
            trace(act, [], lambda i: np.zeros(0), 4, box(1), box(1))


def test_a_policy_that_cannot_be_written_acts_by_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Unwritten("its policy takes a step (sort) of its own")

    usual, obs = load_policy(runs.finished_run()), np.random.default_rng(0).normal(size=(6, 4))
    monkeypatch.setattr(load, "traced", refuse)
    policy = load_policy(runs.finished_run())
    assert not isinstance(policy.program, Program)
    np.testing.assert_allclose(policy(obs), usual(obs), atol=1e-6)
    np.testing.assert_allclose(policy(obs[0]), usual(obs[0]), atol=1e-6)
    with pytest.raises(UsageError, match=r"cannot pickle this policy: its policy takes a step \(sort\)"):
        deepcopy(policy)


def test_bounds_are_never_left_not_even_by_rounding() -> None:
    low, high = inward([0.1, 0.0, 1 / 3], 1), inward([0.7, 1e-9, 2 / 3], -1)
    assert (low.astype(float) >= [0.1, 0.0, 1 / 3]).all() and (high.astype(float) <= [0.7, 1e-9, 2 / 3]).all()
    assert low.dtype == np.float32 and np.abs(low - [0.1, 0.0, 1 / 3]).max() < 1e-7
    policy = policies.policy("pars")
    action = policy(1e6 * policies.rows(policy, 50))
    assert ((action >= [0, -5]) & (action <= [100, 5])).all()


@pytest.mark.parametrize(
    ("obs", "line"),
    [
        ([1.0, 2.0, 3.0], r"the policy sees 4 observations \(policy.inputs\), not shape \(3,\)"),
        (np.zeros((4, 1)), r"not shape \(4, 1\)"),
        (1.0, r"not shape \(\)"),
        ("abcd", "not a str"),
        (["a", "b", "c", "d"], "not a list"),
        ([[1.0, 2.0], [1.0]], "not a list"),
        ({"temp_C": 1.0}, "not a dict"),
        (None, "not a NoneType"),
        (np.zeros(4, complex), "not a ndarray"),
        ([0.0, np.nan, 0.0, 0.0], "'pressure_bar' is nan: no policy can act on that"),
        ([[0.0] * 4, [0.0, 0.0, 0.0, -np.inf]], "'level' is -inf in row 1: no policy"),
        ([0.0, 0.0, 1e300, 0.0], "'flow, l/s' is inf: no policy"),
    ],
)
def test_an_observation_that_it_cannot_act_on_is_refused(obs: Any, line: str) -> None:
    with pytest.raises(ObservationError, match=line) as told:
        policies.policy("pars")(obs)
    assert "\n" not in str(told.value)


def test_a_number_that_stands_for_a_missing_value_is_refused() -> None:
    policy = replace(policies.policy("pars"), sentinels=(-999.9,))
    with pytest.raises(
        ObservationError, match=r"'level' is -999\.9 in row 1, which stands for a missing value: no pol"
    ):
        policy([[0.0] * 4, [0.0, 0.0, 0.0, -999.9]])


def test_an_observation_that_overflows_is_refused_as_runners_fall_back() -> None:
    known = policies.policy("td3_bc")
    width = len(known.outputs)
    policy = replace(known, program=lambda rows: np.where(rows[:, :width] > 1e38, np.nan, 0.0))
    with pytest.raises(ObservationError, match=r"row 1 gives no number as an action: its inputs go up to 3e\+38"):
        policy(np.array([[0.0] * len(policy.inputs), [3e38] * len(policy.inputs)]))


def test_goals_are_checked_and_go_with_many_observations() -> None:
    policy, obs = policies.policy("gc_bc"), np.ones((5, 4))
    assert policy.goals == policies.INPUTS[:2]
    np.testing.assert_array_equal(policy(obs, np.zeros((5, 2))), policy(obs, np.zeros(2)))
    assert policy(obs[0], np.zeros((3, 2))).shape == (3, 2)
    for wrong, line in (
        (np.zeros((5, 3)), r"2 numbers of a goal \(policy.goals\), not shape \(5, 3\)"),
        (np.zeros((2, 2)), r"goals of shape \(2, 2\) do not fit observations \(5, 4\)"),
        ([0.0, np.nan], "'pressure_bar' is nan"),
    ):
        with pytest.raises(ObservationError, match=line):
            policy(obs, wrong)
    with pytest.raises(UsageError, match="needs a goal"):
        policy(obs)


def test_a_policy_can_be_sent_to_another_process_and_says_what_it_is() -> None:
    policy, obs = load_policy(runs.finished_run(), 1), np.ones((3, 4))
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        again = other.submit(deepcopy, policy).result()  # there and back
        assert isinstance(again, Policy)
        np.testing.assert_array_equal(other.submit(policy, obs).result(), policy(obs))
    np.testing.assert_array_equal(again(obs), policy(obs))
    seen = ", ".join(f"observation {i}" for i in range(4))
    assert repr(again) == f"<pars policy, pars: {seen} -> action 0 -1..1, action 1 -1..1>"
    assert policy.outputs[1] == Output("action 1", -1.0, 1.0)


def test_a_policy_is_loaded_where_no_simulator_is() -> None:
    absent = "import sys; sys.modules.update(mujoco=None, h5py=None, matplotlib=None)\n"
    code = absent + f"from pars import load_policy; print(load_policy({str(runs.finished_run())!r})([0.0] * 4).shape)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "(2,)\n", found.stderr[-500:]
