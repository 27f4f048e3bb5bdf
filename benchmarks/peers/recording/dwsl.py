"""Records of the authors' DWSL (jhejna/dwsl) and of its WGCSL and goal-conditioned IQL: one training step of each."""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import bare_package, stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Layers, Record, layers, start
from benchmarks.peers.recording.torch_parts import Watcher, fill, grads, linears

GOAL, BINS = 2, 5
SEEN = OBS + GOAL
ACTOR, CRITIC = (SEEN, WIDTH, WIDTH, ACTION), (SEEN + ACTION, WIDTH, WIDTH, 1)
PLACES = {  # ours: where it stands in the peer's
    "actor": ("network", "actor"),
    "actor_target": ("target_network", "actor"),
    "critic": ("network", "critic"),
    "target": ("target_network", "critic"),
    "value": ("network", "value"),
}


def expectation(folder: str) -> Record:
    """Distances as expectations, the code's default; loss/value is the classifier's."""
    return _dwsl(folder, {})


def soft(folder: str) -> Record:
    """Distances as soft minima of temperature alpha."""
    return _dwsl(folder, {"alpha": 0.7})


def _dwsl(folder: str, more: dict[str, float]) -> Record:
    settings = {"beta": 0.1, "clip_score": 0.6, **more}
    record, rng = _start(folder, 24, settings | {"discount": 1.0})
    weights = {"actor": layers(rng, ACTOR), "value": layers(rng, (SEEN, WIDTH, WIDTH, BINS))}
    return _step(record, weights, "DWSL", "ActorValuePolicy", settings)


def wgcsl(folder: str) -> Record:
    settings = {"beta": 0.8, "clip_score": 1.0}
    record, rng = _start(folder, 25, settings | {"discount": 0.97})
    weights = {"actor": layers(rng, ACTOR), "actor_target": layers(rng, ACTOR)}
    weights |= {"critic": layers(rng, CRITIC), "target": layers(rng, CRITIC)}
    return _step(record, weights, "WGCSL", "ActorCriticPolicy", settings | {"tau": 0.0})


def gc_iql(folder: str) -> Record:
    """One Q and one V; the actor's advantage is the target Q's over the same V."""
    settings = {"beta": 0.8, "clip_score": 3.0, "expectile": 0.8}
    record, rng = _start(folder, 26, settings | {"discount": 0.97})
    weights = {"actor": layers(rng, ACTOR), "value": layers(rng, (SEEN, WIDTH, WIDTH, 1))}
    weights |= {"critic": layers(rng, CRITIC), "target": layers(rng, CRITIC)}
    return _step(record, weights, "IQL", "ActorCriticValuePolicy", settings | {"tau": 0.0})


def _start(folder: str, seed: int, settings: dict[str, Any]) -> tuple[Record, np.random.Generator]:
    """The batch, observations whose first numbers are its goals, which some rows reach, and how far off these are."""
    stand_in("gym", "imageio")
    sys.modules["gym"].spaces = SimpleNamespace(Box=_Box, Dict=_Box, Discrete=_Box, Space=_Box)  # type: ignore[attr-defined]
    parts = ("algs", "datasets", "envs", "networks", "processors", "utils")
    bare_package(folder, "research", *(f"research.{part}" for part in parts))
    sys.path.append(folder)
    record, rng = start(seed, settings | {"horizon": [1, 2, 4, 6, 11, 1]})
    record.add(goal=rng.normal(size=(BATCH, OBS)))
    record["goal"][[0, 5], :GOAL] = record["next_obs"][[0, 5], :GOAL] + np.float32(0.3)
    reward = import_module("research.envs.antmaze").negative_ant_sparse
    record.add(goal_reward=reward(record["next_obs"][:, :GOAL], record["goal"][:, :GOAL]))
    return record, rng


def _step(record: Record, weights: dict[str, Layers], name: str, policy: str, options: dict[str, float]) -> Record:
    """One training step, from the networks as they are before it."""
    agent = _agent(name, policy, options)
    for ours, net in weights.items():
        place, theirs = PLACES[ours]
        fill(linears(getattr(getattr(agent, place), theirs)), net)
    rows = {column: torch.from_numpy(record[column]) for column in ("obs", "next_obs", "action")}
    goal = torch.from_numpy(record["goal"][:, :GOAL])
    rows |= {column: torch.cat([rows[column], goal], dim=-1) for column in ("obs", "next_obs")}
    rows |= {"reward": torch.from_numpy(record["goal_reward"])}
    rows |= {"discount": torch.full((BATCH,), float(record["discount"]))}
    found = agent.train_step({**rows, "horizon": torch.from_numpy(record["horizon"]).long()}, 1, 10)
    losses = {"value": "v_loss", "critic": "q_loss", "actor": "actor_loss"}
    record.add_loss(**{ours: found[theirs] for ours, theirs in losses.items() if theirs in found})
    for ours, net in weights.items():
        record.add_net(ours, net)
        if ours in agent.optim:
            record.add_net(f"grad/{ours}", grads(linears(getattr(agent.network, ours)), agent.optim[ours]))
    return record


def _agent(name: str, policy: str, options: dict[str, float]) -> Any:
    """The peer's algorithm with networks as for AntMaze, `WIDTH` wide."""
    nets = import_module("research.networks.mlp")
    value = nets.DiscreteMLPDistance if name == "DWSL" else nets.MLPValue
    classes = {"actor_class": nets.ContinuousMLPActor, "critic_class": nets.ContinuousMLPCritic, "value_class": value}
    sizes = {"hidden_layers": [WIDTH, WIDTH], "actor_kwargs": {"output_act": torch.nn.Tanh}}
    single = {"critic_kwargs": {"ensemble_size": 1}, "value_kwargs": {"ensemble_size": 1}}
    if name == "DWSL":
        single["value_kwargs"]["bins"] = BINS
    observed, acted = (_Box(shape=(width,), low=-np.ones(width), high=np.ones(width)) for width in (SEEN, ACTION))
    agent = getattr(import_module(f"research.algs.{name.lower()}"), name)(
        SimpleNamespace(observation_space=observed, action_space=acted),
        getattr(import_module("research.networks.base"), policy),
        import_module("research.datasets.replay_buffer").ReplayBuffer,
        network_kwargs={**classes, **sizes, **single},
        optim_class=Watcher,
        optim_kwargs={},
        **options,
    )
    agent.setup_optimizers()
    return agent


class _Box(SimpleNamespace):
    """In the place of Gym's space: its bounds and shape."""


torch.set_num_threads(1)
