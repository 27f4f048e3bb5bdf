"""Adam, targets, delayed updates and the normaliser, each by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.config import Fixed
from pars.core import LoopSettings, Spec, Step, by_ratio
from pars.rl.net import Normalizer, descend, make_net, make_normalizer, polyak

INT = jnp.int32


def step(index: int, total: int = 10, online: bool = False) -> Step:
    return Step(jnp.asarray(index, INT), jnp.asarray(total, INT), "online" if online else "offline")


@pytest.mark.parametrize(
    ("share", "size", "rows"),
    [(0.5, 256, 128), (0.05, 256, 12), (0.5, 1024, 512), (0.0, 256, 0), (0.01, 16, 1), (0.99, 16, 15), (0.5, 1, 0)],
)
def test_a_share_of_a_batch_is_whole_rows_of_both_sources(share: float, size: int, rows: int) -> None:
    assert LoopSettings(batch_size=size, offline_share=Fixed(share)).offline_rows == rows


def test_descend_is_adam_by_hand() -> None:
    net = make_net({"w": jnp.array([1.0, -2.0])})
    g1, g2, rate = np.array([0.5, -4.0]), np.array([1.5, 2.0]), 0.1
    net = descend(descend(net, {"w": jnp.asarray(g1)}, rate), {"w": jnp.asarray(g2)}, rate)
    w, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for t, g in enumerate((g1, g2), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(net.params["w"], w, rtol=1e-5)


def test_first_step_of_adam_is_the_rate_against_the_sign() -> None:
    net = descend(make_net({"w": jnp.zeros(3)}), {"w": jnp.array([1e-3, -50.0, 0.0])}, 0.01)
    np.testing.assert_allclose(net.params["w"], [-0.01, 0.01, 0.0], rtol=1e-4)


def test_target_starts_as_a_copy_and_polyak_moves_it_by_the_rate() -> None:
    net = make_net({"w": jnp.array([1.0, 2.0])}, target=True)
    np.testing.assert_array_equal(net.target["w"], net.params["w"])
    assert net.target["w"].unsafe_buffer_pointer() != net.params["w"].unsafe_buffer_pointer()
    moved = polyak(net._replace(params={"w": jnp.array([3.0, 2.0])}), 0.25)
    np.testing.assert_array_equal(moved.target["w"], [1.5, 2.0])
    np.testing.assert_array_equal(moved.params["w"], [3.0, 2.0])
    assert make_net({"w": jnp.zeros(1)}).target is None


@pytest.mark.parametrize(("delay", "steps"), [(1, [0, 1, 2, 3, 4, 5]), (2, [1, 3, 5]), (3, [2, 5])])
def test_every_takes_the_last_of_each_delay_steps(delay: int, steps: list[int]) -> None:
    assert [i for i in range(6) if bool(step(i).every(delay))] == steps


@pytest.mark.parametrize(("delay", "steps"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (3, [0, 3])])
def test_or_the_first(delay: int, steps: list[int]) -> None:
    noted: dict[int, bool | None] = {}
    assert [i for i in range(6) if bool(step(i)._replace(due=noted).every(delay, first=True))] == steps
    assert noted == {-delay: None}
    assert not step(0)._replace(due={delay: True, -delay: False}).every(delay, first=True)


def test_maybe_scales_the_metrics_of_a_step_that_happens_so_that_averages_are_right() -> None:
    def double(x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        return 2 * x, {"loss": x + 1}

    state, metrics = step(0).maybe(3, double, jnp.array(5.0))
    assert (float(state), float(metrics["loss"])) == (5.0, 0.0)
    state, metrics = step(2).maybe(3, double, jnp.array(5.0))
    assert (float(state), float(metrics["loss"])) == (10.0, 18.0)  # three times the loss of 6


@pytest.mark.parametrize("happens", [False, True])
def test_maybe_of_a_step_whose_place_is_known_has_neither_loop_nor_branch(happens: bool) -> None:
    def update(x: jax.Array, index: jax.Array, due: dict[int, bool | None]) -> jax.Array:
        return Step(index, index, "offline", due).maybe(2, lambda x: (jnp.sin(x), {"sin_max": x}), x)

    noted: dict[int, bool | None] = {}
    unknown = jax.make_jaxpr(lambda x, i: update(x, i, noted))(jnp.zeros(3), jnp.asarray(1))
    assert noted == {2: None} and "while[" in str(unknown)
    known = str(jax.make_jaxpr(lambda x, i: update(x, i, {2: happens}))(jnp.zeros(3), jnp.asarray(1)))
    assert ("sin" in known) == happens and "while[" not in known and "cond[" not in known
    for index in (0, 1):
        assert bool(Step(jnp.asarray(index), jnp.asarray(2), "offline", {2: happens}).every(2)) == happens


def test_maybe_does_not_run_in_vain_when_members_share_the_step() -> None:
    def update(x: jax.Array, index: jax.Array) -> jax.Array:
        return Step(index, index, "offline").maybe(2, lambda x: (jnp.sin(x), {}), x)[0]

    shared = str(jax.make_jaxpr(jax.vmap(update, in_axes=(0, None)))(jnp.zeros(3), jnp.asarray(1)))
    assert "while[" in shared and "f32[3] = select_n" not in shared


def test_normaliser_is_the_published_one_or_the_identity() -> None:
    spec = Spec(2, 1, np.array([1.0, 2.0], np.float32), np.array([0.5, 3.999], np.float32))
    norm = make_normalizer(True, spec)
    np.testing.assert_allclose(norm(jnp.array([[1.501, 6.0]])), [[1.0, 1.0]], rtol=1e-6)
    identity = make_normalizer(False, spec)
    obs = jnp.array([[0.1, -3.7]])
    np.testing.assert_array_equal(identity(obs), obs)
    assert isinstance(identity, Normalizer)


def test_updates_begin_behind_the_random_steps_and_those_of_the_policy() -> None:
    cfg = LoopSettings(updates_per_step=2, random_steps=3, learning_starts=10)
    assert [by_ratio(cfg, steps) for steps in (0, 3, 10, 12)] == [0, 0, 0, 4]
    later = LoopSettings(updates_per_step=2, random_steps=12, learning_starts=10)
    assert [by_ratio(later, steps) for steps in (10, 12, 13)] == [0, 0, 2]
