"""Records of the authors' Uni-O4 (Lei-Kun/Uni-O4): one step of each of its offline stages, and of its online PPO."""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import bare_package, load_module, stand_in
from benchmarks.peers.recording.base import (
    ACTION,
    BATCH,
    OBS,
    WIDTH,
    Layers,
    Record,
    layers,
    member,
    replaced,
    stacked,
    start,
)
from benchmarks.peers.recording.torch_parts import Watcher, draws, fill, grads, linears, losses, numpy

MEMBERS = 3
CPU = torch.device("cpu")
UNCLIPPED = (torch.nn.utils, "clip_grad_norm_", lambda parameters, limit: None)  # gradients as they come


def offline(folder: str) -> Record:
    """Value, critic (the sum of the twins' means), behaviour ensemble, behaviour PPO and dynamics ensemble."""
    sys.path.append(folder)
    stand_in("gym")
    settings: dict[str, Any] = {"discount": 0.97, "expectile": 0.8, "log_std_min": -5.0, "log_std_max": 0.0}
    settings |= {"disagreement": 0.1, "clip": 0.25, "logvar_weight": 0.01}
    settings |= {
        "weight_decay": [0.02, 0.05, 0.07],
        "max_logvar": [0.5, 0.4, 0.6, 0.3],
        "min_logvar": [-3.0, -4.0, -5.0, -2.0],
    }
    record, rng = start(14, settings)
    pi, q = (OBS, WIDTH, WIDTH, 2 * ACTION), (OBS + ACTION, WIDTH, WIDTH, 1)
    behaviour = layers(rng, pi, MEMBERS)
    step = layers(rng, pi, MEMBERS)
    behaviour[-1]["kernel"] *= 0.3  # no deviation near the least
    behaviour[-1]["bias"] += 0.3
    weights = {
        "behaviour": behaviour,
        "actor": [
            {name: part + 0.1 * step[i][name] for name, part in layer.items()} for i, layer in enumerate(behaviour)
        ],
        "critic": layers(rng, q, 2),
        "target": layers(rng, q, 2),
        "value": layers(rng, (OBS, WIDTH, WIDTH, 1)),
        "dynamics": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 2 * (OBS + 1)), MEMBERS),
    }
    for name, net in weights.items():
        record.add_net(name, net)
    learner = _values(record, weights)
    _behaviour(record, weights["behaviour"])
    _improvement(record, weights, learner)
    _dynamics(folder, record, weights["dynamics"])
    return record


def _rows(record: Record) -> Any:
    """A buffer that gives the record's batch: obs, action, reward, next_obs, next action, 1 - terminal and two more."""
    obs, action, next_obs = (torch.from_numpy(record[name]) for name in ("obs", "action", "next_obs"))
    reward, terminal = (torch.from_numpy(record[name])[:, None] for name in ("reward", "terminal"))
    return SimpleNamespace(sample=lambda size: (obs, action, reward, next_obs, None, 1.0 - terminal, None, None))


def _values(record: Record, weights: dict[str, Layers]) -> Any:
    sizes = {"q_hidden_dim": WIDTH, "q_depth": 2, "v_hidden_dim": WIDTH, "v_depth": 2, "batch_size": BATCH}
    rates = {"Q_lr": 0.0, "v_lr": 0.0, "target_update_freq": 1, "tau": 0.0, "gamma": 0.97, "omega": 0.8}
    learner = import_module("critic").IQL_Q_V(CPU, OBS, ACTION, is_double_q=True, **sizes, **rates)
    for name, net in (("critic", learner._Q), ("target", learner._target_Q)):
        for i, one in enumerate((net._net1, net._net2)):
            fill(linears(one), member(weights[name], i))
    fill(linears(learner._value), weights["value"])
    learner._q_optimizer, learner._v_optimizer = Watcher(learner._Q.parameters()), Watcher(learner._value.parameters())
    with losses() as found:
        learner.update(_rows(record))
    record.add_loss(value=found[0], critic=found[1])
    twins = [grads(linears(one), learner._q_optimizer) for one in (learner._Q._net1, learner._Q._net2)]
    record.add_net("grad/critic", stacked(twins))
    record.add_net("grad/value", grads(linears(learner._value), learner._v_optimizer))
    return learner


def _behaviour(record: Record, weights: Layers) -> None:
    options = {"hidden_dim": WIDTH, "depth": 2, "policy_lr": 0.0, "batch_size": BATCH}
    ensemble = import_module("BC_ensemble").BC_ensemble(MEMBERS, CPU, OBS, action_dim=ACTION, **options)
    for i, one in enumerate(ensemble.ensemble):
        fill(linears(one._policy), member(weights, i))
        one._optimizer = Watcher(one._policy.parameters())
    found = ensemble.joint_train(_rows(record), float(record["disagreement"]), shuffle=False)
    record.add_loss(behaviour=found)
    record.add_net(
        "grad/behaviour", stacked([grads(linears(one._policy), one._optimizer) for one in ensemble.ensemble])
    )


