"""Watching a PyTorch peer: its optimisers' gradients, its draws, its linear layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.peers.recording.base import Array, Layers, Record, replaced


class Watcher:
    """In an optimiser's place: keeps the gradients that its step would take, and moves nothing.

    So every loss of an update is taken at the same parameters, whatever the order of its steps.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]):
        self.parameters, self.grads = list(parameters), list[Array]()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        self.grads = [numpy(parameter.grad) for parameter in self.parameters]

    def grad(self, parameter: nn.Parameter) -> Array:
        return next(grad for kept, grad in zip(self.parameters, self.grads) if kept is parameter)


def numpy(tensor: Any) -> Array:
    return tensor.detach().numpy().copy()


@contextmanager
def draws(seed: int = 0) -> Iterator[list[Array]]:
    """All that is drawn inside: standard normal noise, and uniform numbers as they were filled in."""
    torch.manual_seed(seed)
    found: list[Array] = []

    def kept(place: Any, name: str) -> tuple[Any, str, Callable[..., Any]]:
        function = getattr(place, name)

        def draw(*args: Any, **kwargs: Any) -> Any:
            value = function(*args, **kwargs)
            found.append(numpy(value))
            return value

        return place, name, draw

    sources = ((torch, "randn"), (torch, "randn_like"), (torch.distributions.normal, "_standard_normal"))
    places = [kept(*source) for source in (*sources, (torch.Tensor, "uniform_"))]
    with replaced((torch, "normal", _normal), *places):
        yield found


def _normal(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    return mean + std * torch.randn(torch.broadcast_shapes(mean.shape, std.shape))


@contextmanager
def losses() -> Iterator[list[Array]]:
    """The value of each loss whose gradient is asked for inside, in order."""
    found: list[Array] = []
    backward = torch.Tensor.backward

    def kept(loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        found.append(numpy(loss))
        backward(loss, *args, **kwargs)

    with replaced((torch.Tensor, "backward", kept)):
        yield found


@contextmanager
def dropped() -> Iterator[list[Array]]:
    """The units that dropout keeps inside, 1, or drops, 0."""
    found: list[Array] = []

    def dropout(x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
        if not training:
            return x
        kept = torch.bernoulli(torch.full_like(x, 1.0 - p))
        found.append(numpy(kept))
        return x * kept / (1.0 - p)

    with replaced((torch.nn.functional, "dropout", dropout)):
        yield found


def small(net: nn.Sequential, width: int) -> nn.Sequential:
    """Layers of the same kinds, those of 256 units `width` wide."""
    sizes = {256: width}

    def layer(old: nn.Module) -> nn.Module:
        if isinstance(old, nn.Linear):
            return nn.Linear(sizes.get(old.in_features, old.in_features), sizes.get(old.out_features, old.out_features))
        return type(old)()

    return nn.Sequential(*map(layer, net))


def linears(net: nn.Module) -> list[Any]:
    """Its layers with weights, in order: torch's, or a peer's stacked ones."""
    return [module for module in net.modules() if hasattr(module, "weight")]


@torch.no_grad()
def fill(modules: Sequence[Any], layers: Layers) -> None:
    """Give these linear layers the weights. torch keeps kernels [out, in], the peers' stacked ones [E, in, out]."""
    for module, layer in zip(modules, layers, strict=True):
        kernel = layer["kernel"].T if isinstance(module, nn.Linear) else layer["kernel"]
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
        module.bias.copy_(torch.from_numpy(layer["bias"]).reshape(module.bias.shape))


def grads(modules: Sequence[Any], watcher: Watcher) -> Layers:
    found = []
    for module in modules:
        kernel, bias = watcher.grad(module.weight), watcher.grad(module.bias)
        linear = isinstance(module, nn.Linear)
        found.append({"kernel": kernel.T if linear else kernel, "bias": bias if linear else bias[:, 0]})
    return found


def batch(record: Record, *more: str) -> list[torch.Tensor]:
    """obs, action, reward [B, 1], next_obs, terminal [B, 1], as the peers' buffers give them."""
    names = ("obs", "action", "reward", "next_obs", "terminal", *more)
    tensors = [torch.from_numpy(record[name]) for name in names]
    return [tensor if tensor.ndim == 2 else tensor[:, None] for tensor in tensors]
