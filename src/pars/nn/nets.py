"""Networks as flax.linen modules, used functionally: `apply(module, params, x)`; ensembles are stacked on axis 0."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from pars.nn.layers import Precision, dense, normed_relu, product
from pars.nn.spread import map_ensemble, replicate

Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid", "identity"]
LayerNorm = Literal["none", "before", "after"]  # relative to the activation
Initializer = Literal[
    "flax",
    "torch",
    "torch_small",
    "edac",
    "he",
    "xavier",
    "xavier_small",
    "glorot_normal",
    "orthogonal",
    "orthogonal_small",
]
ActorInitializer = Literal["same", Initializer]  # same: as critics have it
Initialize = Callable[..., Array]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": nn.relu,
    "gelu": nn.gelu,
    "silu": nn.silu,
    "tanh": jnp.tanh,
    "sigmoid": nn.sigmoid,
    "identity": lambda x: x,
}


class MLP(nn.Module):
    """Dense layers of widths `hidden` and a linear output. x: [.., in] -> [.., out].

    The activations of hidden layer i can be tapped: `apply(params, x, mutable="taps")` (see `hidden_activations`).
    `initializer`: "flax" LeCun normal, zero bias; "torch" U(+-1/sqrt(fan_in)) for both; "torch_small" the same
    with an output layer of U(+-`edge`); "edac" the same for hidden kernels with bias 0.1 and an output layer of
    U(+-`edge`) (An et al. 2021, arXiv 2110.01548); "he" as "edac" with He's uniform U(+-sqrt(6 / fan_in)) for hidden
    kernels (Howuhh/sac-n-jax); with zero bias "xavier" uniform, "xavier_small", whose output layer has a hundredth of
    the variance, "glorot_normal" (truncated), "orthogonal" of gain sqrt(2), and "orthogonal_small", whose output layer
    has gain 0.01.
    `dropout`: rate, a number or traced, after each hidden activation where the caller gives a key of that name.
    """

    hidden: tuple[int, ...]
    out: int
    layer_norm: LayerNorm = "none"
    activation: Activation = "relu"
    initializer: Initializer = "flax"
    edge: float = 3e-3
    precision: Precision = "float32"
    dropout: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        leading, x = x.shape[:-1], x.reshape(-1, x.shape[-1])
        for i, width in enumerate(self.hidden):
            # the first layer sees actions far out of the box, where rounding would move them by whole boxes
            precision = self.precision if i else "float32"
            kernel, bias = Affine(width, *self._initializers(x.shape[-1]), name=f"Dense_{i}")(x.shape[-1])
            if self.layer_norm == "before" and self.activation == "relu":
                x = normed_relu(precision, x, kernel, bias, *_Scale(width, name=f"LayerNorm_{i}")())
                self._tap(x, leading)
                continue
            x = dense(precision, x, kernel, bias)
            if self.layer_norm == "before":
                x = nn.LayerNorm(name=f"LayerNorm_{i}")(x)
            x = self._drop(ACTIVATIONS[self.activation](x))
            self._tap(x, leading)
            if self.layer_norm == "after":
                x = nn.LayerNorm(name=f"LayerNorm_{i}")(x)
        kernel, bias = Affine(self.out, *self._initializers(x.shape[-1], last=True), name="out")(x.shape[-1])
        return dense("float32", x, kernel, bias).reshape(*leading, self.out)

    def _tap(self, x: Array, leading: tuple[int, ...]) -> None:
        self.sow("taps", "hidden", x.reshape(*leading, x.shape[-1]))

    def _drop(self, x: Array) -> Array:
        if self.dropout is None or not self.has_rng("dropout"):
            return x
        return dropped(self.make_rng("dropout"), x, self.dropout)

    def _initializers(self, inputs: int, last: bool = False) -> tuple[Initialize, Initialize]:
        """Of kernel and bias."""
        kernels = {
            "flax": nn.initializers.lecun_normal(),
            "xavier": nn.initializers.xavier_uniform(),
            "xavier_small": nn.initializers.variance_scaling(0.01 if last else 1.0, "fan_avg", "uniform"),
            "glorot_normal": nn.initializers.glorot_normal(),
            "orthogonal": _orthogonal(2**0.5),
            "orthogonal_small": _orthogonal(0.01 if last else 2**0.5),
        }
        if self.initializer in kernels:
            return kernels[self.initializer], nn.initializers.zeros
        if self.initializer == "torch" or (self.initializer == "torch_small" and not last):
            return uniform(inputs**-0.5), uniform(inputs**-0.5)
        if last:
            return uniform(self.edge), uniform(self.edge)
        bound = inputs**-0.5 if self.initializer == "edac" else (6 / inputs) ** 0.5
        return uniform(bound), nn.initializers.constant(0.1)


class Affine(nn.Module):
    """Kernel [inputs, width] and bias [width] of a dense layer, named as flax names them."""

    width: int
    kernel_init: Initialize
    bias_init: Initialize

    @nn.compact
    def __call__(self, inputs: int) -> tuple[Array, Array]:
        kernel = self.param("kernel", self.kernel_init, (inputs, self.width))
        return kernel, self.param("bias", self.bias_init, (self.width,))


class _Scale(nn.Module):
    """Scale [width] and shift [width] of a layer norm, named as flax names them."""

    width: int

    @nn.compact
    def __call__(self) -> tuple[Array, Array]:
        scale = self.param("scale", nn.initializers.ones, (self.width,))
        return scale, self.param("bias", nn.initializers.zeros, (self.width,))


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
    """Gaussian policy before a tanh; the MLP gives 2 A numbers. obs [.., O] -> mean [.., A], log standard deviation.

    `learned_spread`: the log standard deviation is multiplied by one learned number and shifted by another, from 1 and
    -1 on, as in CQL's JAX and CORL code.
    """

    mlp: MLP
    log_std_min: float = -5.0
    log_std_max: float = 2.0
    learned_spread: bool = False

    @nn.compact
    def __call__(self, obs: Array) -> tuple[Array, Array]:
        mean, log_std = jnp.split(self.mlp(obs), 2, axis=-1)
        if self.learned_spread:
            factor = self.param("factor", nn.initializers.ones, ())
            log_std = factor * log_std + self.param("offset", nn.initializers.constant(-1.0), ())
        return mean, jnp.clip(log_std, self.log_std_min, self.log_std_max)


class TanhMeanActor(nn.Module):
    """IQL's policy: a Gaussian with mean tanh(MLP) and one log standard deviation per action dimension, whatever the
    observation; not squashed. obs [.., O] -> mean [.., A], log standard deviation [A]."""

    mlp: MLP
    log_std_min: float = -5.0
    log_std_max: float = 2.0

    @nn.compact
    def __call__(self, obs: Array) -> tuple[Array, Array]:
        mean = jnp.tanh(self.mlp(obs))
        log_std = self.param("log_std", nn.initializers.zeros, (mean.shape[-1],))
        return mean, jnp.clip(log_std, self.log_std_min, self.log_std_max)


class FreeGaussian(nn.Module):
    """A Gaussian that nothing bounds, with one log standard deviation per dimension. x [.., in] -> mean [.., out], log
    standard deviation [out]."""

    mlp: MLP
    log_std_min: float = -5.0
    log_std_max: float = 2.0

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        mean = self.mlp(x)
        log_std = self.param("log_std", nn.initializers.zeros, (mean.shape[-1],))
        return mean, jnp.clip(log_std, self.log_std_min, self.log_std_max)


class BoundedGaussianActor(nn.Module):
    """Uni-O4's policy: a Gaussian, not squashed, whose mean and log standard deviation both come out of a tanh, the
    latter stretched to its bounds; the MLP gives 2 A numbers. obs [.., O] -> mean, log standard deviation [.., A]."""

    mlp: MLP
    log_std_min: float = -5.0
    log_std_max: float = 0.0

    @nn.compact
    def __call__(self, obs: Array) -> tuple[Array, Array]:
        mean, spread = jnp.split(jnp.tanh(self.mlp(obs)), 2, axis=-1)
        return mean, self.log_std_min + 0.5 * (self.log_std_max - self.log_std_min) * (spread + 1.0)


class Value(nn.Module):
    """V(s). obs [.., O] -> [..]."""

    mlp: MLP

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        return self.mlp(obs)[..., 0]


def dropped(key: Array, x: Array, rate: Any) -> Array:
    """x with a share `rate` of its numbers put to 0, and the others raised for it. rate: a number or traced."""
    kept = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(kept, x / (1.0 - rate), 0.0)


def action_dim(params: Any, per_action: int = 1) -> int:
    """Width of an actor's action, read off its parameters. per_action: outputs for each dimension (2: a Gaussian)."""
    return params["mlp"]["out"]["bias"].shape[-1] // per_action