def _improvement(record: Record, weights: dict[str, Layers], learner: Any) -> None:
    """Of each member; their actions come from the behaviour policies."""
    options = {"hidden_dim": WIDTH, "depth": 2, "policy_lr": 0.0, "clip_ratio": 0.25, "entropy_weight": 0.0}
    options |= {"decay": 1.0, "omega": 0.5, "batch_size": BATCH, "belief_dim": MEMBERS, "discount": 0.97}
    options |= {"is_iql": True, "kl_update": False, "kl_strategy": "max", "alpha_bppo": 0.0}
    peer = import_module("abppo").AdaptiveBehaviorProximalPolicyOptimization(CPU, OBS, action_dim=ACTION, **options)
    obs = torch.from_numpy(record["obs"])
    for i, one in enumerate(peer.bppo_ensemble):
        fill(linears(one._policy), member(weights["actor"], i))
        fill(linears(one._old_policy), member(weights["behaviour"], i))
        one._optimizer = Watcher(one._policy.parameters())
    with draws() as drawn:
        actions, advantages, old, _ = peer.kl_update(None, None, learner, obs, False)
    with losses() as found, replaced(UNCLIPPED):
        for one, action, advantage, dist in zip(peer.bppo_ensemble, actions, advantages, old):
            one.update(obs, advantage, action, dist, False, False)
    record.add_loss(actor=found, advantage=np.stack([numpy(advantage)[:, 0] for advantage in advantages]))
    record.add_noise(drawn)
    record.add_net("grad/actor", stacked([grads(linears(one._policy), one._optimizer) for one in peer.bppo_ensemble]))


def _dynamics(folder: str, record: Record, weights: Layers) -> None:
    """All members on the same rows, inputs not standardised."""
    bare_package(folder, "transition_model", "transition_model.dynamics", "transition_model.utils")
    stand_in("transition_model.utils.scaler", "transition_model.utils.logger")
    models = import_module("transition_model.models.dynamics_model")
    decays = [float(decay) for decay in record["weight_decay"]]
    model = models.EnsembleDynamicsModel(OBS, ACTION, (WIDTH, WIDTH), MEMBERS, 2, weight_decays=decays)
    modules = [*model.backbones, model.output_layer]
    fill(modules, weights)
    bounds = {"max_logvar": model.max_logvar, "min_logvar": model.min_logvar}
    for name, bound in bounds.items():
        bound.data[:] = torch.from_numpy(record[name])
    watch = Watcher([*(part for module in modules for part in (module.weight, module.bias)), *bounds.values()])
    dynamics = import_module("transition_model.dynamics.ensemble_dynamics").EnsembleDynamics(model, watch, None, None)
    names = {"observations": "obs", "actions": "action", "next_observations": "next_obs"}
    columns = {theirs: record[ours] for theirs, ours in names.items()} | {"rewards": record["reward"][:, None]}
    inputs, targets = (np.stack([rows] * MEMBERS) for rows in dynamics.format_samples_for_training(columns))
    record.add_loss(dynamics=dynamics.learn(inputs, targets, BATCH, float(record["logvar_weight"])))
    record.add_net("grad/dynamics", grads(modules, watch))
    record.add(**{f"grad/{name}": watch.grad(bound) for name, bound in bounds.items()})


def online(folder: str) -> Record:
    """One epoch of PPO on one minibatch of all rows, which are an episode's steps in order."""
    stand_in("gym", "offline_buffer")
    peer = load_module(folder, "ppo_finetune/ppo.py")
    settings: dict[str, Any] = {"discount": 0.97, "gae": 0.9, "clip": 0.1, "entropy_weight": 0.02}
    settings |= {"log_std_min": -5.0, "log_std_max": 0.0, "done": np.isin(np.arange(BATCH), (2, 3, 5))}
    record, rng = start(15, settings)
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, 2 * ACTION)),
        "critic": layers(rng, (OBS, WIDTH, WIDTH, 1)),
    }
    weights["actor"][-1]["kernel"] *= 0.3
    weights["actor"][-1]["bias"] += 0.3
    for name, net in weights.items():
        record.add_net(name, net)
    sizes = {
        "state_dim": OBS,
        "action_dim": ACTION,
        "hidden_width": WIDTH,
        "depth": 2,
        "v_hidden_width": WIDTH,
        "v_depth": 2,
    }
    sizes |= {"batch_size": BATCH, "mini_batch_size": BATCH, "K_epochs": 1, "max_train_steps": 1, "max_action": 1.0}
    numbers = {"lr_a": 0.0, "lr_c": 0.0, "gamma": 0.97, "lamda": 0.9, "epsilon": 0.1, "entropy_coef": 0.02}
    flags = {
        "use_tanh": False,
        "std_upper_bound": 0.0,
        "is_decay_pi": False,
        "scale_strategy": None,
        "use_adv_norm": True,
    }
    flags |= {"set_adam_eps": True, "use_grad_clip": True, "use_lr_decay": False, "is_clip_value": True}
    agent = peer.PPO(SimpleNamespace(**sizes, **numbers, **flags), CPU)
    fill(linears(agent.actor), weights["actor"])
    fill(linears(agent.critic), weights["critic"])
    agent.optimizer_actor, agent.optimizer_critic = (
        Watcher(agent.actor.parameters()),
        Watcher(agent.critic.parameters()),
    )
    obs, action, next_obs = (torch.from_numpy(record[name]) for name in ("obs", "action", "next_obs"))
    now = numpy(agent.actor.get_dist(obs).log_prob(action))
    record.add(log_prob=now + 0.1 * rng.normal(size=now.shape))
    reward, terminal, done = (torch.from_numpy(record[name])[:, None] for name in ("reward", "terminal", "done"))
    rows = (obs, action, torch.from_numpy(record["log_prob"]), reward, next_obs, terminal, done)
    with losses() as found, replaced(UNCLIPPED):
        agent.update(SimpleNamespace(numpy_to_tensor=lambda: rows), 0)
    record.add_loss(actor=found[0], critic=found[1])
    record.add_net("grad/actor", grads(linears(agent.actor), agent.optimizer_actor))
    record.add_net("grad/critic", grads(linears(agent.critic), agent.optimizer_critic))
    return record


torch.set_num_threads(1)
