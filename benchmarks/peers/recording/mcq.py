"""Records of the authors' MCQ (dmksjfl/MCQ): one call of its update on each of its three branches."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.adapters import mcq_torch
from benchmarks.peers.recording.base import (
    ACTION,
    BATCH,
    OBS,
    WIDTH,
    Record,
    joined,
    layers,
    member,
    split,
    stacked,
    start,
)
from benchmarks.peers.recording.torch_parts import Watcher, batch, draws, fill, grads, linears, losses

ACTIONS = 3  # sampled for each observation, from the policy and from the CVAE
LATENT = 2 * ACTION


def plain(folder: str) -> Record:
    """As for most datasets."""
    return _record(folder, "hopper-medium-replay-v2")


def weighted(folder: str) -> Record:
    """As for the narrow datasets of hopper and halfcheetah: a margin, and only actions far from the CVAE's."""
    return _record(folder, "hopper-medium-v2")


def one_sided(folder: str) -> Record:
    """As for maze2d: only values above the pseudo-target."""
    return _record(folder, "maze2d-medium-v1")


def _record(folder: str, task: str) -> Record:
    """loss/critic is the sum over the twins."""
    peer = mcq_torch.load(folder, OBS, ACTION)
    fixed = {"log_std_min": -5.0, "log_std_max": 2.0, "squash_epsilon": 1e-6, "latent_log_std_min": -4.0}
    settings = {"discount": 0.97, "target_entropy": -ACTION, "log_alpha": -0.6, "lam": 0.7, "actions": ACTIONS}
    record, rng = start(8, settings | fixed)
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, 2 * ACTION)),
        "critic": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "target": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), 2),
        "vae/encoder": layers(rng, (OBS + ACTION, WIDTH, WIDTH, 2 * LATENT)),
        "vae/decoder": layers(rng, (OBS + LATENT, WIDTH, WIDTH, ACTION)),
    }
    weights["actor"][-1]["kernel"] *= 0.2  # far from where squash_epsilon decides
    weights["vae/decoder"][-1]["kernel"] *= 0.3
    means = weights["vae/decoder"][-1]["bias"]  # actions on both sides of the distance that counts as near:
    weights["actor"][-1]["bias"] = np.concatenate([means, np.full_like(means, -1.2)])
    weights["critic"][-1]["kernel"] *= 12.0  # values on both sides of the margin of 5, and of the floor at 0
    weights["critic"][-1]["bias"] += 3.0
    sizes = {"layer_num": 1, "hidden_layer_size": WIDTH, "vae_features": WIDTH, "vae_layers": 2, "batch_size": BATCH}
    rates = {"actor_lr": 0.0, "critic_lr": 0.0, "vae_lr": 0.0, "soft_target_tau": 0.0}
    own = {"task": f"d4rl-{task}", "normalize": False, "num": ACTIONS, "target_entropy": None}
    trainer = mcq_torch.trainer(peer, sizes | rates | own | {"discount": 0.97, "lam": 0.7})
    trainer.mean, trainer.std = 0.0, 1.0 - 1e-6  # to which it adds as much
    trainer.log_alpha.data.fill_(-0.6)
    actor, vae, critics = trainer.actor, trainer.vae, (trainer.critic1, trainer.critic2)
    heads = [*linears(actor.preprocess), actor.mu, actor.sigma]
    fill(heads, [*weights["actor"][:-1], *split(weights["actor"][-1])])
    for i, target in enumerate((trainer.critic1_target, trainer.critic2_target)):
        fill(linears(critics[i]), member(weights["critic"], i))
        fill(linears(target), member(weights["target"], i))
    parts = {"vae/encoder": linears(vae.encoder), "vae/decoder": linears(vae.decoder)}
    for name, part in parts.items():
        fill(part, weights[name])
    watch_vae = Watcher([*vae.encoder.parameters(), *vae.decoder.parameters()])
    watch_actor, watch_alpha = Watcher(actor.parameters()), Watcher([trainer.log_alpha])
    watch = [Watcher(critic.parameters()) for critic in critics]
    trainer.vae_optim, trainer.actor_opt, trainer.alpha_opt = watch_vae, watch_actor, watch_alpha
    trainer.critic1_opt, trainer.critic2_opt = watch
    trainer._get_tensor_values = _replayed(trainer._get_tensor_values)
    columns = dict(zip(("obs", "act", "rew", "obs_next", "done"), batch(record)))
    with draws() as drawn, losses() as found:
        trainer._train(SimpleNamespace(**columns), None)
    of_vae, of_alpha, *of_critics, of_actor = found
    record.add_loss(vae=of_vae, alpha=of_alpha, critic=sum(of_critics), actor=of_actor)
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_noise(drawn[:8])  # then the same four again
    for name, part in parts.items():
        record.add_net(f"grad/{name}", grads(part, watch_vae))
    by_layer = grads(heads, watch_actor)
    record.add_net("grad/actor", [*by_layer[:-2], joined(*by_layer[-2:])])
    record.add_net("grad/critic", stacked([grads(linears(net), one) for net, one in zip(critics, watch)]))
    record.add(**{"grad/log_alpha": watch_alpha.grads[0][0]})
    return record


def _replayed(values: Callable[..., Any]) -> Callable[..., Any]:
    """The peer's values of sampled actions, such that its second critic sees the draws of its first."""
    before: dict[tuple[int, bool], torch.Tensor] = {}

    def replayed(obs: torch.Tensor, vae: Any = None, network: Any = None) -> Any:
        torch.set_rng_state(before.setdefault((id(obs), vae is None), torch.get_rng_state()))
        return values(obs, vae=vae, network=network)

    return replayed


torch.set_num_threads(1)