def init_ensemble(module: nn.Module, count: int, key: Array, *inputs: Array) -> Any:
    """Parameters of `count` independently initialised copies, stacked on axis 0."""
    return jax.vmap(lambda k: module.init(k, *inputs)["params"])(jax.random.split(key, count))


def apply(module: nn.Module, params: Any, *inputs: Any, dropout: Array | None = None) -> Any:
    """`module` at `params` (one copy). dropout: key of the units to drop; without one all are kept."""
    return module.apply({"params": params}, *inputs, rngs=None if dropout is None else {"dropout": dropout})


def apply_ensemble(module: nn.Module, params: Any, *inputs: Array) -> Array:
    """Every copy of a stacked ensemble on the same inputs. Critics: obs [B, O], action [B, A] -> q [E, B]."""
    return map_ensemble(lambda p: apply(module, p, *inputs), params)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def action_values(module: nn.Module, params: Any, obs: Array, action: Array) -> Array:
    """Q of every critic, for an actor to climb: like `apply_ensemble`, but only the action has a gradient.

    dQ/da of a critic is taken right after its Q, so that nothing but [E, B, A] waits for the backward pass.
    params: leaves [E, ..], obs [B, O], action [B, A] -> q [E, B].
    """
    return apply_ensemble(module, params, obs, action)


