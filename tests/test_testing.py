"""The contract suite: a sound algorithm passes it, and each kind of mistake is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars import testing
from pars.algos import bc, iql, td3
from pars.config import field_types
from pars.core import Algorithm
from pars.presets import Preset
from tests.training import toys

SMALL = {"actor_hidden": (4,)}
CLONE = replace(bc.ALGORITHM, name="clone")


def test_a_sound_algorithm_passes() -> None:
    testing.check_algorithm(replace(CLONE, presets=Preset("here", family={"own": {"batch_size": 8}})), SMALL)


def test_a_shared_model_passes() -> None:
    testing.check_phases(toys.SHARED)


def test_an_update_may_leave_the_actions_of_the_data_alone() -> None:
    testing.check_update(replace(CLONE, update=lambda cfg, s, batch, key, step: (s, {"loss": batch.reward.mean()})))


def updated(algo: Algorithm, change: Callable[..., Any]) -> Algorithm:
    """With `change(state, metrics, batch)` behind its update."""

    def update(cfg: Any, state: Any, batch: Any, key: Any, step: Any) -> Any:
        return change(*algo.update(cfg, state, batch, key, step), batch)

    return replace(algo, update=update)


class Nameless(NamedTuple):
    actor: Any


def broadcast(cfg: Any, state: Any, batch: Any, key: Any, step: Any) -> Any:
    loss = lambda params: jnp.mean((bc.apply(bc.actor_net(cfg, 2), params, batch.obs) - batch.action) ** 2)  # noqa: E731
    value, grads = jax.value_and_grad(loss)(state.actor.params)
    return state._replace(actor=bc.descend(state.actor, grads, cfg.actor_lr)), {"loss": value}


def flattened(cfg: Any, state: Any, batch: Any, key: Any, step: Any) -> Any:
    return td3.update(cfg, state, batch._replace(reward=batch.reward.reshape(len(batch.obs), -1)[:, 0]), key, step)


def unstacked(cfg: Any, spec: Any, key: Any) -> Any:
    state = iql.init(cfg, spec, key)
    return state._replace(critic=jax.tree.map(lambda x: x[0], state.critic))


def hidden_chance(state: Any, metrics: Any, batch: Any) -> Any:
    """Drawn anew whenever it is traced."""
    return state, {**metrics, "chance": jnp.float32(np.random.default_rng().uniform())}


def shared(**changes: Any) -> Algorithm:
    """The toy with a phase that is shared, changed."""
    (phase,) = toys.SHARED.before
    return replace(toys.SHARED, before=(replace(phase, **changes),))


def strays(cfg: Any, state: Any, batch: Any, key: Any, step: Any) -> Any:
    state, metrics = toys.model_update(cfg, state, batch, key, step)
    return state._replace(actor=0.5 * state.actor), metrics


MISTAKES: dict[str, tuple[Callable[..., None], Algorithm, str]] = {
    "no phase": (testing.check_settings, replace(CLONE, phases=()), "it has no phase at all; give it"),
    "preset": (
        testing.check_settings,
        replace(CLONE, presets=Preset("me", task={"pen-cloned-v1": {"batch": 3}})),
        "its preset for pen-cloned-v1 does not fit its config: unknown setting 'batch'; did you mean batch_size",
    ),
    "no record": (testing.check_settings, replace(CLONE, presets={}), "its presets are a dict, no pars.Preset"),
    "no norm": (
        testing.check_state,
        replace(CLONE, init=lambda cfg, spec, key: Nameless(bc.init(cfg, spec, key).actor)),
        "its state has ['actor']; the loop reads `actor` and `norm`",
    ),
    "not stacked": (
        testing.check_state,
        replace(iql.ALGORITHM, init=unstacked),
        "leaves of `state.critic` are not stacked alike, [E, ..]",
    ),
    "another type": (
        testing.check_update,
        updated(CLONE, lambda s, m, b: (jax.tree.map(lambda x: x.astype(jnp.float16), s), m)),
        "update offline returns a state of another structure, shape or type than it was given",
    ),
    "long metrics": (
        testing.check_update,
        updated(CLONE, lambda s, m, b: (s, {"seen": b.reward})),
        "metrics are numbers or one of each critic, offline they are {'seen': (16,)}; average them",
    ),
    "actions": (
        testing.check_update,
        replace(CLONE, update=broadcast),
        "update offline takes actions [B, 1] for [B, 2] without an error; compare shapes in the loss",
    ),
    "rewards": (
        testing.check_update,
        replace(td3.ALGORITHM, update=flattened),
        "update online takes rewards [B, 1] for [B] without an error",
    ),
    "nothing named": (
        testing.check_phases,
        shared(trains=()),
        "phase behaviour has trains=(); name fields of the state: ('actor', 'norm', 'other')",
    ),
    "more than named": (
        testing.check_phases,
        shared(update=strays),
        "phase behaviour changes actor, which is not among what it `trains`: it differs by",
    ),
    "depends on more": (
        testing.check_phases,
        shared(depends_on=lambda cfg: None),
        "phase behaviour trains other otherwise where settings differ that its `depends_on` leaves out: it differs by",
    ),
    "not finite": (
        testing.check_members,
        updated(CLONE, lambda s, m, b: (s, {"loss": jnp.nan + b.reward.mean()})),
        "metrics loss are not finite after 6 steps",
    ),
    "asleep": (
        testing.check_members,
        replace(CLONE, update=lambda cfg, state, batch, key, step: (state, {"loss": batch.reward.mean()})),
        "the policy has not moved in 6 steps",
    ),
    "chance": (
        testing.check_members,
        updated(CLONE, hidden_chance),
        "member 0 of a population ends elsewhere than alone: ['metrics']['chance'] differs by",
    ),
    "on a GPU": (
        testing.check_placement,
        updated(CLONE, lambda s, m, b: (s, {**m, "cpu": jnp.float32(jax.default_backend() == "cpu")})),
        "vmapped, as a GPU runs it, it ends elsewhere than in turn: ['offline']['metrics']['cpu'] differs by 1",
    ),
    "box": (
        testing.check_actions,
        replace(CLONE, act=lambda *args: 2.0 + bc.act(*args)),
        "act leaves the box [-1, 1]; clip its actions",
    ),
    "width": (
        testing.check_actions,
        replace(CLONE, act=lambda *args: bc.act(*args)[..., :1]),
        "act gives (32, 1) for 32 observations, not (32, 2)",
    ),
    "drawn": (
        testing.check_actions,
        replace(CLONE, act=lambda cfg, state, obs, key, explore: jax.random.uniform(key, (*obs.shape[:-1], 2))),
        "act draws although explore is 0; multiply its noise by `explore`",
    ),
    "not resumed": (
        testing.check_run,
        updated(CLONE, hidden_chance),
        "a run that was stopped and went on ends elsewhere than a whole one",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line(name: str) -> None:
    check, algo, message = MISTAKES[name]
    with pytest.raises(AssertionError) as told:
        check(algo, SMALL if "actor_hidden" in field_types(algo.config) else None)
    assert str(told.value).startswith(f"algorithm {algo.name}: ") and "\n" not in str(told.value)
    assert message in str(told.value)


def test_a_config_needs_what_the_loop_reads() -> None:
    with pytest.raises(
        AssertionError, match=r"its config lacks what the loop reads; inherit it from pars.core.LoopSettings"
    ):
        testing.check_settings(replace(CLONE, config=Preset))
