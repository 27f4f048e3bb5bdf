"""The data's own behaviour as a Gaussian around a learnt mean: what overlap is measured against, and the density that
importance weights need where none is known."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.judge.evidence import Evidence
from pars.nn.nets import MLP, apply
from pars.rl.net import descend, make_net

HIDDEN, STEPS, BATCH, LEARNING_RATE = (64, 64), 4000, 256, 1e-3
LEAST = 0.02  # spread of an action in [-1, 1]: below, a policy's own error of learning would count as far away


class Behaviour(NamedTuple):
    mean: np.ndarray  # [N, A] at the rows
    spread: np.ndarray  # [A] standard deviation around it, of the held-out rows


def behaviour(evidence: Evidence, seed: int = 0) -> Behaviour:
    """Fitted by least squares to the episodes that are not held out; the spread is that of the others."""
    mean, std = evidence.obs.mean(axis=0), evidence.obs.std(axis=0)
    obs = ((evidence.obs - mean) / np.where(std > 1e-6 * np.abs(mean), std, 1.0)).astype(np.float32)
    held = evidence.held[evidence.episode]
    found = np.asarray(_fit(obs, evidence.action, np.flatnonzero(~held), jax.random.key(seed)))
    spread = np.sqrt(np.mean((evidence.action - found)[held] ** 2, axis=0))
    return Behaviour(found, np.maximum(spread, LEAST))


@jax.jit
def _fit(obs: Array, action: Array, free: Array, key: Array) -> Array:
    """Mean actions [N, A] after descending on the rows `free`."""
    net = MLP(HIDDEN, action.shape[-1])
    k_init, k_step = jax.random.split(key)

    def loss(params: object, picks: Array) -> Array:
        return jnp.mean((jnp.tanh(apply(net, params, obs[picks])) - action[picks]) ** 2)

    def step(number: Array, actor: object) -> object:
        picks = free[jax.random.randint(jax.random.fold_in(k_step, number), (BATCH,), 0, len(free))]
        rate = LEARNING_RATE * (1.0 - 0.9 * number / STEPS)
        return descend(actor, jax.grad(loss)(actor.params, picks), rate)  # type: ignore[attr-defined,arg-type]

    start = make_net(net.init(k_init, obs[:1])["params"])
    end = jax.lax.fori_loop(0, STEPS, step, start)
    return jnp.tanh(apply(net, end.params, obs))


def distance(action: np.ndarray, known: Behaviour) -> np.ndarray:
    """How far actions [.., N, A] are from the behaviour's mean, in its deviations: root mean square over dimensions.

    1 is where the data's own actions are on average.
    """
    return np.sqrt(np.mean(((action - known.mean) / known.spread) ** 2, axis=-1))