def _action_values(module: nn.Module, params: Any, obs: Array, action: Array) -> tuple[Array, Array]:
    def one(params: Any) -> Array:
        q, back = jax.vjp(lambda a: apply(module, params, obs, a), action)
        return jnp.concatenate([q[:, None], back(jnp.ones_like(q))[0]], axis=1)

    found = replicate(map_ensemble(one, params))  # [E, B, 1 + A]
    return found[..., 0], found[..., 1:]


def _action_values_back(module: nn.Module, slopes: Array, dq: Array) -> tuple[None, None, Array]:
    return None, None, jnp.sum(dq[..., None] * slopes, axis=0)


action_values.defvjp(_action_values, _action_values_back)


def hidden_activations(module: nn.Module, params: Any, *inputs: Array) -> list[Array]:
    """What the activation of each hidden layer gives, of one copy: a list of [B, width]."""
    _, taps = module.apply({"params": params}, *inputs, mutable="taps")
    return [layer for layers in jax.tree.leaves(taps, is_leaf=lambda x: isinstance(x, tuple)) for layer in layers]


def _orthogonal(gain: float) -> Initialize:
    """Uniformly distributed matrices of orthonormal columns or rows, times `gain`.

    The orthogonal factor of a Gaussian matrix, by Newton's iteration: products alone. A QR decomposition would call
    LAPACK, and two CPU devices that do so at once inside one program wait for each other for ever (jax 0.10.2).
    """

    def init(key: Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
        x = jax.random.normal(key, (max(shape), min(shape)), dtype)

        def nearer(_: Any, x: Array) -> Array:
            return 1.5 * x - 0.5 * product("float32", x, product("float32", x.T, x))

        # singular values below 1 grow by half in each turn until they are near 1; the least of 256 starts at about 1e-4
        x = jax.lax.fori_loop(0, 50, nearer, x / jnp.linalg.norm(x))
        return gain * (x if shape[0] >= shape[1] else x.T)

    return init


def uniform(bound: float) -> Initialize:
    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init
