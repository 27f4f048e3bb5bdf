"""Policies in NumPy: those that can be, within rounding of the compiled ones, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.core import PLAIN, Sight, Spec
from pars.testing.tiny import tiny_config
from pars.training import policy
from pars.training.learner import Learner
from pars.training.on_numpy import ROWS, Tape, _rows_alone, translate

OBS, ACTION, GOAL = 5, 2, Sight(goal=True)


def policies(algorithm: str, members: int = 2, **settings: Any) -> policy.Policies:
    algo = ALGORITHMS[algorithm]
    cfg = tiny_config(algo, {"actor_hidden": (16, 16), **settings})
    spec = Spec(OBS, ACTION, goal_dim=2 * algo.sees.goal)
    return Learner(algo, [cfg] * members, list(range(members)), spec).policies()


def in_numpy(made: policy.Policies) -> bool:
    return isinstance(getattr(made._run, "__self__", None), Tape)


def observations(rows: int, members: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(members, rows, OBS)).astype(np.float32)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Policies without NumPy."""
    monkeypatch.setattr(policy, "translate", lambda *_: None)
    policy._compiled.cache_clear()
    yield
    policy._compiled.cache_clear()


@pytest.mark.parametrize("algorithm", [name for name, algo in ALGORITHMS.items() if algo.sees in (PLAIN, GOAL)])
def test_every_plain_policy_of_this_library_acts_in_numpy(algorithm: str) -> None:
    assert in_numpy(policies(algorithm))


def test_numpy_and_the_compiled_program_agree(request: pytest.FixtureRequest) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [("td3_bc", {}), ("sac", {}), ("td3_bc", {"actor_hidden": (300, 512)})]
    cases += [("dwsl", {"goal_columns": (3, 1)}), ("hiql", {"goal_columns": (3, 1)})]
    seen = [
        (observations(7), observations(7)[..., :2]) if ALGORITHMS[name].sees.goal else observations(7)
        for name, _ in cases
    ]
    found = [policies(name, **settings)(obs) for (name, settings), obs in zip(cases, seen, strict=True)]
    request.getfixturevalue("compiled")
    made = [policies(name, **settings) for name, settings in cases]
    assert not any(map(in_numpy, made))
    for action, other, obs in zip(found, made, seen, strict=True):
        np.testing.assert_allclose(action, other(obs), atol=1e-6)


@pytest.mark.parametrize("settings", [{"activation": "gelu"}, {"precision": "bfloat16"}], ids=["gelu", "bfloat16"])
def test_what_numpy_is_not_asked_to_do_is_compiled(settings: dict[str, Any]) -> None:
    made = policies("td3_bc", **settings)
    assert not in_numpy(made) and made(observations(3)).shape == (2, 3, ACTION)


def test_a_member_acts_as_among_the_others() -> None:
    made, obs = policies("td3_bc"), observations(6)
    together = made(obs)
    assert np.array_equal(made.member(1)(obs[1]), together[1])
    assert np.array_equal(made.member(1)(obs[1, 0]), together[1, 0])
    assert np.array_equal(made.part(slice(1, 2))(obs[1:]), together[1:])


def test_a_diverged_policy_acts_without_a_warning() -> None:
    obs = observations(3)
    obs[0, 0], obs[0, 1] = np.nan, np.inf
    action = policies("td3_bc")(obs)
    assert np.isnan(action[0, 0]).all() and np.isfinite(action[1]).all()


def shape(*sizes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, np.float32)


@pytest.mark.parametrize(
    "act",
    [
        lambda leaves, obs: jnp.sort(obs @ leaves[0]),  # an operation that it does not know
        lambda leaves, obs: (obs @ leaves[0]).astype(jnp.bfloat16).astype(jnp.float32),
        lambda leaves, obs: leaves[0],  # nothing to do with observations
        lambda leaves, obs: jnp.einsum("bo,bp->op", obs, obs),  # mixes rows
        lambda leaves, obs: obs + jnp.sum(obs, axis=0),
        lambda leaves, obs: jnp.concatenate([obs, jnp.broadcast_to(leaves[0][0], obs.shape)], axis=1),
    ],
)
def test_what_cannot_be_translated_is_none(act: Callable[[Any, Any], Any]) -> None:
    assert translate(act, [shape(OBS, OBS)], shape(OBS), 1) is None


def test_rows_that_depend_on_their_place_or_number_are_found() -> None:
    known = [np.zeros((1, 1), np.float32)]
    place: Any = lambda known, obs: obs + np.arange(obs.shape[1])[None, :, None]  # noqa: E731
    number: Any = lambda known, obs: obs + obs.shape[1]  # noqa: E731
    alone: Any = lambda known, obs: obs + 1  # noqa: E731
    assert [_rows_alone(run, known, shape(OBS)) for run in (place, number, alone)] == [False, False, True]


def test_observations_may_be_several_arrays() -> None:
    """A pair of the observation and a goal, say; rows are filled up to whole products."""
    act = lambda leaves, seen: jnp.tanh(seen[0] @ leaves[0] + seen[1] * leaves[1])  # noqa: E731
    made = translate(act, [shape(OBS, ACTION), shape()], (shape(OBS), shape(ACTION)), 3)
    assert made
    rng, rows = np.random.default_rng(0), ROWS + 1
    leaves = [rng.normal(size=(3, *x)).astype(np.float32) for x in ((OBS, ACTION), ())]
    obs, goal = (rng.normal(size=(3, rows, n)).astype(np.float32) for n in (OBS, ACTION))
    prepare, run = made
    np.testing.assert_allclose(run(prepare(leaves), (obs, goal)), jax.vmap(act)(leaves, (obs, goal)), atol=1e-6)
