"""What happens now and then costs nothing on the other steps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.core import Step


def test_what_is_not_due_is_not_worked_out() -> None:
    """Not even where it depends on nothing that it changes, so that it could be known in front of its loop."""
    called: list[int] = []

    def dear(x: Any) -> np.ndarray:
        called.append(1)
        return np.asarray(2.0 * x, np.float32)

    def look(state: Any) -> tuple[Any, dict[str, Any]]:
        weights, _ = state
        return (weights, jax.pure_callback(dear, weights, weights)), {}

    def step(number: Any, state: Any) -> Any:
        weights, best = Step(number, jnp.int32(100), "offline").maybe(10, look, state)[0]
        return weights + 1.0, best

    run = jax.jit(lambda state, count: jax.lax.fori_loop(0, count, step, state))
    weights, best = run((jnp.float32(0.0), jnp.float32(0.0)), 25)
    assert (float(weights), float(best)) == (25.0, 38.0) and len(called) == 2  # on steps 9 and 19
