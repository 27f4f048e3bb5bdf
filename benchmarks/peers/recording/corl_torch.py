"""Records of CORL's TD3+BC, SAC-N, EDAC and IQL: one call of the peer's own update, see `Watcher`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import load_module, stand_in
from benchmarks.peers.recording.base import ACTION, OBS, WIDTH, Record, joined, layers, member, split, stacked, start
from benchmarks.peers.recording.torch_parts import Watcher, batch, draws, fill, grads, linears, small

stand_in("d4rl", "gym", "pyrallis", "wandb")


def td3_bc(folder: str) -> Record:
    """Twin critics; loss/critic is their sum."""
    peer = load_module(folder, "algorithms/offline/td3_bc.py")
    settings = dict(discount=0.97, policy_noise=0.6, noise_clip=0.5, alpha=2.5)  # noise that the clip meets
    record, rng = start(1, settings)
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "actor_target": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
    }
    actor, critics = peer.Actor(OBS, ACTION, 1.0), [peer.Critic(OBS, ACTION) for _ in range(2)]
    for module in (actor, *critics):
        module.net = small(module.net, WIDTH)
    watch = [Watcher(module.parameters()) for module in (actor, *critics)]
    options = dict(tau=0.0, policy_freq=1, **settings)
    pairs = zip(("actor", "critic_1", "critic_2"), (actor, *critics), watch)
    parts = {key: value for name, net, one in pairs for key, value in ((name, net), (f"{name}_optimizer", one))}
    trainer = peer.TD3_BC(max_action=1.0, **parts, **options)
    targets = (trainer.critic_1_target, trainer.critic_2_target)
    fill(linears(actor), weights["actor"])
    fill(linears(trainer.actor_target), weights["actor_target"])
    for i in range(2):
        fill(linears(critics[i]), member(weights["critic"], i))
        fill(linears(targets[i]), member(weights["target"], i))
    with draws() as drawn:
        log = trainer.train(batch(record))
    record.add_loss(critic=log["critic_loss"], actor=log["actor_loss"])
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_noise(drawn)
    record.add_net("grad/actor", grads(linears(actor), watch[0]))
    record.add_net("grad/critic", stacked([grads(linears(net), one) for net, one in zip(critics, watch[1:])]))
    return record


def sac_n(folder: str) -> Record:
    return _sac_n(folder, "sac_n")


def edac(folder: str) -> Record:
    return _sac_n(folder, "edac")


def _sac_n(folder: str, name: str) -> Record:
    """Three critics; loss/critic is their sum, of EDAC with eta times loss/diversity."""
    peer = load_module(folder, f"algorithms/offline/{name}.py")
    own = {"eta": 0.7} if name == "edac" else {}
    fixed = {"log_std_min": -5.0, "log_std_max": 2.0, "squash_epsilon": 1e-6}  # of log(1 - tanh(z)^2 + epsilon)
    record, rng = start(2, {"discount": 0.97, "target_entropy": -ACTION, "log_alpha": -0.6, **own, **fixed})
    actor_layers = layers(rng, (OBS, WIDTH, WIDTH, WIDTH, 2 * ACTION))
    actor_layers[-1]["kernel"] *= 0.2  # far from where that epsilon decides
    weights = {
        "actor": actor_layers,
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, WIDTH, 1), 3),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, WIDTH, 1), 3),
    }
    actor, critic = peer.Actor(OBS, ACTION, WIDTH), peer.VectorizedCritic(OBS, ACTION, WIDTH, 3)
    kind = peer.EDAC if name == "edac" else peer.SACN
    watch_actor, watch_critic = Watcher(actor.parameters()), Watcher(critic.parameters())
    trainer = kind(actor, watch_actor, critic, watch_critic, gamma=0.97, tau=0.0, **own)
    trainer.log_alpha.data[:] = -0.6
    trainer.alpha_optimizer = watch_alpha = Watcher([trainer.log_alpha])
    mean, log_std = split(weights["actor"][-1])
    heads = [*linears(actor.trunk), actor.mu, actor.log_sigma]
    fill(heads, [*weights["actor"][:-1], mean, log_std])
    fill(linears(critic), weights["critic"])
    fill(linears(trainer.target_critic), weights["target"])
    with draws() as drawn:
        log = trainer.update(batch(record))
    record.add_loss(**{part: log[f"{part}_loss"] for part in ("alpha", "actor", "critic")})
    if name == "edac":
        record.add_loss(diversity=trainer._critic_diversity_loss(*batch(record)[:2]).item())
    for part, net in weights.items():
        record.add_net(part, net)
    record.add_noise(drawn)
    found = grads(heads, watch_actor)
    record.add_net("grad/actor", [*found[:-2], joined(*found[-2:])])
    record.add_net("grad/critic", grads(linears(critic), watch_critic))
    record.add(**{"grad/log_alpha": watch_alpha.grads[0][0]})
    return record


def iql(folder: str) -> Record:
    """Gaussian policy; loss/critic is the mean over the twins. All losses at the same V."""
    peer = load_module(folder, "algorithms/offline/iql.py")
    settings: dict[str, Any] = dict(discount=0.97, expectile=0.8, beta=2.0, advantage_max=peer.EXP_ADV_MAX)
    record, rng = start(3, {**settings, "log_std": [-0.4, 0.3], "log_std_min": -20.0, "log_std_max": 2.0})
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "value": layers(rng, (OBS, WIDTH, WIDTH, 1)),
    }
    actor = peer.GaussianPolicy(OBS, ACTION, 1.0, WIDTH)
    q, v = peer.TwinQ(OBS, ACTION, WIDTH), peer.ValueFunction(OBS, WIDTH)
    watch = {name: Watcher(net.parameters()) for name, net in (("actor", actor), ("q", q), ("v", v))}
    peer.CosineAnnealingLR = lambda optimizer, steps: Watcher([])
    trainer = peer.ImplicitQLearning(
        1.0, actor, watch["actor"], q, watch["q"], v, watch["v"], iql_tau=0.8, beta=2.0, discount=0.97, tau=0.0
    )
    actor.log_std.data[:] = torch.from_numpy(record["log_std"])
    fill(linears(actor), weights["actor"])
    fill(linears(v), weights["value"])
    for i in range(2):
        fill(linears((q.q1, q.q2)[i]), member(weights["critic"], i))
        fill(linears((trainer.q_target.q1, trainer.q_target.q2)[i]), member(weights["target"], i))
    log = trainer.train(batch(record))
    record.add_loss(value=log["value_loss"], critic=log["q_loss"], actor=log["actor_loss"])
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_net("grad/value", grads(linears(v), watch["v"]))
    record.add_net("grad/critic", stacked([grads(linears(net), watch["q"]) for net in (q.q1, q.q2)]))
    record.add_net("grad/actor", grads(linears(actor), watch["actor"]))
    record.add(**{"grad/log_std": np.asarray(watch["actor"].grad(actor.log_std))})
    return record
