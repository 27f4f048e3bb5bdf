"""Uni-O4's models, its offline steps and PPO have the losses of its authors' code: see test_parity_behaviour.py.

Advantages are standardised by the deviation over n, theirs by that over n - 1, with 1e-10 added offline, not 1e-5.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import uni_o4
from pars.core import Spec, Step
from pars.nn import dynamics
from pars.nn.nets import MLP, apply
from pars.rl.net import make_net, make_normalizer
from pars.rl.on_policy import Met, Window, gae, normalized, policy_loss, value_loss
from tests.algos.recorded import Record, drawing_by_key, same, slopes

KEY = jax.random.key(0)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "offline")
RATES = {"critic_lr": 0.0, "behaviour_lr": 0.0, "improve_lr": 0.0}
# no initialiser that draws by a function that a test replaces: flax asks it for shapes
WIDTHS = {
    "initializer": "flax",
    "actor_initializer": "flax",
    "hidden": (8, 8),
    "value_hidden": (8, 8),
    "actor_hidden": (8, 8),
}
SMALLER = (5 / 6) ** 0.5  # deviation over 6 of 6 rows to that over 5


def setup() -> tuple[Record, Any, Any]:
    record = Record("uni_o4")
    weights = {"improve_clip": float(record["clip"]), **record.settings("discount", "expectile", "disagreement")}
    cfg: Any = uni_o4.Config(policies=3, max_gradient=1e9, **WIDTHS, **RATES, **weights)
    critic = jax.vmap(make_net)(record.mlp("critic"))._replace(target=record.mlp("target"))
    policies = [jax.vmap(make_net)(record.mlp(name)) for name in ("actor", "behaviour")]
    norm, value = make_normalizer(False, Spec(3, 2)), make_net(record.mlp("value"))
    return record, cfg, uni_o4.State(*policies, None, None, critic, value, None, None, norm)


def test_values_and_clones_step_as_their_authors_do() -> None:
    record, cfg, state = setup()
    new, metrics = uni_o4.critic_update(cfg, state, record.batch(), KEY, STEP)
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], record.mlp("grad/value")))
    same((metrics["critic_loss"].sum(), slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    new, metrics = uni_o4.clone_update(cfg, state, record.batch(), KEY, STEP)
    loss = -(metrics["log_prob"] + cfg.disagreement * metrics["disagreement"])
    same((loss, slopes(new.behaviour)), (record["loss/behaviour"].mean(), record.mlp("grad/behaviour")))


def test_offline_policies_step_as_their_authors_do(monkeypatch: pytest.MonkeyPatch) -> None:
    record, cfg, state = setup()
    noise = drawing_by_key(jax.random.split(KEY, 3), record.noise)
    monkeypatch.setattr(jax.random, "normal", noise)
    monkeypatch.setattr(uni_o4, "normalized", lambda x: (x - x.mean()) / x.std(ddof=1))
    actor, metrics = uni_o4.improve(cfg, state, record.batch(), KEY, STEP)
    same((metrics["actor_loss"], slopes(actor)), (record["loss/actor"], record.mlp("grad/actor")))


def test_the_dynamics_ensemble_has_the_loss_of_its_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours has one output more, the logit of the end."""
    record, batch = Record("uni_o4"), Record("uni_o4").batch()
    *decay, out = map(float, record["weight_decay"])
    monkeypatch.setattr(dynamics, "DECAY", tuple(decay))
    monkeypatch.setattr(dynamics, "DECAY_OUT", out)
    net = dynamics.Dynamics(MLP((8, 8), 9, activation="silu"))
    target = jnp.concatenate([batch.next_obs - batch.obs, batch.reward[:, None]], axis=-1)

    def members(prefix: str) -> dict[str, Any]:
        bounds = {f"log_var_{end}": jnp.asarray(record[f"{prefix}{end}_logvar"]) for end in ("min", "max")}
        mlp = record.mlp(f"{prefix}dynamics")["mlp"]
        wider = {part: np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, 1)]) for part, x in mlp["out"].items()}
        return {"mlp": mlp | {"out": wider}} | bounds

    def loss(params: Any) -> Any:
        one = {name: params[name] for name in ("log_var_min", "log_var_max")}
        both = jax.vmap(
            lambda mlp: dynamics.gaussian_nll(apply(net, {"mlp": mlp, **one}, batch.obs, batch.action), target)
        )
        pull = jax.vmap(lambda mlp: dynamics.regularisation({"mlp": mlp, **jax.tree.map(jnp.zeros_like, one)}))
        bounds = dynamics.BOUNDS_WEIGHT * (params["log_var_max"].sum() - params["log_var_min"].sum())
        return both(params["mlp"]).sum() + pull(params["mlp"]).sum() + bounds

    value, grads = jax.value_and_grad(loss)(members(""))
    same((value, grads), (record["loss/dynamics"], members("grad/")))


def test_ppo_has_the_losses_of_uni_o4s_authors() -> None:
    """Online their log standard deviation goes through the tanh twice."""
    record, cfg = Record("uni_o4_online"), uni_o4.Config(clip=0.1, entropy_weight=0.02, **WIDTHS)
    batch = record.batch()
    v = partial(apply, uni_o4.value_net(cfg))
    value, following = v(record.mlp("critic"), batch.obs), v(record.mlp("critic"), batch.next_obs)
    met = Met(batch.reward, batch.terminal, record["done"], value, following)
    advantage = gae(met, float(record["discount"]), float(record["gae"]))
    old = Window(record["log_prob"].sum(axis=-1), value, advantage + value, SMALLER * normalized(advantage))

    def actor_loss(params: Any) -> Any:
        mean, log_std = uni_o4.policy(cfg, params, batch.obs)
        twice = 2.5 * (jnp.tanh(log_std / 2.5 + 1.0) - 1.0)
        return policy_loss((mean, twice), batch.action, old.log_prob, old.advantage, cfg.clip, cfg.entropy_weight)[0]

    same(jax.value_and_grad(actor_loss)(record.mlp("actor")), (record["loss/actor"], record.mlp("grad/actor")))

    def critic_loss(params: Any) -> Any:
        return value_loss(cfg, v(params, batch.obs), old.value, old.target)

    same(jax.value_and_grad(critic_loss)(record.mlp("critic")), (record["loss/critic"], record.mlp("grad/critic")))
