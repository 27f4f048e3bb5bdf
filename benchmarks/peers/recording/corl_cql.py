"""Records of CORL's CQL (algorithms/offline/cql.py) and Cal-QL (algorithms/finetune/cal_ql.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import load_module, stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Record, layers, member, stacked, start
from benchmarks.peers.recording.torch_parts import Watcher, batch, draws, fill, grads, linears, small

stand_in("d4rl", "gym", "pyrallis", "wandb")

ACTIONS = 3  # sampled for each observation, from each of the three distributions


def plain(folder: str) -> Record:
    """As for locomotion: one next action, no Lagrange."""
    return _record(load_module(folder, "algorithms/offline/cql.py"), "ContinuousCQL", dict(cql_alpha=5.0))


LAGRANGE = dict(cql_alpha=5.0, cql_lagrange=True, cql_target_action_gap=0.8, cql_max_target_backup=True)


def lagrange(folder: str) -> Record:
    """As for AntMaze: the best of the sampled next actions, Lagrange. The clip at -200 lies far away."""
    options = dict(LAGRANGE, cql_clip_diff_min=-200.0)
    return _record(load_module(folder, "algorithms/offline/cql.py"), "ContinuousCQL", options)


def clipped(folder: str) -> Record:
    """The same with a clip that some of the differences meet."""
    options = dict(LAGRANGE, cql_clip_diff_min=2.7)
    return _record(load_module(folder, "algorithms/offline/cql.py"), "ContinuousCQL", options)


def cal_ql(folder: str) -> Record:
    """Without Lagrange; returns to go that bound some values of the policy's actions and not others."""
    mc_return = 1.5 * np.random.default_rng(40).normal(size=BATCH)
    peer = load_module(folder, "algorithms/finetune/cal_ql.py")
    return _record(peer, "CalQL", dict(cql_alpha=5.0), mc_return=mc_return)


def _record(peer: Any, kind: str, options: dict[str, Any], **columns: Any) -> Record:
    settings = {"discount": 0.97, "target_entropy": -ACTION, "log_alpha": -0.6, "log_alpha_prime": 0.4}
    settings |= {"log_std_min": -20.0, "log_std_max": 2.0}
    record, rng = start(4, {**settings, "actions": ACTIONS, **options, **columns})
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, WIDTH, 2 * ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, WIDTH, 1), 2),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, WIDTH, 1), 2),
    }
    record.add(**{"actor/log_std_multiplier": 0.8, "actor/log_std_offset": -0.9})
    actor = peer.TanhGaussianPolicy(OBS, ACTION, 1.0, log_std_multiplier=0.8, log_std_offset=-0.9)
    actor.base_network = small(actor.base_network, WIDTH)
    critics = [peer.FullyConnectedQFunction(OBS, ACTION, n_hidden_layers=3) for _ in range(2)]
    for critic in critics:
        critic.network = small(critic.network, WIDTH)
    watch = [Watcher(module.parameters()) for module in (actor, *critics)]
    pairs = zip(("actor", "critic_1", "critic_2"), (actor, *critics), watch)
    parts = {key: value for name, net, one in pairs for key, value in ((name, net), (f"{name}_optimizer", one))}
    more = dict(target_entropy=float(-ACTION), discount=0.97, soft_target_update_rate=0.0, bc_steps=0)
    trainer = getattr(peer, kind)(**parts, **more, cql_n_actions=ACTIONS, **options)
    alphas = {"alpha": trainer.log_alpha, "alpha_prime": trainer.log_alpha_prime}
    for name, scalar in alphas.items():
        scalar.constant.data.fill_(settings[f"log_{name}"])
    watch_alphas = {name: Watcher(scalar.parameters()) for name, scalar in alphas.items()}
    trainer.alpha_optimizer, trainer.alpha_prime_optimizer = watch_alphas["alpha"], watch_alphas["alpha_prime"]
    targets = (trainer.target_critic_1, trainer.target_critic_2)
    fill(linears(actor), weights["actor"])
    for i in range(2):
        fill(linears(critics[i]), member(weights["critic"], i))
        fill(linears(targets[i]), member(weights["target"], i))
    rows = batch(record, *columns)
    with draws() as drawn:
        log = trainer.train(rows)
    _losses(record, log)
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_noise(drawn)
    record.add_net("grad/actor", grads(linears(actor), watch[0]))
    for name in ("log_std_multiplier", "log_std_offset"):
        record.add(**{f"grad/actor/{name}": watch[0].grad(getattr(actor, name).constant)})
    record.add_net("grad/critic", stacked([grads(linears(net), one) for net, one in zip(critics, watch[1:])]))
    for name, one in watch_alphas.items():
        if one.grads:
            record.add(**{f"grad/log_{name}": one.grads[0]})
    return record


def _losses(record: Record, log: dict[str, float]) -> None:
    """Of each critic [2]: squared TD error, conservative term with its weight, the mean difference before it."""
    parts = {"td": "qf{}_loss", "conservative": "cql_min_qf{}_loss", "difference": "cql_qf{}_diff"}
    found = {name: np.array([log[key.format(i)] for i in (1, 2)]) for name, key in parts.items()}
    record.add_loss(critic=(found["td"] + found["conservative"]).sum(), **found)
    record.add_loss(actor=log["policy_loss"], alpha=log["alpha_loss"], alpha_prime=log["alpha_prime_loss"])


torch.set_num_threads(1)
