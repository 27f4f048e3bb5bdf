"""Counting the products of a program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from pars.algos import ALGORITHMS
from pars.probes.flops import live, products, step_flops, step_products, update


def test_products_count_loops_and_branches() -> None:
    x, w = jnp.ones((3, 4)), jnp.ones((4, 4))  # a product is 2 x 3 x 4 x 4 = 96 FLOP

    def loop(x: Any, w: Any) -> Any:
        return jax.lax.scan(lambda y, _: (y @ w, None), x, None, length=5)[0]

    def branch(x: Any, w: Any) -> Any:
        return jax.lax.cond(x.sum() > 0, lambda y: y @ w @ w, lambda y: y @ w, x)

    def endless(x: Any, w: Any) -> Any:
        return jax.lax.while_loop(lambda y: y.sum() < 1e9, lambda y: y @ w, x)

    looped = jax.make_jaxpr(loop)(x, w).jaxpr
    assert products(looped) == (480, 480) and products(looped, once=True) == (96, 96)
    assert products(jax.make_jaxpr(branch)(x, w).jaxpr) == (96, 192)
    with pytest.raises(ValueError, match="unknown length"):
        products(jax.make_jaxpr(endless)(x, w).jaxpr)
    unused = jax.make_jaxpr(lambda x, w: (x @ w, x.sum())[1])(x, w).jaxpr
    assert products(unused) == (96, 96) and products(live(unused)) == (0, 0)


def test_a_step_of_max_q_counted_by_hand() -> None:
    """Multiply-adds of a row: critic 5x8 + 8 = 48, actor 3x8 + 8x2 = 40. One critic: its target at s', its step, the
    actor's step, and dQ/d(s, a) through the critic; the gradients of inputs that nobody needs are left out, those of
    biases are products too."""
    cfg = ALGORITHMS["max_q"].configure({"hidden": (8,), "actor_hidden": (8,), "batch_size": 4})
    critic, actor = (3 * 48 - 5 * 8) + (8 + 1), (3 * 40 - 3 * 8) + (8 + 2)
    assert step_flops(ALGORITHMS["max_q"], cfg, 3, 2) == 2 * 4 * (48 + critic + actor + 2 * 48)


def test_what_happens_now_and_then_counts_by_its_share() -> None:
    small = {"hidden": (8,), "actor_hidden": (8,), "batch_size": 4}
    algo, cfg = ALGORITHMS["rlpd"], ALGORITHMS["rlpd"].configure(small | {"updates_per_step": 4})
    function, args, kinds, _ = update(algo, cfg, 3, 2)
    assert kinds == {0: 0.75, 3: 0.25}  # critics alone, and with the actor
    critics, all_of_it = (step_products(function, args, number)[1] for number in kinds)
    assert all_of_it > critics > 0
    assert step_flops(algo, cfg, 3, 2) == pytest.approx(0.75 * critics + 0.25 * all_of_it)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_can_be_counted(name: str) -> None:
    small = {"hidden": (8, 8), "actor_hidden": (8, 8), "batch_size": 8}
    settings = {key: value for key, value in small.items() if hasattr(ALGORITHMS[name].configure(), key)}
    once = step_flops(ALGORITHMS[name], ALGORITHMS[name].configure(settings), 3, 2)
    twice = step_flops(ALGORITHMS[name], ALGORITHMS[name].configure(settings | {"batch_size": 16}), 3, 2)
    assert once > 0 and twice == pytest.approx(2 * once)
