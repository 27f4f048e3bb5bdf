"""Record of the authors' Off2On (shlee94/Off2OnRL): one call of its fine-tuning update with three agents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.adapters import off2on_torch
from benchmarks.peers.recording.base import (
    ACTION,
    BATCH,
    OBS,
    WIDTH,
    Layers,
    Record,
    joined,
    layers,
    member,
    split,
    stacked,
    start,
)
from benchmarks.peers.recording.torch_parts import Watcher, draws, fill, grads, linears, losses

AGENTS = 3


def off2on(folder: str) -> Record:
    """loss/critic sums the mean squares of all agents and twins; one policy, the mixture of the agents'."""
    peer = off2on_torch.load(folder)
    settings = {"discount": 0.97, "target_entropy": -ACTION, "log_alpha": -0.6, "temperature": 5.0}
    fixed = {"log_std_min": -20.0, "log_std_max": 2.0, "priority_min": 1e-3, "priority_max": 1e3}
    more = np.random.default_rng(130)
    rows = {f"{name}_obs": more.normal(size=(BATCH, OBS)) for name in ("offline", "online")}
    rows |= {f"{name}_action": more.uniform(-0.9, 0.9, (BATCH, ACTION)) for name in ("offline", "online")}
    record, rng = start(13, {**settings, **fixed, **rows})
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, 2 * ACTION), AGENTS),
        "critic": _pairs(rng),
        "target": _pairs(rng),
        "ratio": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1)),
    }
    weights["ratio"][-1]["bias"][:] = 1.0  # as it begins
    for name, net in weights.items():
        record.add_net(name, net)
    ratio = peer.ConcatMlp(input_size=OBS + ACTION, output_size=1, hidden_sizes=[WIDTH, WIDTH])
    fill(linears(ratio), weights["ratio"])
    policies = [peer.TanhGaussianPolicy([WIDTH, WIDTH], OBS, ACTION) for _ in range(AGENTS)]
    for i, policy in enumerate(policies):
        *hidden, heads = member(weights["actor"], i)
        fill(linears(policy), [*hidden, *split(heads)])
    nets = {f"{name}_{i}": _parallel(peer, weights[name], i) for name in ("critic", "target") for i in range(2)}
    q, target = ([nets[f"{name}_{i}"] for i in range(2)] for name in ("critic", "target"))
    priorities: list[Any] = []
    buffer = SimpleNamespace(update_priorities=lambda rows, new: priorities.append(new))
    env = SimpleNamespace(action_space=SimpleNamespace(shape=(ACTION,)))
    parts = (peer.ParallelTanhGaussianPolicy(policies), *q, *target, ratio, buffer, BATCH)
    options = {"discount": 0.97, "soft_target_tau": 0.0, "temperature": 5.0, "ensemble_size": AGENTS}
    options |= {"init_alpha": float(np.exp(-0.6)), "optimizer_class": lambda parameters, lr: Watcher(parameters)}
    trainer = peer.OursTrainer(env, *parts, **options)
    trainer._need_to_update_eval_statistics = False
    with draws() as drawn, losses() as found:
        trainer.train_from_torch(_batch(record))
    of_alpha, of_actor, *of_critics, of_ratio = found
    record.add_loss(alpha=of_alpha, actor=of_actor, critic=sum(of_critics), ratio=of_ratio, priority=priorities[0])
    record.add_noise(drawn)
    by_agent = [grads(linears(policy), trainer.policy_optimizer) for policy in policies]
    record.add_net("grad/actor", stacked([[*net[:-2], joined(*net[-2:])] for net in by_agent]))
    by_twin = [_grads(net, one) for net, one in zip(q, (trainer.qf1_optimizer, trainer.qf2_optimizer))]
    record.add_net("grad/critic", [{k: np.stack([a[k], b[k]], axis=1) for k in a} for a, b in zip(*by_twin)])
    record.add_net("grad/ratio", grads(linears(ratio), trainer.weight_optimizer))
    record.add(**{"grad/log_alpha": trainer.alpha_optimizer.grads[0]})
    return record


def _pairs(rng: np.random.Generator) -> Layers:
    """Twin critics of each agent: kernels [agents, 2, in, out]."""
    flat = layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2 * AGENTS)
    return [{name: part.reshape(AGENTS, 2, *part.shape[1:]) for name, part in layer.items()} for layer in flat]


def _parallel(peer: Any, weights: Layers, twin: int) -> Any:
    net = peer.ParallelMlp(OBS + ACTION, WIDTH, 2, 1, AGENTS)
    for layer, values in zip((net.h1, net.h2, net.output), weights, strict=True):
        layer.weights.data[:] = torch.from_numpy(values["kernel"][:, twin])
        layer.biases.data[:, 0] = torch.from_numpy(values["bias"][:, twin])
    return net


def _grads(net: Any, watcher: Watcher) -> Layers:
    return [
        {"kernel": watcher.grad(layer.weights), "bias": watcher.grad(layer.biases)[:, 0]}
        for layer in (net.h1, net.h2, net.output)
    ]


def _batch(record: Record) -> dict[str, torch.Tensor]:
    columns = {f"{part}_observations": record[f"{part}_obs"] for part in ("offline", "online")}
    columns |= {f"{part}_actions": record[f"{part}_action"] for part in ("offline", "online")}
    columns |= {"rl_observations": record["obs"], "rl_actions": record["action"]}
    columns |= {"rl_next_observations": record["next_obs"], "rl_rewards": record["reward"][:, None]}
    columns |= {"rl_terminals": record["terminal"][:, None], "tree_idxs": np.arange(BATCH, dtype=np.float32)[:, None]}
    return {name: torch.from_numpy(column) for name, column in columns.items()}


torch.set_num_threads(1)
