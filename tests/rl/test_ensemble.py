"""The least of critics: of all, of some, and its slope."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.nn.nets import MLP, Critic, apply_ensemble, init_ensemble
from pars.rl.ensemble import least, least_q, some_of
from pars.rl.losses import subset

VALUES = jnp.array([[1.0, -3.0, 0.5, 2.0], [2.0, 0.0, -1.0, 4.0]])  # [E, B]
CRITIC = Critic(MLP((8,), 1))
OBS, ACTION = jax.random.normal(jax.random.key(1), (16, 3)), jnp.zeros((16, 2))
CRITICS = init_ensemble(CRITIC, 4, jax.random.key(0), OBS[0], ACTION[0])
BOTH = pytest.mark.parametrize("backend", ["cpu", "gpu"])


@BOTH
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_least_of_some_critics_is_of_those_that_are_drawn(
    backend: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = apply_ensemble(CRITIC, CRITICS, OBS, ACTION)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    for key in jax.random.split(jax.random.key(2), 5):
        got = least_q(CRITIC, CRITICS, OBS, ACTION, (key, size))
        np.testing.assert_allclose(got, every[subset(key, 4, size)].min(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(least_q(CRITIC, CRITICS, OBS, ACTION), every.min(axis=0), rtol=1e-5, atol=1e-6)


def test_a_gpu_copies_no_critics_for_half_of_them_or_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for size, copied in ((1, True), (2, False), (4, False)):
        program = jax.make_jaxpr(lambda key, size=size: least_q(CRITIC, CRITICS, OBS, ACTION, (key, size)))
        assert ("gather" in str(program(jax.random.key(0)))) == copied


def test_all_of_the_critics_are_the_critics() -> None:
    assert some_of(CRITICS, (jax.random.key(0), 4)) is CRITICS


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_the_least_has_its_own_slope(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    np.testing.assert_array_equal(least(VALUES), [1.0, -3.0, -1.0, 2.0])
    slopes = lambda f: jax.grad(lambda q: jnp.sum(jnp.arange(1.0, 5.0) * f(q)))(VALUES)  # noqa: E731
    np.testing.assert_array_equal(slopes(least), slopes(partial(jnp.min, axis=0)))
    shares = jax.grad(lambda q: least(q).sum())(jnp.ones((3, 1))).ravel()
    np.testing.assert_allclose(shares, [1 / 3] * 3 if backend == "cpu" else [1.0, 0.0, 0.0])  # of equals
