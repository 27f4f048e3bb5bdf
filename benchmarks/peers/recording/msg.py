"""Records of the authors' MSG (google-research, jrl/agents/msg, JAX): one call of the learner's update, deep ensembles.

The networks are written here, for the learner takes any; distributions of the policy are acme's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tensorflow_probability.substrates.jax as tfp

from benchmarks.peers.base import bare_package, load_module, old_jax, stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Layers, Record, layers, member, replaced, start
from benchmarks.peers.recording.jax_parts import draws, watcher

old_jax()

MEMBERS, STD_MIN = 3, 0.01
PARTS = ("types", "jax", "jax.networks", "jax.utils", "utils", "utils.counting", "utils.loggers")


def single(folder: str) -> Record:
    """As for AntMaze, after the actor's cloning: one network a member."""
    return _record(folder, pair=1, cloning=False)


def double(folder: str) -> Record:
    """As for locomotion, while the actor clones: a member is a pair. Some actions lie at the edge of the box."""
    return _record(folder, pair=2, cloning=True)


def _record(folder: str, pair: int, cloning: bool) -> Record:
    """loss/critic is the mean over members."""
    settings = {"discount": 0.97, "target_entropy": -ACTION, "log_alpha": -0.6, "beta": -1.5, "alpha": 0.4}
    record, rng = start(16, {**settings, "std_min": STD_MIN, "cloning": cloning})
    if cloning:
        record["action"][[0, 3], [1, 0]] = 1.0, -0.9995
    weights = {
        "actor": layers(rng, (OBS, WIDTH, WIDTH, 2 * ACTION)),
        "critic": _members(rng, pair),
        "target": _members(rng, pair),
    }
    weights["actor"][-1]["kernel"] *= 0.3  # no sample near the edge, where acme has another density
    for name, net in weights.items():
        record.add_net(name, net)
    peer = _learning(folder)
    networks = SimpleNamespace(
        policy_network=SimpleNamespace(init=lambda key: weights["actor"], apply=_policy(peer)),
        q_network=SimpleNamespace(init=lambda key: member(weights["critic"], 0), apply=_values),
        simclr_encoder=SimpleNamespace(init=lambda key: {}, apply=None),
        sample=lambda policy, key: policy.sample(seed=key),
        log_prob=lambda policy, action: policy.log_prob(action),
    )
    own = {"ensemble_size": MEMBERS, "beta": -1.5, "discount": 0.97, "target_entropy": -ACTION, "tau": 0.0}
    own |= {"behavior_regularization_type": "v1", "behavior_regularization_alpha": 0.4}
    plain = (jax, "jit", lambda function, **options: function), (jax, "pmap", _each), (jax, "vmap", _each)
    with replaced((optax, "adam", lambda learning_rate: watcher), *plain):
        learner = peer.MSGLearner(networks=networks, rng=jax.random.PRNGKey(0), iterator=None, logger=0, **own)
    stacked = [jax.tree.map(lambda x: jnp.asarray(x)[None], weights[name]) for name in ("critic", "target")]
    state = learner._state._replace(
        all_q_params=stacked[0],
        all_target_q_params=stacked[1],
        policy_params=weights["actor"],
        alpha_params=jnp.asarray(record["log_alpha"]),
    )
    names = {"observation": "obs", "action": "action", "reward": "reward", "next_observation": "next_obs"}
    rows = SimpleNamespace(**{theirs: record[ours] for theirs, ours in names.items()}, discount=1 - record["terminal"])
    step = learner._update_step_in_initial_bc_iters if cloning else learner._update_step_rest
    with draws() as drawn:
        new, metrics = step(state, rows)
    record.add_loss(
        critic=metrics["avg_critic_loss"], actor=metrics["actor_loss"], gap=metrics["behavior_reg_loss/avg"]
    )
    record.add_noise([draw.reshape(BATCH, ACTION) for draw in drawn["normal"]])
    record.add(td_weight=np.stack(drawn["uniform"]))
    record.add_net("grad/actor", new.policy_optimizer_state)
    record.add_net("grad/critic", jax.tree.map(lambda x: x[0], new.all_q_optimizer_states))
    if not cloning:
        record.add_loss(alpha=metrics["alpha_loss"])
        record.add(**{"grad/log_alpha": new.alpha_optimizer_state})
    return record


def _members(rng: np.random.Generator, pair: int) -> Layers:
    """Kernels [members, pair, in, out]."""
    flat = layers(rng, (OBS + ACTION, WIDTH, WIDTH, 1), MEMBERS * pair)
    return [{name: x.reshape(MEMBERS, pair, *x.shape[1:]) for name, x in layer.items()} for layer in flat]


def _mlp(net: Layers, x: Any) -> Any:
    for layer in net[:-1]:
        x = jax.nn.relu(x @ layer["kernel"] + layer["bias"])
    return x @ net[-1]["kernel"] + net[-1]["bias"]


def _values(net: Layers, obs: Any, action: Any) -> Any:
    """Of the networks of one member. -> [B, pair]"""
    x = jnp.concatenate([obs, action], axis=-1)
    return jnp.concatenate([_mlp(member(net, i), x) for i in range(len(net[0]["bias"]))], axis=-1)


def _policy(peer: Any) -> Callable[..., Any]:
    def apply(net: Layers, obs: Any) -> Any:
        mean, spread = jnp.split(_mlp(net, obs), 2, axis=-1)
        normal = tfp.distributions.Normal(mean, jax.nn.softplus(spread) + STD_MIN)
        return tfp.distributions.Independent(peer.distributional.TanhTransformedDistribution(normal), 1)

    return apply


def _each(function: Callable[..., Any], in_axes: Sequence[int | None], **options: Any) -> Callable[..., Any]:
    """`jax.vmap` as a loop, whose draws can be seen."""

    def mapped(*args: Any) -> Any:
        first = next(arg for arg, axis in zip(args, in_axes) if axis == 0)
        found = [
            function(
                *(jax.tree.map(lambda x, i=i: x[i], arg) if axis == 0 else arg for arg, axis in zip(args, in_axes))
            )
            for i in range(len(jax.tree.leaves(first)[0]))
        ]
        return jax.tree.map(lambda *parts: jnp.stack(parts), *found)

    return mapped


def _learning(folder: str) -> Any:
    """The learner's module; of acme it has the distributions, and stand-ins for the rest."""
    package = find_spec("acme")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("acme is not installed; pip install --no-deps dm-acme")
    stand_in("acme", *(f"acme.{part}" for part in PARTS))
    parts: Any = sys.modules
    parts["acme.jax.networks"].distributional = load_module(
        package.submodule_search_locations[0], "jax/networks/distributional.py"
    )
    parts["acme.jax.utils"].process_multiple_batches = lambda function, count: function
    for name in ("networks", "utils"):
        setattr(parts["acme.jax"], name, parts[f"acme.jax.{name}"])
    bare_package(folder, "jrl", "jrl.agents", "jrl.agents.msg", "jrl.utils")
    stand_in("jrl.agents.msg.networks", "jrl.utils.sass", "jrl.utils.sass.sass_utils")
    return load_module(folder, "jrl/agents/msg/learning.py")
