"""Record of the authors' PEX (Haichao-Zhang/PEX): one call of its online update."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Record, layers, member, replaced, stacked, start
from benchmarks.peers.recording.torch_parts import Watcher, draws, fill, grads, linears, losses, numpy

stand_in("d4rl", "gym")


def pex(folder: str) -> Record:
    """loss/critic is the mean over the twins; the actor's actions are the composite's, chosen by the online critics."""
    sys.path.append(folder)
    algorithm, policy, values = map(
        import_module, ("pex.algorithms.pex", "pex.networks.policy", "pex.networks.value_functions")
    )
    settings: dict[str, Any] = {"discount": 0.97, "expectile": 0.8, "beta": 2.0, "inv_temperature": 1.5}
    fixed = {"advantage_max": algorithm.EXP_ADV_MAX, "log_std_min": policy.LOG_STD_MIN, "log_std_max": 2.0}
    record, rng = start(12, {**settings, **fixed, "log_std": [-2.0, -1.6]})
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "actor_offline": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "value": layers(rng, (OBS, WIDTH, WIDTH, 1)),
    }
    weights["actor"][-1]["kernel"] *= 0.2  # all actions in the box
    actor = policy.GaussianPolicy(OBS, ACTION, WIDTH)
    q, v = values.DoubleCriticNetwork(OBS, ACTION, WIDTH), values.ValueNetwork(OBS, WIDTH)
    options = {"tau": 0.8, "beta": 2.0, "discount": 0.97, "target_update_rate": 0.0, "inv_temperature": 1.5}
    agent = algorithm.PEX(q, v, actor, Watcher, ckpt_path=None, **options)
    actor.log_std.data[:] = torch.from_numpy(record["log_std"])
    for net, name in ((actor, "actor"), (agent.policy_offline, "actor_offline"), (v, "value")):
        fill(linears(net), weights[name])
    for net, name in ((q, "critic"), (agent.target_critic, "target")):
        for i, one in enumerate((net.q1, net.q2)):
            fill(linears(one), member(weights[name], i))
    rows = [torch.from_numpy(record[name]) for name in ("obs", "action", "next_obs", "reward", "terminal")]
    chances: list[Any] = []
    multinomial = torch.multinomial

    def kept(probabilities: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        chosen = multinomial(probabilities, *args, **kwargs)
        chances.extend((probabilities, chosen))
        return chosen

    with draws(3) as drawn, losses() as found, replaced((torch, "multinomial", kept)):
        agent.update(*rows)
    record.add_loss(**dict(zip(("value", "critic", "actor"), found)), probability=numpy(chances[0]))
    record.add(chosen=numpy(chances[1]).reshape(BATCH))
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_noise([draw.reshape(BATCH, ACTION) for draw in drawn])
    record.add_net("grad/value", grads(linears(v), agent.v_optimizer))
    record.add_net("grad/critic", stacked([grads(linears(net), agent.q_optimizer) for net in (q.q1, q.q2)]))
    record.add_net("grad/actor", grads(linears(actor), agent.policy_optimizer))
    record.add(**{"grad/log_std": np.asarray(agent.policy_optimizer.grad(actor.log_std))})
    return record


torch.set_num_threads(1)
