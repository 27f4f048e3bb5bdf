"""Record of CORL's ReBRAC (algorithms/offline/rebrac.py, JAX)."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from benchmarks.peers.base import load_module, old_jax, stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Record, layers, start
from benchmarks.peers.recording.jax_parts import draws, layers_of, like, params, watcher

stand_in("d4rl", "gym", "pyrallis", "wandb")
old_jax()

DENSE, NORMS = ("Dense_0", "Dense_1", "Dense_2"), ("LayerNorm_0", "LayerNorm_1")
METRICS = ("critic_loss", "q_min", "actor_loss", "bc_mse_policy", "bc_mse_random", "action_mse")


def rebrac(folder: str) -> Record:
    """Twin critics with layer norm behind the ReLU; loss/critic is their sum. Both losses at the same critics."""
    peer = load_module(folder, "algorithms/offline/rebrac.py")
    next_action = np.random.default_rng(50).uniform(-0.9, 0.9, (BATCH, ACTION))
    settings = dict(actor_bc_coef=0.3, critic_bc_coef=0.2, policy_noise=0.6, noise_clip=0.5)
    record, rng = start(5, {"next_action": next_action, "discount": 0.97, "epsilon": 1e-6, **settings})
    actor_sizes, critic_sizes = (OBS, WIDTH, WIDTH, ACTION), (OBS + ACTION, WIDTH, WIDTH, 1)
    weights = {
        "actor": layers(rng, actor_sizes),
        "actor_target": layers(rng, actor_sizes),
        "critic": layers(rng, critic_sizes, 2, layer_norm=True),
        "target": layers(rng, critic_sizes, 2, layer_norm=True),
    }
    actor = _state(peer.ActorTrainState, peer.DetActor(ACTION, WIDTH, False, 2), weights, "actor", (OBS,))
    module = peer.EnsembleCritic(WIDTH, 2, True, 2)
    critic = _state(peer.CriticTrainState, module, weights, "critic", (OBS,), (ACTION,))
    theirs = ("states", "actions", "rewards", "next_states", "next_actions", "dones")
    ours = ("obs", "action", "reward", "next_obs", "next_action", "terminal")
    batch = {name: record[column] for name, column in zip(theirs, ours)}
    options = dict(gamma=0.97, tau=0.0, normalize_q=True, metrics=peer.Metrics.create(METRICS), **settings)
    with draws() as drawn:
        _, actor, critic, metrics = peer.update_td3(jax.random.PRNGKey(0), actor, critic, batch, **options)
    found = metrics.compute()
    record.add_loss(critic=found["critic_loss"][0], actor=found["actor_loss"][0])
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_noise(drawn["normal"])
    record.add_net("grad/actor", layers_of(actor.opt_state["params"], DENSE))
    record.add_net("grad/critic", layers_of(_inner(critic.opt_state["params"]), DENSE, NORMS))
    return record


def _state(kind: Any, module: Any, weights: Any, name: str, *shapes: tuple[int, ...]) -> Any:
    first = module.init(jax.random.PRNGKey(0), *(np.zeros((1, *shape), np.float32) for shape in shapes))

    def made(layers: Any) -> Any:
        norms = NORMS if "scale" in layers[0] else ()
        inner = params(layers, DENSE, norms)
        found = {"params": inner if name == "actor" else {next(iter(first["params"])): inner}}
        like(first, found)
        return found

    target = made(weights["actor_target" if name == "actor" else "target"])
    return kind.create(apply_fn=module.apply, params=made(weights[name]), target_params=target, tx=watcher)


def _inner(params: Any) -> Any:
    """Below the name that flax gives to the vmapped module."""
    return next(iter(params.values()))
