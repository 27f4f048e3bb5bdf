"""Records of the authors' SPOT (thuml/SPOT): one step of its CVAE's script and one call of its update."""

from __future__ import annotations

import sys
from typing import Any

import torch

from benchmarks.peers.base import Nothing, load_module
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
from benchmarks.peers.recording.torch_parts import Watcher, draws, dropped, fill, grads, linears, losses, numpy
from benchmarks.peers.recording.torch_scripts import Rows, one_step

LATENT = 2 * ACTION


def plain(folder: str) -> Record:
    """As for AntMaze, offline: no dropout."""
    return _record(folder, 0.0)


def dropout(folder: str) -> Record:
    """As for locomotion, offline: dropout in the actor and in its target."""
    return _record(folder, 0.4)


def online(folder: str) -> Record:
    """As plain, in fine-tuning with the cooled penalty."""
    return _record(folder, 0.0, step=300_000)


def _record(folder: str, rate: float, step: int | None = None) -> Record:
    """loss/critic is the sum over the twins."""
    settings: dict[str, Any] = {"discount": 0.97, "policy_noise": 0.6, "noise_clip": 0.5, "beta": 0.5, "lambd": 0.7}
    more = {"dropout": rate} if rate else {}
    more |= {} if step is None else {"step": step, "lambd_end": 0.2, "lambd_length": 1e6}
    record, rng = start(9, settings | more)
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "actor_target": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "vae/encoder": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 2 * LATENT)),
        "vae/decoder": layers(rng, (OBS + LATENT, WIDTH, WIDTH, ACTION)),
    }
    for name, net in weights.items():
        record.add_net(name, net)
    vae, of_vae = _behaviour(folder, record, weights)
    of_rl = _update(folder, record, weights, vae, rate, step)
    record.add_noise([*of_rl, *of_vae, *_penalty(record, vae)])
    return record


def _behaviour(folder: str, record: Record, weights: dict[str, Layers]) -> tuple[Any, list[Any]]:
    """The peer's CVAE, its loss kept in the record; what that drew."""
    vae = load_module(folder, "vae.py").VAE(OBS, ACTION, LATENT, 1.0, hidden_dim=WIDTH)
    encoder, decoder = [vae.e1, vae.e2, vae.mean, vae.log_std], [vae.d1, vae.d2, vae.d3]
    fill(encoder, [*weights["vae/encoder"][:-1], *split(weights["vae/encoder"][-1])])
    fill(decoder, weights["vae/decoder"])

    def prepare() -> None:
        stand_in_vae: Any = sys.modules["vae"]
        stand_in_vae.VAE = lambda *args, **kwargs: vae

    import vae as _  # noqa: F401  its folder is on the path now

    with draws() as drawn, losses() as found:
        script = one_step(folder, "train_vae.py", record, prepare)
    record.add_loss(vae=found[0])
    by_layer = grads(encoder, script.optimizer)
    record.add_net("grad/vae/encoder", [*by_layer[:-2], joined(*by_layer[-2:])])
    record.add_net("grad/vae/decoder", grads(decoder, script.optimizer))
    return vae, drawn


def _update(folder: str, record: Record, weights: dict[str, Layers], vae: Any, rate: float, step: int | None) -> Any:
    """One critic and one actor step; what they drew, the latent noise as [B, Z]."""
    peer = load_module(folder, "SPOT.py")
    names = ("discount", "policy_noise", "noise_clip", "beta", "lambd")
    options = {name: float(record[name]) for name in names} | {"tau": 0.0, "policy_freq": 1, "actor_dropout": rate}
    sizes = {"actor_hidden_dim": WIDTH, "critic_hidden_dim": WIDTH}
    trainer = peer.SPOT_TD3(vae, OBS, ACTION, 1.0, **options, **sizes, lambd_cool=step is not None, lambd_end=0.2)
    trainer.total_it = 0 if step is None else step - 1
    actor, critic, target = trainer.actor, trainer.critic, trainer.critic_target
    fill(linears(actor), weights["actor"])
    fill(linears(trainer.actor_target), weights["actor_target"])
    twins = [linears(critic)[:3], linears(critic)[3:]]
    for i, pair in enumerate(zip(twins, (linears(target)[:3], linears(target)[3:]))):
        fill(pair[0], member(weights["critic"], i))
        fill(pair[1], member(weights["target"], i))
    trainer.actor_optimizer, trainer.critic_optimizer = Watcher(actor.parameters()), Watcher(critic.parameters())
    train = trainer.train if step is None else trainer.train_online
    with draws() as drawn, losses() as found, dropped() as kept:
        train(Rows(record), BATCH, Nothing())
    record.add_loss(critic=found[0], actor=found[1])
    record.add(**{f"kept/{i}": units for i, units in enumerate(kept)})
    record.add_net("grad/actor", grads(linears(actor), trainer.actor_optimizer))
    record.add_net("grad/critic", stacked([grads(one, trainer.critic_optimizer) for one in twins]))
    return drawn[0], drawn[1][:, 0]


def _penalty(record: Record, vae: Any) -> list[Any]:
    """The density penalty of the dataset's actions [B], and the slope of its mean in them."""
    action = torch.from_numpy(record["action"]).requires_grad_()
    with draws(1) as drawn:
        penalty = vae.elbo_loss(torch.from_numpy(record["obs"]), action, float(record["beta"]))
    penalty.mean().backward()
    record.add_loss(penalty=numpy(penalty))
    record.add(**{"grad/action": numpy(action.grad)})
    return [drawn[0][:, 0]]


torch.set_num_threads(1)
