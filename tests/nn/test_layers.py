"""Layers with backward passes of their own, against the plain formula and what autodiff makes of it."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.nn.layers import EPSILON, dense, normed_relu, product
from pars.nn.nets import MLP, Critic, action_values, apply, apply_ensemble
from tests.algos import plain

pytestmark = pytest.mark.shipped

SHAPES = [(7, 3, 5), (6, 5, 5), (4, 6, 2)]  # rows, inputs, outputs: narrower and wider than its input


def plain_dense(x: Any, kernel: Any, bias: Any) -> Any:
    return x @ kernel + bias


def plain_normed_relu(x: Any, kernel: Any, bias: Any, scale: Any, shift: Any) -> Any:
    z = x @ kernel + bias
    variance = jnp.mean((z - z.mean(-1, keepdims=True)) ** 2, -1, keepdims=True)
    return jax.nn.relu((z - z.mean(-1, keepdims=True)) / jnp.sqrt(variance + EPSILON) * scale + shift)


def draw(seed: int, *shapes: tuple[int, ...]) -> list[jax.Array]:
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def compiled(function: Any, *args: Any) -> Any:
    """`function` of `args` in one program, as training has it."""
    return jax.jit(lambda *args: function(*args))(*args)


@pytest.fixture(params=["cpu", "gpu"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each has layers of its own."""
    monkeypatch.setattr(jax, "default_backend", lambda: request.param)
    return str(request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_slopes_are_those_of_the_plain_formulas(shape: tuple[int, int, int], backend: str) -> None:
    rows, inputs, outputs = shape
    x, kernel, bias, scale, shift, weights = draw(
        rows, (rows, inputs), (inputs, outputs), (outputs,), (outputs,), (outputs,), (rows, outputs)
    )
    for own, formula, args in (
        (dense, plain_dense, (x, kernel, bias)),
        (normed_relu, plain_normed_relu, (x, kernel, bias, scale, shift)),
    ):
        every = tuple(range(len(args)))

        def both(layer: Any, *a: Any, every: Any = every) -> Any:
            return layer(*a), jax.grad(lambda *a: jnp.sum(weights * layer(*a)), every)(*a)

        value, slopes = compiled(partial(both, partial(own, "float32")), *args)
        plain_value, plain_slopes = compiled(partial(both, formula), *args)
        np.testing.assert_allclose(value, plain_value, rtol=2e-5, atol=2e-6)
        for a, b in zip(slopes, plain_slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


def test_a_case_by_hand(backend: str) -> None:
    """One row z = (3, 1): mean 2, std 1, so n = (1, -1), y = relu(2 n + (0, 1)) = (2, 0)."""
    args = (jnp.ones((1, 1)), jnp.array([[3.0, 1.0]]), jnp.zeros(2), jnp.array([2.0, 2.0]), jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(compiled(partial(normed_relu, "float32"), *args), [[2.0, 0.0]], atol=2e-6)
    slopes = compiled(jax.grad(lambda *a: normed_relu("float32", *a)[0, 0], (3, 4)), *args)
    np.testing.assert_allclose(slopes[0], [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(slopes[1], [1.0, 0.0], atol=1e-6)
    # two features normalised are +-1 whatever z is: nothing moves them but epsilon
    slope = compiled(jax.grad(lambda x: normed_relu("float32", x, *args[1:])[0, 0]), args[0])
    np.testing.assert_allclose(slope, 0.0, atol=1e-5)


def test_slopes_have_slopes(backend: str) -> None:
    """Of a slope's square, as EDAC needs it."""
    x, kernel, bias, scale, shift = draw(3, (4, 3), (3, 6), (6,), (6,), (6,))

    def rough(function: Any) -> jax.Array:
        return compiled(jax.grad(lambda k: jnp.sum(jax.grad(lambda x: jnp.sum(function(x, k) ** 2))(x) ** 2)), kernel)

    got = rough(lambda x, k: normed_relu("float32", x, k, bias, scale, shift))
    np.testing.assert_allclose(got, rough(lambda x, k: plain_normed_relu(x, k, bias, scale, shift)), rtol=1e-3)


def test_far_inputs_keep_their_variance(backend: str) -> None:
    """Rows a million times apart: mean(z^2) - mean(z)^2 would have lost all digits."""
    kernel = 1e4 + draw(4, (3, 8))[0]
    x = jnp.array([[1.0, 1.0, 1.0], [2000.0, 1500.0, 1000.0]])
    got = compiled(partial(normed_relu, "float32"), x, kernel, np.zeros(8), np.ones(8), np.zeros(8))
    exact = np.asarray(x, np.float64) @ np.asarray(kernel, np.float64)
    exact = np.maximum((exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True), 0.0)
    np.testing.assert_allclose(got, exact, atol=5e-3)


def test_bfloat16_rounds_operands_only_and_not_at_the_edges(backend: str) -> None:
    a, b = draw(5, (4, 64), (64, 3))
    rounded = [x.astype(jnp.bfloat16).astype(jnp.float32) for x in (a, b)]
    got = product("bfloat16", a, b)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, rounded[0] @ rounded[1], rtol=1e-5, atol=1e-5)
    assert float(jnp.abs(got - a @ b).max()) > 1e-4
    np.testing.assert_array_equal(product("float32", a, b), product("tf32", a, b))  # on a CPU

    x = jnp.concatenate([a, 2000 * a[:2]])
    for layers, same in (((32,), True), ((32, 32), False)):  # the first and the last layer stay exact
        net = [MLP(layers, 1, "before", precision=p) for p in ("float32", "bfloat16")]  # type: ignore[arg-type]
        params = plain.parameters(net[0], x)
        full, less = (apply(module, params, x) for module in net)
        assert bool(jnp.array_equal(full, less)) == same
        np.testing.assert_allclose(less, full, rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("precision", "products"), [("float32", "[HIGHEST, HIGHEST]"), ("tf32", "[HIGH, HIGH]"), ("bfloat16", "bf16")]
)
def test_slopes_of_bias_and_norm_are_sums_in_float32_whatever_the_products_are(
    precision: Any, products: str, backend: str
) -> None:
    """They are vectors; in the program, products that give one are sums."""
    every = draw(7, (7, 3), (3, 5), (5,), (5,), (5,))
    for layer, args in ((dense, every[:3]), (normed_relu, every)):
        slopes = jax.grad(lambda *a, f=layer: jnp.sum(f(precision, *a) ** 2), tuple(range(len(args))))
        program = jax.jit(slopes).lower(*args).as_text().splitlines()
        lines = [line for line in program if "dot_general" in line]
        sums = [line for line in lines if re.search(r"-> tensor<\d+xf32>", line)]
        assert len(sums) == {"gpu": 0, "cpu": len(args) - 2 + (layer is normed_relu)}[backend]
        assert all("[HIGHEST, HIGHEST]" in line and "bf16" not in line for line in sums)
        assert len(lines) == len(sums) + 3 and all(products in line for line in lines if line not in sums)


def test_action_values_have_the_ensembles_slopes_in_the_action() -> None:
    critic = Critic(MLP((16, 16), 1, "before"))
    obs, action = draw(6, (5, 3), (5, 2))
    members = [plain.parameters(critic, obs[0], action[0], seed=seed) for seed in range(4)]
    params = jax.tree.map(lambda *leaves: np.stack(leaves), *members)

    def both(values: Any) -> tuple[jax.Array, jax.Array]:
        return compiled(jax.value_and_grad(lambda a: jnp.sum(jnp.min(values(a), axis=0) ** 2)), action)

    wanted = both(lambda a: apply_ensemble(critic, params, obs, a))
    got = both(lambda a: action_values(critic, params, obs, a))
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-6)
    np.testing.assert_allclose(got[1], wanted[1], rtol=1e-4, atol=1e-6)
