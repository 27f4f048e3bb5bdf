"""Records of OGBench's agents (seohongpark/ogbench, impls, JAX): one step of its GCIVL and of its GCIQL by DDPG+BC."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.peers.base import bare_package, old_jax
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Layers, Record, layers, start
from benchmarks.peers.recording.jax_parts import layers_of, like, params, watcher

old_jax()

DENSE, NORMS, TRUNK = ("Dense_0", "Dense_1", "Dense_2"), ("LayerNorm_0", "LayerNorm_1"), ("Dense_0", "Dense_1")


def gcivl(folder: str) -> Record:
    """Two values and a policy of weighted likelihood; loss/value is the sum over the two."""
    record, rng = _start(31, {"advantage_scale": 3.0})
    weights = {
        "value": layers(rng, (2 * OBS, WIDTH, WIDTH, 1), 2, layer_norm=True),
        "target": layers(rng, (2 * OBS, WIDTH, WIDTH, 1), 2, layer_norm=True),
    }
    record.add(**{"actor/log_std": [-0.4, 0.3]})
    options = {"alpha": 3.0, "const_std": False}
    return _update(folder, record, weights | _actor(rng), "GCIVL", {"target": "value"}, options)


def gciql(folder: str) -> Record:
    """Two critics, a value, and a policy that climbs the lesser critic beside cloning; loss/critic is their sum."""
    record, rng = _start(32, {"bc_weight": 0.3})
    weights = {
        "value": layers(rng, (2 * OBS, WIDTH, WIDTH, 1), layer_norm=True),
        "critic": layers(rng, (2 * OBS + ACTION, WIDTH, WIDTH, 1), 2, layer_norm=True),
        "target": layers(rng, (2 * OBS + ACTION, WIDTH, WIDTH, 1), 2, layer_norm=True),
    }
    options = {"alpha": 0.3, "actor_loss": "ddpgbc"}
    return _update(folder, record, weights | _actor(rng), "GCIQL", {"target": "critic"}, options)


def _start(seed: int, settings: dict[str, float]) -> tuple[Record, Any]:
    """The batch, goals of values and of the policy, and in two rows a goal that is the row itself."""
    record, rng = start(seed, {"discount": 0.97, "expectile": 0.8, **settings})
    record.add(**{name: rng.normal(size=(BATCH, OBS)) for name in ("goal", "actor_goal")})
    record.add(here=np.isin(np.arange(BATCH), (1, 4)))
    record["goal"][record["here"] > 0] = record["obs"][record["here"] > 0]
    return record, rng


def _actor(rng: Any) -> dict[str, Layers]:
    return {"actor": layers(rng, (2 * OBS, WIDTH, WIDTH, ACTION))}


def _update(
    folder: str, record: Record, weights: dict[str, Layers], agent: str, target: dict[str, str], options: dict[str, Any]
) -> Record:
    """A step of the agent with these weights; in its optimiser's place stands what keeps the gradients."""
    impls = str(Path(folder, "impls"))
    sys.path.append(impls)
    bare_package(impls, "agents", "utils")
    module, states = (import_module(name) for name in (f"agents.{agent.lower()}", "utils.flax_utils"))
    cfg = module.get_config()
    cfg.update({"discount": 0.97, "expectile": 0.8, "tau": 0.0, "batch_size": BATCH} | options)
    cfg.update({"value_hidden_dims": (WIDTH, WIDTH), "actor_hidden_dims": (WIDTH, WIDTH)})
    made = getattr(module, f"{agent}Agent").create(0, record["obs"], record["action"], cfg)
    own = {f"modules_{_theirs(name, target)}": _params(name, net) for name, net in weights.items()}
    if "actor/log_std" in record:
        own["modules_actor"]["log_stds"] = record["actor/log_std"]
    like(made.network.params, own)
    made = made.replace(network=states.TrainState.create(made.network.model_def, own, tx=watcher))
    batch = {
        "observations": record["obs"],
        "next_observations": record["next_obs"],
        "actions": record["action"],
        "value_goals": record["goal"],
        "actor_goals": record["actor_goal"],
        "rewards": record["here"] - 1.0,
        "masks": 1.0 - record["here"],
    }
    with jax.disable_jit():  # the watcher needs numbers
        made, found = made.update(batch)
    losses = {name: f"{name}/{name}_loss" for name in ("value", "critic", "actor")}
    record.add_loss(**{name: found[theirs] for name, theirs in losses.items() if theirs in found})
    for name, net in weights.items():
        record.add_net(name, net)
        if name != "target":
            record.add_net(f"grad/{name}", _layers(made.network.opt_state[f"modules_{name}"]))
    if "actor/log_std" in record:
        record.add(**{"grad/actor/log_std": made.network.opt_state["modules_actor"]["log_stds"]})
    return record


def _theirs(name: str, target: dict[str, str]) -> str:
    return f"target_{target[name]}" if name in target else name


def _params(name: str, net: Layers) -> Any:
    if name != "actor":
        return {"value_net": params(net, DENSE, NORMS)}
    return {"actor_net": params(net[:-1], TRUNK), "mean_net": params(net[-1:], DENSE)["Dense_0"]}


def _layers(grads: Any) -> Layers:
    if "value_net" in grads:
        return layers_of(grads["value_net"], DENSE, NORMS)
    return [*layers_of(grads["actor_net"], TRUNK), *layers_of({"Dense_0": grads["mean_net"]}, DENSE[:1])]
