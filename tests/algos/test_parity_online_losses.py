"""PEX and Off2On at the weights, batch and noise of the records: the losses and gradients of their authors' code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.algos import iql, off2on, pex
from pars.core import Spec, Transition
from pars.nn.nets import apply
from pars.rl.balanced import Balance, balance_step
from pars.rl.critics import critic_loss, critic_net, scaled_td_target
from pars.rl.ensemble import least_q
from pars.rl.net import make_net, make_normalizer
from pars.rl.soft import temperature_step
from tests.algos.recorded import Record, check_critics, drawing, same, sizes, slopes

KEY, NORM = jax.random.key(0), make_normalizer(False, Spec(3, 2))


def test_pex_has_the_losses_of_its_authors() -> None:
    """And the chances of both policies' actions. Their critics' loss is the mean over the twins."""
    record = Record("pex")
    names = {"advantage_scale": "beta", "choice_scale": "inv_temperature", "weight_max": "advantage_max"}
    named = {ours: float(record[theirs]) for ours, theirs in names.items()}
    cfg: Any = pex.Config(**sizes(record), **named, **record.settings("discount", "expectile"))
    actor, frozen = record.mlp("actor"), record.mlp("actor_offline")
    actor["log_std"], frozen["log_std"] = jnp.asarray(record["log_std"]), jnp.zeros(2)
    critic = jax.vmap(make_net)(record.mlp("critic"))._replace(target=record.mlp("target"))
    value, batch = record.mlp("value"), record.batch()
    state = pex.State(make_net(actor), critic, make_net(value), NORM, frozen)

    q = least_q(critic_net(cfg), critic.target, batch.obs, batch.action)
    found = jax.value_and_grad(lambda p: iql.value_loss(cfg, p, batch, q)[0])(value)
    same(found, (record["loss/value"], record.mlp("grad/value")))
    y = scaled_td_target(cfg, batch, apply(iql.value_net(cfg), value, batch.next_obs))
    check_critics(record, critic.params, lambda p: critic_loss(cfg, p, batch, y, None)[0], share=0.5)

    def composed(chosen: Any) -> jnp.ndarray:
        never = np.zeros(6, bool)
        with drawing(record.noise), drawing([never, np.asarray(chosen, bool), never], "bernoulli"):
            return pex.compose(cfg, state, batch.obs, KEY, 0.0)[0]

    old, new = (least_q(critic_net(cfg), critic.params, batch.obs, composed(np.full(6, own))) for own in (0, 1))
    share = pex.share_of_new(cfg, old, new)
    same(jnp.stack([1 - share, share], axis=1), record["loss/probability"])

    own = batch._replace(action=composed(record["chosen"]))
    advantage = pex.advantage(cfg, state, own.obs, own.action)
    found = jax.value_and_grad(lambda p: iql.actor_loss(cfg, p, own, advantage, KEY, jnp.inf)[0])(actor)
    same(found, (record["loss/actor"], record.mlp("grad/actor") | {"log_std": record["grad/log_std"]}))


def test_off2on_has_the_losses_and_priorities_of_its_authors() -> None:
    record = Record("off2on")
    cfg: Any = off2on.Config(
        **sizes(record),
        **record.settings("discount"),
        agents=3,
        ratio_hidden=(8, 8),
        initializer="torch",
        ratio_temperature=float(record["temperature"]),
        learned_spread=False,
        target_entropy=float(record["target_entropy"]) / 2,
    )
    critic = jax.vmap(make_net)(off2on.joined(record.mlp("critic")))
    critic = critic._replace(target=off2on.joined(record.mlp("target")))
    balance = Balance(make_net(record.mlp("ratio")), jnp.zeros(6), jnp.asarray(1.0))
    log_alpha = make_net(jnp.asarray(record["log_alpha"]))
    state = off2on.State(make_net(record.mlp("actor")), critic, log_alpha, NORM, balance)
    batch = record.batch()._replace(extra={"row": jnp.arange(6), "is_new": jnp.zeros(6)})
    of_actor, of_target = record.noise

    with drawing([of_actor]):
        found, grads = jax.value_and_grad(lambda p: off2on.actor_loss(cfg, p, state, batch, KEY), has_aux=True)(
            state.actor.params
        )
    same((found[0], grads), (record["loss/actor"], record.mlp("grad/actor")))
    # their loss is log alpha times its slope; the gradient on file has that of the actor's loss added, after their step
    slope = record["loss/alpha"] / record["log_alpha"]
    same(temperature_step(cfg, log_alpha, -found[1], 2).opt.mu / 0.1, slope)

    with drawing([of_target]):
        y = off2on.targets(cfg, state, batch, KEY)

    def loss(params: Any) -> jnp.ndarray:
        return jax.vmap(lambda p, y: critic_loss(cfg, p, batch, y, None)[0])(params, jnp.concatenate([y, y])).sum()

    theirs = record["loss/critic"], off2on.joined(record.mlp("grad/critic"))
    same(jax.value_and_grad(loss)(critic.params), theirs)

    def rows(name: str) -> Transition:
        return batch._replace(obs=jnp.asarray(record[f"{name}_obs"]), action=jnp.asarray(record[f"{name}_action"]))

    moved, metrics = balance_step(cfg, balance, batch, rows("offline"), rows("online"))
    same((metrics["ratio_loss"], slopes(moved.ratio)), (record["loss/ratio"], record.mlp("grad/ratio")))
    same(moved.priority, record["loss/priority"])
