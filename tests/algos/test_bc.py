"""BC: its loss and step by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import bc
from pars.core import Spec, Step, Transition

SPEC = Spec(2, 2, np.array([1.0, 0.0], np.float32), np.array([0.999, 1.999], np.float32))
STEP = Step(jnp.asarray(0), jnp.asarray(10), "offline")
RAW = Transition(
    jnp.array([[2.0, 4.0], [0.0, -2.0]]), jnp.array([[0.5, 0.0], [-0.5, 1.0]]), jnp.zeros(2), jnp.zeros((2, 2)), None
)


def linear(kernel: list[list[float]], **settings: object) -> tuple[bc.Config, bc.State]:
    """The policy tanh(obs W)."""
    cfg = bc.Config(actor_hidden=(), **settings)  # type: ignore[arg-type]
    state = bc.init(cfg, SPEC, jax.random.key(0))
    state.actor.params["mlp"]["out"] = {"kernel": jnp.array(kernel), "bias": jnp.zeros(2)}
    return cfg, state


def test_loss_is_the_mean_over_rows_and_dimensions() -> None:
    cfg, state = linear([[0.0, 0.0], [0.0, 0.0]])
    assert float(bc.actor_loss(cfg, state.actor.params, RAW)) == pytest.approx((0.25 + 0 + 0.25 + 1) / 4)


def test_step_is_adam_on_normalised_observations() -> None:
    """The gradient of the loss by the chain rule, then Adam's first step: the rate against the sign."""
    cfg, state = linear([[0.3, -0.2], [0.1, 0.4]], actor_lr=0.01)
    obs = np.array([[1.0, 2.0], [-1.0, -1.0]])  # (obs - mean) / (deviation + .001)
    action = np.tanh(obs @ [[0.3, -0.2], [0.1, 0.4]])
    error = 2 * (action - np.asarray(RAW.action)) * (1 - action**2) / 4
    new, metrics = bc.update(cfg, state, RAW, jax.random.key(0), STEP)
    assert float(metrics["bc_loss"]) == pytest.approx(((action - np.asarray(RAW.action)) ** 2).mean(), rel=1e-5)
    moved = new.actor.params["mlp"]["out"]["kernel"] - state.actor.params["mlp"]["out"]["kernel"]
    np.testing.assert_allclose(moved, -0.01 * np.sign(obs.T @ error), rtol=1e-3)
    moments = 0.1 * obs.T @ error  # 1 - beta1 of the gradient itself
    np.testing.assert_allclose(new.actor.opt.mu["mlp"]["out"]["kernel"], moments, rtol=1e-4)


def test_normalisation_is_the_same_in_training_and_in_acting() -> None:
    cfg, state = linear([[1.0, 0.0], [0.0, 1.0]])
    action = bc.act(cfg, state, RAW.obs, jax.random.key(0), 0.0)
    np.testing.assert_allclose(action, np.tanh([[1.0, 2.0], [-1.0, -1.0]]), rtol=1e-5)
    cfg, state = linear([[1.0, 0.0], [0.0, 1.0]], normalize_obs=False)
    np.testing.assert_allclose(bc.act(cfg, state, RAW.obs, jax.random.key(0), 0.0), np.tanh(RAW.obs), rtol=1e-5)
