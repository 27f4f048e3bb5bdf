"""Goal-conditioned methods take the steps that their authors' code takes: see test_parity_behaviour.py."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from pars.algos import dwsl, gc_iql, gcpc, hiql, wgcsl
from pars.core import Spec, Step, Transition
from pars.rl.goals import beside, make_eye
from pars.rl.net import Net, make_net
from tests.algos.recorded import Record, same, slopes

KEY = jax.random.key(0)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "offline", {1: True})
STILL = {"actor_lr": 0.0, "value_lr": 0.0, "hidden": (8, 8), "actor_hidden": (8, 8)}
HIQL = {"whole_goals": True, "activation": "gelu", "layer_norm": "after", "weight_max": 100.0, "polyak": 0.0}


def batch_with_goals(record: Record, *names: str, **extra: Any) -> Transition:
    """Its transitions with rows that show these goals, and further columns."""
    batch = record.batch()
    rows = {name: batch._replace(obs=(obs := jnp.asarray(record[name])), next_obs=obs) for name in names}
    return batch._replace(extra=rows | extra)


def gaussian(record: Record, net: str) -> dict[str, Any]:
    return record.mlp(net) | {"log_std": jnp.asarray(record[f"{net}/log_std"])}


def with_target(record: Record, params: Any) -> Net:
    return make_net(params)._replace(target=record.mlp("target"))


def test_hiql_steps_as_its_authors_do() -> None:
    record = Record("hiql")
    scales = {"advantage_scale": float(record["low_scale"]), "high_advantage_scale": float(record["high_scale"])}
    cfg: Any = hiql.Config(**STILL, **HIQL, **scales, representation=4, **record.settings("discount", "expectile"))

    def values(prefix: str) -> hiql.Values:
        return hiql.Values(record.mlp(f"{prefix}value"), record.mlp(f"{prefix}representation")["mlp"])

    policies = (make_net(gaussian(record, net)) for net in ("actor", "high"))
    state = hiql.State(*policies, with_target(record, values("")), make_eye(cfg, Spec(3, 2)))
    batch = batch_with_goals(record, "goal", "low", "high", "target", here=jnp.asarray(record["here"]))
    new, metrics = hiql.update(cfg, state, batch, KEY, STEP)
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], values("grad/")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], gaussian(record, "grad/actor")))
    same((metrics["high_loss"], slopes(new.high)), (record["loss/high"], gaussian(record, "grad/high")))


def test_gc_iql_without_actions_steps_as_hiqls_flat_baseline() -> None:
    record = Record("hiql_flat")
    kind = {"q_functions": 0, "goals": "mixed", "policy": "likelihood", "advantage_scale": float(record["low_scale"])}
    cfg: Any = gc_iql.Config(**STILL, **HIQL, **kind, **record.settings("discount", "expectile"))
    actor, value = make_net(gaussian(record, "actor")), with_target(record, record.mlp("value"))
    state = gc_iql.State(actor, None, value, make_eye(cfg, Spec(3, 2)))
    batch = batch_with_goals(record, "goal", here=jnp.asarray(record["here"]))
    batch.extra["actor_goal"] = batch._replace(obs=jnp.asarray(record["high"]))
    new, metrics = gc_iql.update(cfg, state, batch, KEY, STEP)
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], record.mlp("grad/value")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], gaussian(record, "grad/actor")))


def ogbench(record: Record, **settings: Any) -> tuple[Any, Transition]:
    """A config of GC-IQL and the batch with both goals."""
    known = record.settings("discount", "expectile")
    further = {"critic_lr": 0.0, "target_delay": 1, "goals": "mixed", "actor_activation": "gelu"}
    cfg: Any = gc_iql.Config(**STILL, **HIQL, **known, **further, **settings)
    batch = batch_with_goals(record, "goal", "actor_goal", here=jnp.asarray(record["here"]))
    return cfg, batch


def test_gc_iql_without_actions_steps_as_ogbenchs_gcivl() -> None:
    record = Record("ogbench_gcivl")
    scale = float(record["advantage_scale"])
    cfg, batch = ogbench(record, q_functions=0, policy="likelihood", advantage_scale=scale)
    actor, value = make_net(gaussian(record, "actor")), with_target(record, record.mlp("value"))
    new, metrics = gc_iql.update(cfg, gc_iql.State(actor, None, value, make_eye(cfg, Spec(3, 2))), batch, KEY, STEP)
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], record.mlp("grad/value")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], gaussian(record, "grad/actor")))


def test_gc_iql_with_twin_critics_steps_as_ogbenchs_gciql() -> None:
    """Their loss of the critics is the sum over both; their policy has no width of its own."""
    record = Record("ogbench_gciql")
    cfg, batch = ogbench(record, q_functions=2, policy="ddpg_bc", bc_weight=float(record["bc_weight"]))
    critic = with_target(record, record.mlp("critic"))
    value = make_net(jax.tree.map(lambda x: x[None], record.mlp("value")))
    actor = make_net(record.mlp("actor") | {"log_std": jnp.zeros(2)})
    new, metrics = gc_iql.update(cfg, gc_iql.State(actor, critic, value, make_eye(cfg, Spec(3, 2))), batch, KEY, STEP)
    slope = jax.tree.map(lambda x: x[0], slopes(new.value))
    same((metrics["value_loss"], slope), (record["loss/value"], record.mlp("grad/value")))
    same((2 * metrics["critic_loss"], slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)["mlp"]), (record["loss/actor"], record.mlp("grad/actor")["mlp"]))


def settings_of(record: Record) -> dict[str, Any]:
    """What the methods of jhejna/dwsl share."""
    return {**STILL, "advantage_scale": 1.0 / record["beta"], "weight_max": float(record["clip_score"])}


@pytest.mark.parametrize("name", ["dwsl", "dwsl_soft"])
def test_dwsl_steps_as_its_authors_do(name: str) -> None:
    record = Record(name)
    distances = {"soft": True, "softness": float(record["alpha"])} if name == "dwsl_soft" else {"soft": False}
    cfg: Any = dwsl.Config(**settings_of(record), **distances, bins=5)
    value = make_net(record.mlp("value")["mlp"])
    state = dwsl.State(make_net(record.mlp("actor")), value, make_eye(cfg, Spec(3, 2)))
    batch = batch_with_goals(record, "goal", hops=jnp.asarray(record["horizon"], int))
    batch.extra["landing"] = record.batch()
    new, metrics = dwsl.update(cfg, state, batch, KEY, STEP)
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], record.mlp("grad/value")["mlp"]))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], record.mlp("grad/actor")))


def test_wgcsl_steps_as_dwsls_authors_have_it() -> None:
    record = Record("wgcsl")
    cfg: Any = wgcsl.Config(**settings_of(record), **record.settings("discount"), target_delay=1)
    actor = make_net(record.mlp("actor"))._replace(target=record.mlp("actor_target"))
    state = wgcsl.State(actor, with_target(record, record.mlp("critic")), None, make_eye(cfg, Spec(3, 2)))
    batch = batch_with_goals(record, "goal", ahead=jnp.asarray(record["horizon"], int))
    new, metrics = wgcsl.update(cfg, state, batch, KEY, STEP)
    same((metrics["critic_loss"], slopes(new.critic)), (record["loss/critic"], record.mlp("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], record.mlp("grad/actor")))


def test_gc_iql_steps_as_dwsls_authors_have_it() -> None:
    record = Record("gc_iql")
    further = {"critic_lr": 0.0, "target_delay": 1, **record.settings("discount", "expectile")}
    cfg: Any = gc_iql.Config(**settings_of(record), **further)

    def one(net: str) -> Any:
        """Of an ensemble."""
        return jax.tree.map(lambda x: x[None], record.mlp(net))

    critic = jax.vmap(make_net)(one("critic"))._replace(target=one("target"))
    actor, value = make_net(record.mlp("actor")), make_net(one("value"))
    state = gc_iql.State(actor, critic, value, make_eye(cfg, Spec(3, 2)))
    new, metrics = gc_iql.update(cfg, state, batch_with_goals(record, "goal"), KEY, STEP)
    same((metrics["value_loss"], slopes(new.value)), (record["loss/value"], one("grad/value")))
    same((metrics["critic_loss"], slopes(new.critic)), (record["loss/critic"], one("grad/critic")))
    same((metrics["actor_loss"], slopes(new.actor)), (record["loss/actor"], record.mlp("grad/actor")))


def test_gcpc_tells_and_acts_as_its_authors_do() -> None:
    """Nothing is dropped. Of ten rows six are there and three of these seen; of the policy's the first eight."""
    record = Record("gcpc")
    cfg: Any = gcpc.Config(token_width=8, heads=2, future_steps=4, actor_hidden=(8,))
    obs, goal, params = record["obs"], record["goal"], record.tree("trajectory")
    past, seen = obs[:, : gcpc.CONTEXT], record["seen/trajectory"] > 0
    told = jax.jit(jax.value_and_grad(gcpc.trajectory_loss, argnums=1))
    same(told(cfg, params, past, goal, obs[..., :2], seen, record["told"], None),
         (record["loss/trajectory"], record.tree("grad/trajectory")))  # fmt: skip
    seen = record["seen/actor"] > 0
    slots = jax.jit(gcpc.encoded)(cfg, params, past, goal, seen)
    inputs, action = beside(gcpc.newest(past, seen), goal), gcpc.newest(record["action"], seen)
    same(jax.value_and_grad(gcpc.policy_loss, argnums=1)(cfg, record.tree("actor"), slots, inputs, action),
         (record["loss/actor"], record.tree("grad/actor")))  # fmt: skip
