"""Watching a PyTorch peer: its optimisers' gradients, its draws, its linear layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.peers.recording.base import Array, Layers, Record


class Watcher:
    """In an optimiser's place: keeps the gradients that its step would take, and moves nothing.

    So every loss of an update is taken at the same parameters, whatever the order of its steps.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]):
        self.parameters, self.grads = list(parameters), list[Array]()

    def zero_grad(self) -> None:
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

    def kept(function: Callable[..., Any]) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            value = function(*args, **kwargs)
            found.append(numpy(value))
            return value

        return draw

    places = [(torch, "randn_like"), (torch.distributions.normal, "_standard_normal"), (torch.Tensor, "uniform_")]
    before = [getattr(place, name) for place, name in places]
    for (place, name), function in zip(places, before):
        setattr(place, name, kept(function))
    try:
        yield found
    finally:
        for (place, name), function in zip(places, before):
            setattr(place, name, function)


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
