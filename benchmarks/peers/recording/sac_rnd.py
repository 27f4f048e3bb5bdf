"""Record of the authors' SAC-RND (tinkoff-ai/sac-rnd, JAX): one call of each of its updates."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.training.train_state import TrainState

from benchmarks.peers.base import old_jax, stand_in
from benchmarks.peers.recording.base import (
    ACTION,
    BATCH,
    OBS,
    WIDTH,
    Array,
    Layers,
    Record,
    joined,
    layers,
    split,
    start,
)
from benchmarks.peers.recording.jax_parts import draws, layers_of, like, params, watcher

stand_in("d4rl", "gym", "pyrallis", "wandb")
old_jax()

DENSE = tuple(f"Dense_{i}" for i in range(5))
NORMS = tuple(f"LayerNorm_{i}" for i in range(3))
BILINEAR = "TorchBilinearDense_0"
METRICS = ("rnd_loss", "rnd_rms", "rnd_data", "rnd_random", "critic_loss", "q_min", "actor_loss", "batch_entropy")
METRICS += ("rnd_policy", "action_mse", "alpha_loss", "alpha")


def sac_rnd(folder: str) -> Record:
    """Two critics with layer norm behind the ReLU; loss/critic is their sum. The released kinds of RND nets."""
    sys.path.append(folder)
    peer = import_module("offline_sac.algorithms.sac_rnd_betas")
    settings = {"discount": 0.97, "target_entropy": -ACTION, "actor_beta": 0.4, "critic_beta": 0.3}
    fixed = {"log_alpha": -0.6, "epsilon": 1e-6, "log_std_min": -5.0, "log_std_max": 2.0}
    moments = {"obs_mean": [0.2, -0.3, 0.1], "obs_std": [1.2, 0.8, 1.5], "action_mean": [0.1, -0.2]}
    moments |= {"action_std": [0.5, 0.7], "running_mean": 3.0, "running_var": 2.25, "running_count": 12.0}
    record, rng = start(11, settings | fixed | moments)
    hidden = (WIDTH, WIDTH, WIDTH)
    weights = {
        "actor": layers(rng, (OBS, *hidden, 2 * ACTION)),
        "critic": layers(rng, (OBS + ACTION, *hidden, 1), 2, layer_norm=True),
        "target": layers(rng, (OBS + ACTION, *hidden, 1), 2, layer_norm=True),
        "predictor": layers(rng, (*hidden, WIDTH)),
        "prior": layers(rng, (ACTION, *hidden, WIDTH)),
    }
    record.add(**{"predictor/bilinear/kernel": rng.normal(size=(WIDTH, ACTION, OBS)) * 0.6})
    record.add(**{"predictor/bilinear/bias": 0.3 * rng.normal(size=WIDTH)})
    record.add_net("prior/film", layers(rng, (OBS, 2 * WIDTH)))
    for name, net in weights.items():
        record.add_net(name, net)
    batch = {theirs: record[ours] for theirs, ours in COLUMNS.items()}
    rnd, actor, critic, alpha = _states(peer, record, weights)
    metrics = peer.Metrics.create(METRICS)
    with draws() as drawn:
        key, new_rnd, metrics = peer.update_rnd(jax.random.PRNGKey(0), rnd, batch, metrics)
        own = {name: float(record[name]) for name in ("actor_beta", "critic_beta", "target_entropy")}
        _, actor, critic, alpha, metrics = peer.update_sac(
            key, rnd, actor, critic, alpha, batch, gamma=0.97, tau=0.0, metrics=metrics, **own
        )
    for name in ("rnd", "critic", "actor", "alpha"):
        total, _ = metrics.accumulators[f"{name}_loss"]  # [1], of one step
        record.add_loss(**{name: total[0]})
    record.add_loss(bonus=peer.rnd_bonus(rnd, record["obs"], record["action"]))
    record.add_loss(**{f"running_{name}": value[0] for name, value in new_rnd.rms.state.items()})
    record.add_noise([draw.reshape(BATCH, ACTION) for draw in drawn["normal"]])
    _grads(record, new_rnd.opt_state, actor.opt_state, critic.opt_state, alpha.opt_state)
    return record


COLUMNS = {"states": "obs", "actions": "action", "rewards": "reward", "next_states": "next_obs", "dones": "terminal"}


def _states(peer: Any, record: Record, weights: dict[str, Layers]) -> tuple[Any, Any, Any, Any]:
    """The peer's RND, actor, critics and temperature at the record's weights."""
    obs, action = record["obs"], record["action"]
    moments = [record[name] for name in ("obs_mean", "obs_std", "action_mean", "action_std")]
    kinds = {"mlp_type": "torch_bilinear_first", "target_mlp_type": "film_last", "switch_features": True}
    rnd = peer.RND(WIDTH, WIDTH, *moments, **kinds)
    bilinear = {"kernel": record["predictor/bilinear/kernel"], "bias": record["predictor/bilinear/bias"][:, None]}
    film = {part: record[f"prior/film/0/{part}"] for part in ("kernel", "bias")}
    nets = {
        "predictor": {BILINEAR: bilinear, **params(weights["predictor"], DENSE)},
        "target": {DENSE[0]: film, **params(weights["prior"], DENSE[1:])},
    }
    running = peer.RunningMeanStd(
        state={name: jnp.asarray(record[f"running_{name}"])[None] for name in ("mean", "var", "count")}
    )
    *trunk, heads = weights["actor"]
    mean, log_std = split(heads)
    pi, temperature = peer.Actor(ACTION, WIDTH), peer.Alpha()
    critics = peer.EnsembleCritic(WIDTH, 2, True)
    inner = next(iter(critics.init(jax.random.PRNGKey(0), obs, action)["params"]))
    pair = [{inner: params(weights[name], DENSE, NORMS)} for name in ("critic", "target")]

    def state(kind: Any, module: Any, net: Any, *inputs: Array, **more: Any) -> Any:
        like(module.init(jax.random.PRNGKey(0), *inputs), {"params": net})
        return kind.create(apply_fn=module.apply, params={"params": net}, tx=watcher, **more)

    return (
        state(peer.RNDTrainState, rnd, nets, obs, action, rms=running),
        state(TrainState, pi, params([*trunk, log_std, mean], DENSE), obs),
        state(peer.CriticTrainState, critics, pair[0], obs, action, target_params={"params": pair[1]}),
        state(TrainState, temperature, {"log_alpha": record["log_alpha"][None]}),
    )


def _grads(record: Record, rnd: Any, actor: Any, critic: Any, alpha: Any) -> None:
    predictor = rnd["params"]["predictor"]
    record.add_net("grad/predictor", layers_of(predictor, DENSE[:3]))
    bilinear = {part: np.asarray(predictor[BILINEAR][part]) for part in ("kernel", "bias")}
    record.add(**{"grad/predictor/bilinear/kernel": bilinear["kernel"]})
    record.add(**{"grad/predictor/bilinear/bias": bilinear["bias"][:, 0]})
    *trunk, log_std, mean = layers_of(actor["params"], DENSE)
    record.add_net("grad/actor", [*trunk, joined(mean, log_std)])
    record.add_net("grad/critic", layers_of(next(iter(critic["params"].values())), DENSE[:4], NORMS))
    record.add(**{"grad/log_alpha": alpha["params"]["log_alpha"][0]})
