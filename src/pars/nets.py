"""Networks as flax.linen modules, used functionally: `apply(module, params, x)`; ensembles are stacked on axis 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from pars.device import each

Activation = Literal["relu", "gelu", "silu", "sigmoid", "identity"]
LayerNorm = Literal["none", "before", "after"]  # relative to the activation
Initializer = Literal["flax", "torch", "edac"]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": nn.relu,
    "gelu": nn.gelu,
    "silu": nn.silu,
    "sigmoid": nn.sigmoid,
    "identity": lambda x: x,
}


class MLP(nn.Module):
    """Dense layers of widths `hidden` and a linear output. x: [.., in] -> [.., out].

    The activations of hidden layer i can be tapped: `apply(params, x, mutable="taps")` (see `hidden_activations`).
    `initializer`: "flax" LeCun normal, zero bias; "torch" U(+-1/sqrt(fan_in)) for both; "edac" the same for hidden
    kernels with bias 0.1 and an output layer of U(+-`edge`) (An et al. 2021, arXiv 2110.01548).
    """

    hidden: tuple[int, ...]
    out: int
    layer_norm: LayerNorm = "none"
    activation: Activation = "relu"
    initializer: Initializer = "flax"
    edge: float = 3e-3

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for width in self.hidden:
            x = self._dense(x, width)
            if self.layer_norm == "before":
                x = nn.LayerNorm()(x)
            x = ACTIVATIONS[self.activation](x)
            self.sow("taps", "hidden", x)
            if self.layer_norm == "after":
                x = nn.LayerNorm()(x)
        return self._dense(x, self.out, last=True)

    def _dense(self, x: Array, width: int, last: bool = False) -> Array:
        name = "out" if last else None
        if self.initializer == "flax":
            return nn.Dense(width, name=name)(x)
        bound = self.edge if last and self.initializer == "edac" else x.shape[-1] ** -0.5
        hidden_of_edac = self.initializer == "edac" and not last
        bias = nn.initializers.constant(0.1) if hidden_of_edac else _uniform(bound)
        return nn.Dense(width, kernel_init=_uniform(bound), bias_init=bias, name=name)(x)


class Critic(nn.Module):
    """Q(s, a): the MLP on the concatenated observation and (unscaled) action. obs [.., O], action [.., A] -> [..]."""

    mlp: MLP

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Array:
        return self.mlp(jnp.concatenate([obs, action], axis=-1))[..., 0]


class Actor(nn.Module):
    """Deterministic policy with a tanh output. obs [.., O] -> action in (-1, 1) [.., A]."""

    mlp: MLP

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        return jnp.tanh(self.mlp(obs))


class GaussianActor(nn.Module):
    """Gaussian policy before a tanh; the MLP gives 2 A numbers. obs [.., O] -> mean [.., A], log standard deviation."""

    mlp: MLP
    log_std_min: float = -5.0
    log_std_max: float = 2.0

    @nn.compact
    def __call__(self, obs: Array) -> tuple[Array, Array]:
        mean, log_std = jnp.split(self.mlp(obs), 2, axis=-1)
        return mean, jnp.clip(log_std, self.log_std_min, self.log_std_max)


def action_dim(params: Any, per_action: int = 1) -> int:
    """Width of an actor's action, read off its parameters. per_action: outputs for each dimension (2: a Gaussian)."""
    return params["mlp"]["out"]["bias"].shape[-1] // per_action


def init_ensemble(module: nn.Module, count: int, key: Array, *inputs: Array) -> Any:
    """Parameters of `count` independently initialised copies, stacked on axis 0."""
    return jax.vmap(lambda k: module.init(k, *inputs)["params"])(jax.random.split(key, count))


def apply(module: nn.Module, params: Any, *inputs: Array) -> Array:
    """`module` at `params` (one copy)."""
    return module.apply({"params": params}, *inputs)  # type: ignore[return-value]


def apply_ensemble(module: nn.Module, params: Any, *inputs: Array) -> Array:
    """Every copy of a stacked ensemble on the same inputs. Critics: obs [B, O], action [B, A] -> q [E, B]."""
    return each(lambda p: apply(module, p, *inputs), params)


def choose(params: Any, indices: Array) -> Any:
    """The copies at `indices` of a stacked ensemble: leaves [E, ..] -> [k, ..]."""
    return jax.tree.map(lambda x: x[indices], params)


def hidden_activations(module: nn.Module, params: Any, *inputs: Array) -> list[Array]:
    """What the activation of each hidden layer gives, of one copy: a list of [B, width]."""
    _, taps = module.apply({"params": params}, *inputs, mutable="taps")
    return [layer for layers in jax.tree.leaves(taps, is_leaf=lambda x: isinstance(x, tuple)) for layer in layers]


def _uniform(bound: float) -> Callable[..., Array]:
    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init
