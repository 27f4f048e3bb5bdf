"""Records of ikostrikov's implicit_q_learning and rlpd (JAX)."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks.peers.base import gymnasium_as_gym, load_module, old_jax
from benchmarks.peers.recording.base import ACTION, OBS, WIDTH, Layers, Record, joined, layers, member, split, start
from benchmarks.peers.recording.jax_parts import draws, layers_of, like, params, watcher

old_jax()
gymnasium_as_gym()

import tensorflow_probability.substrates.jax  # noqa: E402, F401  both read it off the package

DENSE, NORMS = ("Dense_0", "Dense_1", "Dense_2"), ("LayerNorm_0", "LayerNorm_1")


def iql(folder: str) -> Record:
    """loss/critic is the mean over the batch of the sum over the twins. All losses at the same V."""
    jit, jax.jit = jax.jit, _lenient(jax.jit)  # they name a static argument that is none
    load_module(folder, "policy.py")  # its folder is on the path now
    import actor
    import common
    import critic
    import policy
    import value_net

    jax.jit = jit
    settings: dict[str, Any] = dict(discount=0.97, expectile=0.8, beta=3.0, advantage_max=100.0)
    record, rng = start(6, {**settings, "log_std": [-0.4, 0.3], "log_std_min": -5.0, "log_std_max": 2.0})
    q_sizes, hidden = (OBS + ACTION, WIDTH, WIDTH, 1), (WIDTH, WIDTH)
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, ACTION)),
        "critic": layers(rng, q_sizes, 2),
        "target": layers(rng, q_sizes, 2),
        "value": layers(rng, (OBS, WIDTH, WIDTH, 1)),
    }
    log_std = dict(log_std_scale=1e-3, log_std_min=-5.0, state_dependent_std=False, tanh_squash_distribution=False)
    obs, action = record["obs"], record["action"]

    def model(module: Any, params: Any, *inputs: Any) -> Any:
        like(module.init(jax.random.PRNGKey(0), *inputs)["params"], params)
        return common.Model(step=1, apply_fn=module, params=params, tx=watcher, opt_state=None)

    def twins(name: str) -> Any:
        pair = {f"Critic_{i}": {"MLP_0": params(member(weights[name], i), DENSE)} for i in range(2)}
        return model(value_net.DoubleCritic(hidden), pair, obs, action)

    base = params(weights["actor"], DENSE)
    named = {"MLP_0": {name: base[name] for name in DENSE[:2]}, "Dense_0": base["Dense_2"]}
    pi = model(policy.NormalTanhPolicy(hidden, ACTION, **log_std), {**named, "log_stds": record["log_std"]}, obs)
    v = model(value_net.ValueCritic(hidden), {"MLP_0": params(weights["value"], DENSE)}, obs)
    rows = common.Batch(obs, action, record["reward"], 1.0 - record["terminal"], record["next_obs"])
    new_v, of_v = critic.update_v(twins("target"), v, rows, 0.8)
    new_pi, of_pi = actor.update(jax.random.PRNGKey(0), pi, twins("target"), v, rows, 3.0)
    new_q, of_q = critic.update_q(twins("critic"), v, rows, 0.97)
    record.add_loss(value=of_v["value_loss"], critic=of_q["critic_loss"], actor=of_pi["actor_loss"])
    for name, net in weights.items():
        record.add_net(name, net)
    both = [layers_of(new_q.opt_state[f"Critic_{i}"]["MLP_0"], DENSE) for i in range(2)]
    record.add_net("grad/critic", [{k: np.stack([a[k], b[k]]) for k in a} for a, b in zip(*both)])
    record.add_net("grad/value", layers_of(new_v.opt_state["MLP_0"], DENSE))
    found = new_pi.opt_state
    record.add_net("grad/actor", [*layers_of(found["MLP_0"], DENSE[:2]), *layers_of(found, DENSE[:1])])
    record.add(**{"grad/log_std": found["log_stds"]})
    return record


def _lenient(jit: Callable[..., Any]) -> Callable[..., Any]:
    """`jit` that leaves out static arguments that the function does not have."""

    def lenient(function: Callable[..., Any], static_argnames: Any = (), **options: Any) -> Any:
        known = [name for name in static_argnames if name in inspect.signature(function).parameters]
        return jit(function, static_argnames=known, **options)

    return lenient


def rlpd(folder: str) -> Record:
    return _rlpd(folder, backup_entropy=True)


def rlpd_no_entropy(folder: str) -> Record:
    return _rlpd(folder, backup_entropy=False)


def _rlpd(folder: str, backup_entropy: bool) -> Record:
    """Four critics with layer norm before the ReLU; loss/critic is their mean, the actor climbs their mean."""
    sys.path.append(folder)
    from gymnasium.spaces import Box
    from rlpd.agents import SACLearner

    settings = dict(discount=0.97, target_entropy=-ACTION / 2, backup_entropy=backup_entropy)
    fixed = {"log_alpha": -0.6, "epsilon": 1e-6, "log_std_min": -20.0, "log_std_max": 2.0}
    record, rng = start(7, {**settings, **fixed})
    q_sizes = (OBS + ACTION, WIDTH, WIDTH, 1)
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, 2 * ACTION)),
        "critic": layers(rng, q_sizes, 4, layer_norm=True),
        "target": layers(rng, q_sizes, 4, layer_norm=True),
    }
    options = dict(hidden_dims=(WIDTH, WIDTH), num_qs=4, num_min_qs=2, critic_layer_norm=True)
    agent = SACLearner.create(0, Box(-9, 9, (OBS,)), Box(-1, 1, (ACTION,)), tau=0.0, **options, **settings)
    actor, critic, target = (_named(weights[name], name) for name in ("actor", "critic", "target"))
    inner = next(iter(agent.critic.params))
    agent = agent.replace(
        actor=_with(agent.actor, actor),
        critic=_with(agent.critic, {inner: critic}),
        target_critic=agent.target_critic.replace(params={inner: target}),
        temp=_with(agent.temp, {"log_temp": np.float32(-0.6)}),
    )
    rows = {name: record[ours] for name, ours in COLUMNS.items()} | {"masks": 1.0 - record["terminal"]}
    with draws() as drawn:
        agent, of_critic = agent.update_critic(rows)
        agent, of_actor = agent.update_actor(rows)
        agent, of_temp = agent.update_temperature(of_actor["entropy"])
    losses = (of_critic["critic_loss"], of_actor["actor_loss"], of_temp["temperature_loss"])
    record.add_loss(**dict(zip(("critic", "actor", "alpha"), losses)))
    for name, net in weights.items():
        record.add_net(name, net)
    record.add_noise([draw.T for draw in drawn["normal"]])  # TensorFlow Probability draws [A, B]
    record.add(subset=drawn["choice"][0])
    found = agent.actor.opt_state
    heads = layers_of(found, ("OutputDenseMean", "OutputDenseLogStd"))
    record.add_net("grad/actor", [*layers_of(found["MLP_0"], DENSE[:2]), joined(*heads)])
    record.add_net("grad/critic", _unnamed(agent.critic.opt_state[inner]))
    record.add(**{"grad/log_alpha": agent.temp.opt_state["log_temp"]})
    return record


COLUMNS = {"observations": "obs", "actions": "action", "rewards": "reward", "next_observations": "next_obs"}


def _with(state: Any, params: Any) -> Any:
    like(state.params, params)
    return state.replace(params=params, tx=watcher, opt_state=None)


def _named(layers: Layers, name: str) -> Any:
    """The parameters of rlpd's modules: an MLP and behind it one dense layer or two heads."""
    if name != "actor":
        return {"MLP_0": params(layers[:-1], DENSE[:2], NORMS), "Dense_0": params(layers[-1:], DENSE)["Dense_0"]}
    heads = params(list(split(layers[-1])), ("OutputDenseMean", "OutputDenseLogStd"))
    return {"MLP_0": params(layers[:-1], DENSE[:2]), **heads}


def _unnamed(params: Any) -> Layers:
    return [*layers_of(params["MLP_0"], DENSE[:2], NORMS), *layers_of(params, DENSE[:1])]
