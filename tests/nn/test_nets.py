"""Networks: shapes, layer norm by hand, initialisers, taps, ensembles."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.core import Spec
from pars.nn.nets import (
    MLP,
    Actor,
    Critic,
    action_dim,
    apply,
    apply_ensemble,
    hidden_activations,
    init_ensemble,
)
from pars.nn.spread import take_members
from pars.rl.net import actor_mlp, value_mlp
from pars.training.learner import Learner
from tests.algos.plain import parameters

KEY = jax.random.key(0)


def shapes(tree: Any) -> Any:
    return jax.tree.map(lambda x: x.shape, tree)


def test_mlp_shapes_and_parameter_names() -> None:
    net = MLP((8, 4), 2, "before")
    params = parameters(net, jnp.zeros(3))
    assert shapes(params) == {
        "Dense_0": {"kernel": (3, 8), "bias": (8,)},
        "LayerNorm_0": {"scale": (8,), "bias": (8,)},
        "Dense_1": {"kernel": (8, 4), "bias": (4,)},
        "LayerNorm_1": {"scale": (4,), "bias": (4,)},
        "out": {"kernel": (4, 2), "bias": (2,)},
    }
    assert apply(net, params, jnp.zeros((5, 7, 3))).shape == (5, 7, 2)
    assert "LayerNorm_0" not in parameters(MLP((8,), 1), jnp.zeros(3))


def test_critic_reads_observation_then_action_and_actor_stays_in_the_box() -> None:
    critic, actor = Critic(MLP((), 1)), Actor(MLP((8,), 2))
    params = {"mlp": {"out": {"kernel": jnp.array([[1.0], [10.0], [100.0]]), "bias": jnp.array([0.5])}}}
    assert apply(critic, params, jnp.array([[1.0, 2.0]]), jnp.array([[3.0]])).tolist() == [321.5]
    policy = parameters(actor, jnp.zeros(3))
    action = apply(actor, policy, 10 * jax.random.normal(KEY, (50, 3)))
    assert action.shape == (50, 2) and float(jnp.abs(action).max()) <= 1.0
    assert action_dim(policy) == 2


@pytest.mark.parametrize(
    ("layer_norm", "hidden", "output"),
    [
        # the layer gives (1, -3): mean -1, deviation 2 -> normalised (1, -1)
        ("none", [1.0, 0.0], 1.0),
        ("before", [1.0, 0.0], 1.0),
        # after: relu gives (1, 0): mean .5, deviation .5 -> (1, -1)
        ("after", [1.0, 0.0], -9.0),
    ],
)
def test_layer_norm_before_and_after_the_activation(layer_norm: Any, hidden: list[float], output: float) -> None:
    net = MLP((2,), 1, layer_norm)
    params = parameters(net, jnp.zeros(1))
    params["Dense_0"] = {"kernel": jnp.array([[1.0, -3.0]]), "bias": jnp.zeros(2)}
    params["out"] = {"kernel": jnp.array([[1.0], [10.0]]), "bias": jnp.zeros(1)}
    assert float(apply(net, params, jnp.ones(1))[0]) == pytest.approx(output, rel=1e-4)
    np.testing.assert_allclose(hidden_activations(net, params, jnp.ones((1, 1)))[0], [hidden], rtol=1e-4)


def test_layer_norm_before_bounds_the_far_field_and_has_a_learnable_scale() -> None:
    net = MLP((2,), 1, "before")
    params = parameters(net, jnp.zeros(1))
    params["Dense_0"] = {"kernel": jnp.array([[1.0, -3.0]]), "bias": jnp.zeros(2)}
    params["LayerNorm_0"] = {"scale": jnp.array([2.0, 3.0]), "bias": jnp.array([0.5, 4.0])}
    hidden = hidden_activations(net, params, jnp.array([[1.0], [1e4], [-1e4]]))[0]
    np.testing.assert_allclose(hidden, [[2.5, 1.0], [2.5, 1.0], [0.0, 7.0]], rtol=1e-4)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", [0.0, 1.0]),
        ("identity", [-1.0, 1.0]),
        ("tanh", [-0.761594, 0.761594]),
        ("sigmoid", [0.268941, 0.731059]),
        ("silu", [-0.268941, 0.731059]),
        ("gelu", [-0.158808, 0.841192]),
    ],
)
def test_activations(activation: Any, expected: list[float]) -> None:
    net = MLP((2,), 1, activation=activation)
    params = parameters(net, jnp.zeros(1))
    params["Dense_0"] = {"kernel": jnp.array([[-1.0, 1.0]]), "bias": jnp.zeros(2)}
    np.testing.assert_allclose(hidden_activations(net, params, jnp.ones((1, 1)))[0], [expected], atol=1e-5)


def test_flax_initialiser_is_lecun_normal_with_zero_bias() -> None:
    params = jax.jit(MLP((400,), 5).init)(KEY, jnp.zeros(100))["params"]
    assert float(params["Dense_0"]["kernel"].std()) == pytest.approx(100**-0.5, rel=0.02)
    assert float(params["out"]["kernel"].std()) == pytest.approx(400**-0.5, rel=0.05)
    assert not params["Dense_0"]["bias"].any() and not params["out"]["bias"].any()


def test_torch_initialiser_is_uniform_by_fan_in() -> None:
    params = jax.jit(MLP((400,), 100, initializer="torch").init)(KEY, jnp.zeros(100))["params"]
    for layer, bound in ((params["Dense_0"], 0.1), (params["out"], 0.05)):
        for part in (layer["kernel"], layer["bias"]):
            assert bound * 0.9 < float(jnp.abs(part).max()) <= bound
        assert float(layer["kernel"].std()) == pytest.approx(bound / 3**0.5, rel=0.02)


def test_edac_initialiser_has_bias_and_a_small_last_layer() -> None:
    params = jax.jit(MLP((400,), 100, initializer="edac", edge=3e-3).init)(KEY, jnp.zeros(100))["params"]
    assert 0.095 < float(jnp.abs(params["Dense_0"]["kernel"]).max()) <= 0.1
    np.testing.assert_allclose(params["Dense_0"]["bias"], 0.1)
    for part in params["out"].values():
        assert 2.7e-3 < float(jnp.abs(part).max()) <= 3e-3


def test_he_initialiser_is_that_of_sac_n_jax() -> None:
    """he_uniform with bias .1, and an output layer of U(+-3e-3) for both."""
    params = jax.jit(MLP((400,), 100, initializer="he", edge=3e-3).init)(KEY, jnp.zeros(100))["params"]
    kernel, bound = params["Dense_0"]["kernel"], (6 / 100) ** 0.5
    assert 0.99 * bound < float(jnp.abs(kernel).max()) <= bound
    assert float(kernel.std()) == pytest.approx((2 / 100) ** 0.5, rel=0.02)
    np.testing.assert_allclose(params["Dense_0"]["bias"], 0.1)
    for part in params["out"].values():
        assert 2.7e-3 < float(jnp.abs(part).max()) <= 3e-3


@pytest.mark.parametrize(("own", "expected"), [("same", "he"), ("flax", "flax")])
def test_the_actor_may_start_otherwise_than_the_critics(own: str, expected: str) -> None:
    cfg = ALGORITHMS["pars"].configure({"initializer": "he", "actor_initializer": own, "actor_hidden": (8,)})
    assert actor_mlp(cfg, 2).initializer == expected and value_mlp(cfg).initializer == "he"
    assert (len(actor_mlp(cfg, 2).hidden), len(value_mlp(cfg).hidden)) == (1, 3)


def test_taps_give_every_hidden_layer() -> None:
    net = Critic(MLP((4, 6, 5), 1, "before"))
    params = parameters(net, jnp.zeros(3), jnp.zeros(2))
    obs, action = jnp.ones((7, 3)), jnp.ones((7, 2))
    layers = hidden_activations(net, params, obs, action)
    assert [layer.shape for layer in layers] == [(7, 4), (7, 6), (7, 5)]
    out = layers[-1] @ params["mlp"]["out"]["kernel"] + params["mlp"]["out"]["bias"]
    np.testing.assert_allclose(out[:, 0], apply(net, params, obs, action), rtol=1e-5)


def test_members_of_an_ensemble_differ_and_can_be_chosen() -> None:
    net = Critic(MLP((8,), 1))
    obs, action = jax.random.normal(KEY, (5, 3)), jnp.ones((5, 2))
    params = init_ensemble(net, 4, KEY, jnp.zeros(3), jnp.zeros(2))
    kernels = np.asarray(params["mlp"]["Dense_0"]["kernel"])
    assert kernels.shape == (4, 5, 8)
    assert all(not np.array_equal(kernels[i], kernels[j]) for i in range(4) for j in range(i))
    q = apply_ensemble(net, params, obs, action)
    assert q.shape == (4, 5)
    for i in range(4):
        alone = jax.tree.map(lambda x, i=i: x[i], params)
        np.testing.assert_allclose(q[i], apply(net, alone, obs, action), rtol=1e-5, atol=1e-6)
    two = apply_ensemble(net, take_members(params, jnp.array([3, 1])), obs, action)
    np.testing.assert_allclose(two, q[jnp.array([3, 1])], rtol=1e-6)


@pytest.mark.parametrize("name", ["pars", "td3_bc"])
def test_targets_equal_the_parameters_at_first_and_do_not_alias(name: str) -> None:
    algo = ALGORITHMS[name]
    cfg = algo.config(hidden=(4,), actor_hidden=(4,))
    state = jax.jit(lambda key: algo.init(cfg, Spec(3, 2), key))(KEY)
    for net in (state.actor, state.critic):
        jax.tree.map(np.testing.assert_array_equal, net.params, net.target)
        leaves = jax.tree.leaves(net)
        assert len({leaf.unsafe_buffer_pointer() for leaf in leaves}) == len(leaves)
        assert all(not leaf.any() for leaf in jax.tree.leaves(net.opt))


@pytest.mark.parametrize("shape", [(256, 256), (29, 256), (256, 1), (3, 8)])
def test_orthogonal_kernels_are_orthonormal_times_their_gain(shape: tuple[int, int]) -> None:
    net = MLP((shape[1],), 1, initializer="orthogonal_small")
    params = jax.jit(lambda key: net.init(key, jnp.zeros(shape[0])))(jax.random.key(0))["params"]
    kernel, last = np.asarray(params["Dense_0"]["kernel"]), np.asarray(params["out"]["kernel"])
    narrow = kernel if shape[0] >= shape[1] else kernel.T
    np.testing.assert_allclose(narrow.T @ narrow, 2 * np.eye(min(shape)), atol=1e-4)
    assert np.linalg.norm(last) == pytest.approx(0.01, rel=1e-4) and not params["out"]["bias"].any()
    assert abs(kernel.mean()) < 0.2 and kernel.std() == pytest.approx((2 / max(shape)) ** 0.5, rel=0.3)


def test_two_members_with_orthogonal_kernels_start_at_the_paper_s_size() -> None:
    """On two devices at once, where LAPACK's QR would hang."""
    algo = ALGORITHMS["iql"]
    learner = Learner(algo, [algo.configure()] * 2, [0, 1], Spec(11, 3))
    kernel = learner.placement.take(learner.state.actor.params["mlp"]["Dense_1"]["kernel"])
    np.testing.assert_allclose(kernel[1].T @ kernel[1], 2 * np.eye(256), atol=1e-4)
    assert not np.allclose(kernel[0], kernel[1])
