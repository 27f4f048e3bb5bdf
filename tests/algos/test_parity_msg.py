"""MSG takes the steps that its authors' code takes: see test_parity_behaviour.py."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import msg
from pars.core import Spec, Step
from pars.rl.net import make_net, make_normalizer
from pars.rl.soft import SoftState
from tests.algos.recorded import Record, drawing_by_key, same, slopes, soft_actor

KEY = jax.random.key(0)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "offline")


def flat(net: Any) -> Any:
    """Leaves [members, pair, ..] -> [members pair, ..]."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), net)


@pytest.mark.parametrize("name", ["msg", "msg_double"])
def test_msg_steps_as_its_authors_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record, cloning = Record(name), name == "msg_double"
    weights = {"pessimism": -float(record["beta"]), "conservative_weight": float(record["alpha"])}
    settings = {"actor_lr": 0.0, "critic_lr": 0.0, "temperature_lr": 0.0, **record.settings("discount"), **weights}
    # no initialiser that draws by a function that is replaced: flax asks it for shapes
    widths = {"hidden": (8, 8), "actor_hidden": (8, 8), "initializer": "flax"}
    cfg: Any = msg.Config(critics=3, double_q=cloning, clone_steps=int(cloning), **widths, **settings)
    critic = jax.vmap(make_net)(flat(record.mlp("critic")))._replace(target=flat(record.mlp("target")))
    actor, temperature = make_net(record.mlp("actor")), make_net(jnp.asarray(record["log_alpha"]))
    state = SoftState(actor, critic, temperature, make_normalizer(False, Spec(3, 2)))

    k_critic, k_actor = jax.random.split(KEY)
    k_members = jax.random.split(jax.random.split(k_critic)[0], 3)
    k_next, k_own, k_weight = jax.vmap(lambda key: jax.random.split(key, 3), out_axes=1)(k_members)
    noise = [*record.noise, np.zeros((6, 2))][:7]  # while it clones the actor's sample does not count
    normal = drawing_by_key(
        jnp.concatenate([k_next, k_own, k_actor[None]]), jnp.stack(noise[:6:2] + noise[1:6:2] + noise[6:])
    )
    monkeypatch.setattr(jax.random, "normal", normal)
    uniform = drawing_by_key(k_weight, jnp.swapaxes(record["td_weight"], 1, 2))
    monkeypatch.setattr(jax.random, "uniform", uniform)
    new, metrics = msg.update(cfg, state, record.batch(), KEY, STEP)

    same(metrics["gap"].mean(), record["loss/gap"])
    same((metrics["critic_loss"] + cfg.conservative_weight * metrics["gap"]).mean(), record["loss/critic"])
    same(slopes(new.critic), flat(record.mlp("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], soft_actor(record, "grad/actor")))
    if not cloning:
        same(slopes(new.log_temperature), record["grad/log_alpha"])
