"""Record of the authors' SVR (MAOYIXIU/SVR): one step of its behaviour script and one call of its update."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn

from benchmarks.peers.base import Nothing, load_module
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Record, layers, member, replaced, stacked, start
from benchmarks.peers.recording.torch_parts import Watcher, draws, fill, grads, linears, losses, numpy
from benchmarks.peers.recording.torch_scripts import Rows, one_step

CRITICS = 4


def svr(folder: str) -> Record:
    """loss/critic sums the squared errors of four critics and adds alpha times the mean of the regulariser."""
    settings: dict[str, Any] = {"discount": 0.97, "alpha": 0.02, "sample_std": 0.25, "Q_min": -2.5}
    record, rng = start(34, settings | {"weight_min": 0.1, "difference_min": -1e4})  # both met here
    weights = {
        "behaviour": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "actor": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "actor_target": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), CRITICS),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), CRITICS),
    }
    for name, net in weights.items():
        record.add_net(name, net)
    peer = load_module(folder, "SVR.py")
    wide = nn.Linear
    with replaced(
        (peer.nn, "Linear", lambda inputs, outputs: wide(*(WIDTH if n == 256 else n for n in (inputs, outputs))))
    ):
        behaviour = peer.Actor(OBS, ACTION, 1.0)
        trainer = peer.SVR(
            OBS, ACTION, 1.0, Rows(record), behaviour, tau=0.0, policy_freq=1, schedule=False, **settings
        )
    fill(linears(behaviour), weights["behaviour"])
    _behaviour(folder, record, behaviour)
    actor, critic, target = trainer.actor, trainer.critic, trainer.critic_target
    fill(linears(actor), weights["actor"])
    fill(linears(trainer.actor_target), weights["actor_target"])
    nets = [[linears(one)[3 * i : 3 * i + 3] for i in range(CRITICS)] for one in (critic, target)]
    for i in range(CRITICS):
        fill(nets[0][i], member(weights["critic"], i))
        fill(nets[1][i], member(weights["target"], i))
    trainer.actor_optimizer, trainer.critic_optimizer = Watcher(actor.parameters()), Watcher(critic.parameters())
    clamped: list[Any] = []
    clamp = torch.clamp

    def kept(*args: Any, **kwargs: Any) -> Any:
        clamped.append(clamp(*args, **kwargs))
        return clamped[-1]

    with draws() as drawn, losses() as found, replaced((torch, "clamp", kept)):
        trainer.train(BATCH, Nothing())
    weight, difference = clamped
    record.add_loss(critic=found[0], actor=found[1], weight=numpy(weight), difference=numpy(difference))
    record.add_noise([drawn[0][:, 0]])
    record.add_net("grad/actor", grads(linears(actor), trainer.actor_optimizer))
    record.add_net("grad/critic", stacked([grads(one, trainer.critic_optimizer) for one in nets[0]]))
    return record


def _behaviour(folder: str, record: Record, behaviour: Any) -> None:
    """The loss and gradients of the behaviour model at its weights."""

    def prepare() -> None:
        stand_in: Any = sys.modules["SVR"]
        stand_in.Actor = lambda *args: behaviour

    import SVR as _  # noqa: F401  its folder is on the path now

    with losses() as found:
        script = one_step(folder, "pretrain.py", record, prepare)
    record.add_loss(behaviour=found[0])
    record.add_net("grad/behaviour", grads(linears(behaviour), script.optimizer))


torch.set_num_threads(1)
