"""PEX and Off2On take the online steps that their authors' code takes: see test_parity_behaviour.py."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.algos import off2on, pex
from pars.core import Spec, Step
from pars.rl.balanced import Balance
from pars.rl.net import make_net, make_normalizer
from tests.algos.recorded import Record, drawing, same, sizes, slopes, soft_actor

KEY = jax.random.key(0)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "online")


def test_pex_steps_as_its_authors_do() -> None:
    """Their critics' loss is the mean over the twins. Nothing is greedy in training."""
    record = Record("pex")
    settings = {
        "actor_lr": 0.0,
        "critic_lr": 0.0,
        "value_lr": 0.0,
        "polyak": 0.0,
        **record.settings("discount", "expectile"),
    }
    weights = {"advantage_scale": float(record["beta"]), "choice_scale": float(record["inv_temperature"])}
    cfg: Any = pex.Config(**sizes(record), **settings, **weights)
    actor = record.mlp("actor") | {"log_std": jnp.asarray(record["log_std"])}
    critic = jax.vmap(make_net)(record.mlp("critic"))._replace(target=record.mlp("target"))
    frozen = record.mlp("actor_offline") | {"log_std": jnp.zeros(2)}
    norm, value = make_normalizer(False, Spec(3, 2)), make_net(record.mlp("value"))
    state, batch = pex.State(make_net(actor), critic, value, norm, frozen), record.batch()
    never, chosen = np.zeros(6, bool), record["chosen"].astype(bool)
    chances = []
    with drawing(record.noise), drawing([never, chosen, never], "bernoulli", chances):
        new, metrics = pex.update(cfg, state, batch, KEY, STEP)
    same(chances[1], record["loss/probability"][:, 1])
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], record.mlp("grad/value")))
    ours = 0.5 * metrics["critic_loss"].sum(), jax.tree.map(lambda slope: 0.5 * slope, slopes(new.critic))
    same(ours, (record["loss/critic"], record.mlp("grad/critic")))
    wanted = record.mlp("grad/actor") | {"log_std": jnp.asarray(record["grad/log_std"])}
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], wanted))


def test_off2on_steps_as_its_authors_do() -> None:
    record = Record("off2on")
    # no initialiser that draws by the functions that `drawing` replaces: flax asks it for shapes
    widths = {"initializer": "flax", "hidden": (8, 8), "actor_hidden": (8, 8), "ratio_hidden": (8, 8)}
    settings = {
        "online_lr": 0.0,
        "ratio_lr": 0.0,
        "learned_spread": False,
        **record.settings("discount", "log_std_min"),
    }
    cfg: Any = off2on.Config(agents=3, ratio_temperature=float(record["temperature"]), **widths, **settings)
    critic = jax.vmap(make_net)(off2on.joined(record.mlp("critic")))  # type: ignore[arg-type]
    critic = critic._replace(target=off2on.joined(record.mlp("target")))  # type: ignore[arg-type]
    balance = Balance(make_net(record.mlp("ratio")), jnp.zeros(8), jnp.ones(()))
    actor, norm = jax.vmap(make_net)(record.mlp("actor")), make_normalizer(False, Spec(3, 2))
    state = off2on.State(actor, critic, make_net(jnp.asarray(record["log_alpha"])), norm, balance)
    batch = record.batch()
    beside = {
        ours: batch._replace(obs=record[f"{theirs}_obs"], action=record[f"{theirs}_action"])
        for ours, theirs in (("data", "offline"), ("new", "online"))
    }
    batch = batch._replace(extra={**beside, "row": jnp.arange(6), "is_new": jnp.zeros(6)})
    with drawing(record.noise):
        new, metrics = off2on.update(cfg, state, batch, KEY, STEP)
    grads = off2on.joined(record.mlp("grad/critic"))  # type: ignore[arg-type]
    same((metrics["critic_loss"].sum(), slopes(new.critic)), (record["loss/critic"], grads))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], soft_actor(record, "grad/actor")))
    same(slopes(new.log_temperature), record["grad/log_alpha"])
    same((metrics["ratio_loss"], slopes(new.balance.ratio)), (record["loss/ratio"], record.mlp("grad/ratio")))
    same(new.balance.priority[:6], record["loss/priority"])
