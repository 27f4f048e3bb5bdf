"""Methods with a model of what the dataset does take the steps that their authors' code takes.

At the weights, batch and noise of the records one whole `update` is run with learning rates of 0, so that nothing
moves; the slopes are those that Adam's moments hold.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import mcq, sac_rnd, spot, svr
from pars.core import Spec, Step
from pars.nn.rnd import Moments, Standard
from pars.rl.net import make_net, make_normalizer
from tests.algos.recorded import Record, drawing, same, sizes, slopes, soft_actor, soft_state

KEY = jax.random.key(0)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "offline", {1: True})
STILL = {"actor_lr": 0.0, "critic_lr": 0.0}


def vae(record: Record, prefix: str = "") -> dict[str, Any]:
    return {part: record.mlp(f"{prefix}vae/{part}")["mlp"] for part in ("encoder", "decoder")}


@pytest.mark.parametrize(
    ("name", "pull"),
    [
        ("mcq", {}),
        ("mcq_weighted", {"pull": "above", "pull_margin": 5.0, "pull_distance": 0.1}),
        ("mcq_one_sided", {"pull": "above"}),
    ],
)
def test_mcq_steps_as_its_authors_do(name: str, pull: dict[str, Any]) -> None:
    record = Record(name)
    settings = {**STILL, "behaviour_lr": 0.0, "temperature_lr": 0.0, **pull, **record.settings("discount")}
    cfg = mcq.Config(
        behaviour_hidden=(8, 8), td_weight=float(record["lam"]), sampled_actions=3, **sizes(record), **settings
    )
    soft, batch = soft_state(record, cfg), record.batch()
    state = mcq.State(*soft[:3], make_net(vae(record)), soft.norm)
    of_vae, own, following, _, *policy, here, there = record.noise
    sampled = np.concatenate([draws.reshape(3, 6, 2) for draws in policy], axis=1)
    with drawing([of_vae, own, following, sampled, np.concatenate([here, there], axis=1), own]):
        new, metrics = mcq.update(cfg, state, batch, KEY, STEP)
    same(metrics["behaviour_loss"], record["loss/vae"])
    same(slopes(new.behaviour), vae(record, "grad/"))
    same(slopes(new.log_temperature), record["grad/log_alpha"])
    total = jnp.sum(0.7 * metrics["critic_loss"] + 0.3 * metrics["pull_loss"])
    same((total, slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], soft_actor(record, "grad/actor")))


@pytest.mark.parametrize("name", ["spot", "spot_dropout", "spot_online"])
def test_spot_steps_as_its_authors_do(name: str) -> None:
    record, settings = Record(name), {**STILL, "behaviour_lr": 0.0, "policy_delay": 1}
    kept, step = [], STEP
    if name == "spot_dropout":
        settings |= {"dropout": True, "dropout_rate": float(record["dropout"])}
        kept = [record[f"kept/{i}"].astype(bool) for i in range(4)]
    if name == "spot_online":
        settings |= {"support_least": float(record["lambd_end"]), "cooling_steps": float(record["lambd_length"])}
        step = Step(jnp.asarray(int(record["step"]) - 1), jnp.asarray(10**6), "online", {1: True})
    weights = {"support_weight": float(record["lambd"]), "kl_weight": float(record["beta"])}
    settings |= weights | record.settings("discount", "policy_noise", "noise_clip")
    cfg = spot.Config(behaviour_hidden=(8, 8), **sizes(record), **settings)
    state, batch = spot.State(*policy_and_critics(record), make_net(vae(record)), plain()), record.batch()
    of_target, latent, of_vae, of_penalty = record.noise
    with drawing([of_vae]):
        new, metrics = spot.behaviour_update(cfg, state, batch, KEY, STEP)
    same((metrics["behaviour_loss"], slopes(new.behaviour)), (record["loss/vae"], vae(record, "grad/")))

    def penalty(action: Any) -> Any:
        with drawing([of_penalty]):
            return spot.support_loss(cfg, state.behaviour.params, batch.obs, action, KEY)

    same(penalty(batch.action), record["loss/penalty"])
    same(jax.grad(lambda action: penalty(action).mean())(batch.action), record["grad/action"])
    with drawing([of_target, latent]), drawing(kept, "bernoulli"):
        new, metrics = spot.update(cfg, state, batch, KEY, step)
    same((metrics["critic_loss"].sum(), slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], record.mlp("grad/actor")))


def policy_and_critics(record: Record) -> tuple[Any, Any]:
    """A deterministic actor and critics, with their targets."""
    actor = make_net(record.mlp("actor"))._replace(target=record.mlp("actor_target"))
    return actor, jax.vmap(make_net)(record.mlp("critic"))._replace(target=record.mlp("target"))


def plain() -> Any:
    return make_normalizer(False, Spec(3, 2))


def test_svr_steps_as_its_authors_do() -> None:
    """Their actor's loss is 2.5 times ours, the same to Adam."""
    record = Record("svr")
    names = {"support_weight": "alpha", "spread": "sample_std", "least_value": "Q_min", "weight_min": "weight_min"}
    settings = {ours: float(record[theirs]) for ours, theirs in names.items()} | record.settings("discount")
    settings |= {**STILL, "behaviour_lr": 0.0, "policy_delay": 1, "regulariser_min": float(record["difference_min"])}
    cfg = svr.Config(**sizes(record), **settings)
    state = svr.State(*policy_and_critics(record), make_net(record.mlp("behaviour")), plain())
    batch = record.batch()
    new, metrics = svr.behaviour_update(cfg, state, batch, KEY, STEP)
    wanted = record["loss/behaviour"], record.mlp("grad/behaviour")
    same((metrics["behaviour_loss"], slopes(new.behaviour)), wanted)
    with drawing([np.zeros((6, 2)), *record.noise]):  # the target's action has no noise
        new, metrics = svr.update(cfg, state, batch, KEY, STEP)
    same(metrics["importance"], record["loss/weight"].mean())
    same(metrics["regulariser"], record["loss/difference"].mean(axis=0))
    total = metrics["critic_loss"].sum() + cfg.support_weight * metrics["regulariser"].mean()
    same((total, slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    ours = 2.5 * metrics["actor_loss"], jax.tree.map(lambda slope: 2.5 * slope, slopes(new.actor))
    same(ours, (record["loss/actor"], record.mlp("grad/actor")))


def test_sac_rnd_steps_as_its_authors_do() -> None:
    record = Record("sac_rnd")
    weights = {"actor_bonus_weight": float(record["actor_beta"]), "critic_bonus_weight": float(record["critic_beta"])}
    settings = {**STILL, "rnd_lr": 0.0, "temperature_lr": 0.0, **weights, **record.settings("discount")}
    cfg = sac_rnd.Config(rnd_width=8, rnd_embedding=8, **sizes(record), **settings)
    soft, batch = soft_state(record, cfg), record.batch()
    running = Moments(*(jnp.asarray(record[f"running_{name}"]) for name in ("mean", "var", "count")))
    standard = Standard(*(record[name] for name in ("obs_mean", "obs_std", "action_mean", "action_std")))
    rnd = sac_rnd.RND(make_net(predictor(record)), prior(record), running, standard)
    state = sac_rnd.State(*soft[:3], rnd, soft.norm)
    same(sac_rnd.bonus(cfg, rnd, batch.obs, batch.action), record["loss/bonus"])
    new, metrics = sac_rnd.rnd_update(cfg, state, batch, KEY, STEP)
    same((metrics["rnd_loss"], slopes(new.rnd.predictor)), (record["loss/rnd"], predictor(record, "grad/")))
    same(new.rnd.errors, Moments(*(record[f"loss/running_{name}"] for name in ("mean", "var", "count"))))
    with drawing(record.noise):
        new, metrics = sac_rnd.update(cfg, state, batch, KEY, STEP)
    same((metrics["critic_loss"].sum(), slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], soft_actor(record, "grad/actor")))
    same(slopes(new.log_temperature), record["grad/log_alpha"])


def predictor(record: Record, prefix: str = "") -> dict[str, Any]:
    """Its bilinear layer [8, A, O] is ours of all products of a coordinate of either, [A O, 8]."""
    kernel = record[f"{prefix}predictor/bilinear/kernel"].reshape(8, -1).T
    return {
        "bilinear": {"kernel": kernel, "bias": record[f"{prefix}predictor/bilinear/bias"]},
        "mlp": record.mlp(f"{prefix}predictor")["mlp"],
    }


def prior(record: Record) -> dict[str, Any]:
    places = {"first": 0, "second": 1, "third": 2, "out": 3, "film": "film/0"}
    return {name: {part: record[f"prior/{at}/{part}"] for part in ("kernel", "bias")} for name, at in places.items()}
