"""Records of the authors' HIQL (seohongpark/HIQL, JAX): one call of its update, and of its flat baseline's."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import jax
import numpy as np

from benchmarks.peers.base import old_jax, stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Array, Layers, Record, layers, start
from benchmarks.peers.recording.jax_parts import layers_of, like, params, watcher

old_jax()
stand_in("ml_collections")

DENSE, NORMS, TRUNK = ("Dense_0", "Dense_1", "Dense_2"), ("LayerNorm_0", "LayerNorm_1"), ("layers_0", "layers_1")
REP = 4
GOALS = ("goal", "low", "high", "target")
NETS = {"value": "networks_value", "target": "networks_target_value", "representation": "encoders_value_goal"}
ACTORS = {"actor": "networks_actor", "high": "networks_high_actor"}


def hiql(folder: str) -> Record:
    """Two values and a representation, layer norm behind the GELU; loss/value is the sum over the two."""
    record, rng = _start(23)
    weights = {
        "value": layers(rng, (OBS + REP, WIDTH, WIDTH, 1), 2, layer_norm=True),
        "target": layers(rng, (OBS + REP, WIDTH, WIDTH, 1), 2, layer_norm=True),
        "representation": layers(rng, (2 * OBS, WIDTH, WIDTH, REP), layer_norm=True),
        "actor": layers(rng, (OBS + REP, WIDTH, WIDTH, ACTION)),
        "high": layers(rng, (2 * OBS, WIDTH, WIDTH, REP)),
    }
    record.add(**{"actor/log_std": [-0.4, 0.3], "high/log_std": [-0.5, 0.2, 0.4, -0.1]})
    options = {"use_rep": 1, "use_waypoints": 1, "rep_type": "concat", "rep_dim": REP}
    return _update(folder, record, weights, options)


def flat(folder: str) -> Record:
    """The same without representation and high policy: its goal-conditioned IQL without actions in the values."""
    record, rng = _start(22)
    weights = {
        "value": layers(rng, (2 * OBS, WIDTH, WIDTH, 1), 2, layer_norm=True),
        "target": layers(rng, (2 * OBS, WIDTH, WIDTH, 1), 2, layer_norm=True),
        "actor": layers(rng, (2 * OBS, WIDTH, WIDTH, ACTION)),
    }
    record.add(**{"actor/log_std": [-0.4, 0.3]})
    return _update(folder, record, weights, {"use_rep": 0, "use_waypoints": 0})


def _start(seed: int) -> tuple[Record, Any]:
    """The batch, its four goals as observations, and in two rows a goal that is the row itself."""
    record, rng = start(seed, {"discount": 0.97, "expectile": 0.8, "low_scale": 3.0, "high_scale": 2.0})
    record.add(**{name: rng.normal(size=(BATCH, OBS)) for name in GOALS}, here=np.isin(np.arange(BATCH), (1, 4)))
    record["goal"][record["here"] > 0] = record["obs"][record["here"] > 0]
    return record, rng


def _update(folder: str, record: Record, weights: dict[str, Layers], options: dict[str, Any]) -> Record:
    sys.path.append(folder)
    module, common = import_module("src.agents.hiql"), import_module("jaxrl_m.common")
    settings = {"discount": 0.97, "pretrain_expectile": 0.8, "temperature": 3.0, "high_temperature": 2.0, "tau": 0.0}
    hidden = {"actor_hidden_dims": (WIDTH, WIDTH), "value_hidden_dims": (WIDTH, WIDTH), "use_layer_norm": 1}
    agent = module.create_learner(0, record["obs"], record["action"], **settings, **hidden, **options)
    made = dict(agent.network.params) | {
        **{theirs: _named(name, weights[name]) for name, theirs in NETS.items() if name in weights},
        **{theirs: _policy(weights[n], record[f"{n}/log_std"]) for n, theirs in ACTORS.items() if n in weights},
    }
    like(agent.network.params, made)
    agent = agent.replace(network=common.TrainState.create(agent.network.model_def, made, tx=watcher))
    batch: dict[str, Any] = {
        "observations": record["obs"],
        "next_observations": record["next_obs"],
        "actions": record["action"],
        "rewards": record["here"],
        "goals": record["goal"],
        "low_goals": record["low"],
        "high_goals": record["high"],
        "high_targets": record["target"],
    }
    with jax.disable_jit():  # the watcher needs numbers
        agent, found = agent.pretrain_update(batch, high_actor_update="high" in weights)
    losses = {"value": "value/value_loss", "actor": "actor/actor_loss", "high": "high_actor/high_actor_loss"}
    record.add_loss(**{name: found[theirs] for name, theirs in losses.items() if theirs in found})
    grads = agent.network.opt_state
    for name, net in weights.items():
        record.add_net(name, net)
        if name in ACTORS:
            theirs = grads[ACTORS[name]]
            record.add_net(f"grad/{name}", [*layers_of(theirs["MLP_0"], TRUNK), *layers_of(theirs, DENSE[:1])])
            record.add(**{f"grad/{name}/log_std": theirs["log_stds"]})
        elif name != "target":
            record.add_net(f"grad/{name}", layers_of(_inner(grads[NETS[name]]), DENSE, NORMS))
    return record


def _named(name: str, weights: Layers) -> Any:
    inner = params(weights, DENSE, NORMS)
    return {"LayerNormMLP_0": inner} if name == "representation" else {"value_net": {"VmapLayerNormMLP_0": inner}}


def _policy(weights: Layers, log_std: Array) -> Any:
    return {
        "MLP_0": params(weights[:-1], TRUNK),
        "Dense_0": params(weights[-1:], DENSE)["Dense_0"],
        "log_stds": log_std,
    }


def _inner(params: Any) -> Any:
    """Below the names that flax gives to modules in modules."""
    return params if DENSE[0] in params else _inner(next(iter(params.values())))
