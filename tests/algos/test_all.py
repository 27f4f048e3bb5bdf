"""What holds for every algorithm: shapes, populations, phases, stops, bad shapes. Equations are tested elsewhere."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.errors import ScopeParamShapeError

import pars.training.run
from pars import api
from pars.algos import ALGORITHMS
from pars.config import facts, to_dict
from pars.core import Algorithm, LoopSettings, Spec, Step, Transition
from pars.data.extras import COLUMNS
from pars.errors import Interrupted
from pars.packing import pack
from pars.training.learner import Learner
from tests import runs
from tests.training.test_run import Signals

NAMES = list(ALGORITHMS)
PROGRAMS = [name for name in NAMES if not ALGORITHMS[name].settings]  # a variant differs in its settings alone
SPEC = Spec(obs_dim=4, action_dim=2)
SIZES: dict[str, Any] = dict(
    hidden=(8, 8),
    actor_hidden=(8, 8),
    critics=4,  # as many as two devices share in a single run
    batch_size=16,
    offline_rows=8,
    updates_per_step=2,
    random_steps=3,
    sampled_actions=2,
)
STEPS = 6
EXTRA = {"next_action": (2,), "mc_return": ()}


def settings(name: str, **changes: Any) -> dict[str, Any]:
    """SIZES, as far as they do something in the algorithm."""
    algo = ALGORITHMS[name]
    known = {key for key, fact in facts(algo.config).items() if fact.phase in ("", *algo.phases)}
    return {key: value for key, value in (SIZES | changes).items() if key in known}


def rows(count: int, seed: int = 0) -> Transition:
    rng = np.random.default_rng(seed)
    obs, next_obs = (rng.normal(size=(count, 4)).astype(np.float32) for _ in range(2))
    action, following = (rng.uniform(-1, 1, (count, 2)).astype(np.float32) for _ in range(2))
    columns = {"next_action": following, "mc_return": rng.normal(size=count).astype(np.float32)}
    reward, terminal = rng.normal(size=count).astype(np.float32), (np.arange(count) % 4 == 3).astype(np.float32)
    return Transition(obs, action, reward, next_obs, terminal, columns)


class Course:
    """Populations of one size, one after another, that share what was compiled."""

    def __init__(self, algo: Algorithm) -> None:
        self.algo = algo

    def enrol(self, members: list[tuple[Any, int]]) -> Course:
        configs, seeds, data = [cfg for cfg, _ in members], [seed for _, seed in members], rows(64)
        extra = tuple((column.name, EXTRA[column.name]) for column in self.algo.columns_of(configs[0]))
        self.learner = Learner(self.algo, configs, seeds, SPEC, extra)
        self.learner.load(pack(data._replace(extra={})), data.extra)
        return self

    def train(self, cuts: tuple[int, ...] = (STEPS,)) -> tuple[Any, dict[str, np.ndarray]]:
        at = 0
        self.learner.start_interval("offline")
        for count in cuts:
            self.learner.run(at, count, 100)
            at += count
        return self.learner.placement.take(self.learner.state), self.learner.metrics(at)


@cache
def course(name: str, count: int) -> Course:
    """For populations of `count` members."""
    return Course(ALGORITHMS[name])


def members(name: str) -> list[tuple[Any, int]]:
    """Two that differ in seed and in every rate."""
    first = ALGORITHMS[name].configure(settings(name))
    rates = {key: 3.0 * value for key, value in to_dict(first).items() if key.endswith("_lr")}
    return [(first, 0), (dataclasses.replace(first, **rates), 1)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_population_is_its_members(name: str) -> None:
    """To rounding; its members move, their numbers are finite, and intervals do not depend on how blocks are cut."""
    both = members(name)
    found = course(name, 2).enrol(both)
    start = jax.tree.map(np.array, found.learner.state)
    state, metrics = found.train()
    again, cut = found.enrol(both).train((1, STEPS - 1))
    jax.tree.map(np.testing.assert_array_equal, (state, metrics), (again, cut))
    assert not np.array_equal(start.actor.params["mlp"]["out"]["kernel"], state.actor.params["mlp"]["out"]["kernel"])
    assert all(np.isfinite(values).all() and values.shape == (2,) for values in metrics.values()), metrics
    for i, member in enumerate(both):
        alone, own = course(name, 1).enrol([member]).train()
        for got, want in ((state, alone), (metrics, own)):
            jax.tree.map(partial(close, i), got, want)


def close(member: int, population: np.ndarray, alone: np.ndarray) -> None:
    np.testing.assert_allclose(population[member], alone[0], rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_in_the_box_and_still_without_exploration(name: str) -> None:
    found = course(name, 2).enrol(members(name))
    obs = 10.0 * np.random.default_rng(0).normal(size=(2, 32, 4)).astype(np.float32)
    calm, noisy = (np.asarray(found.learner.act(obs, 0, explore)) for explore in (0.0, 1.0))
    assert calm.shape == noisy.shape == (2, 32, 2)
    assert max(np.abs(calm).max(), np.abs(noisy).max()) <= 1.0
    np.testing.assert_array_equal(calm, found.learner.act(obs, 1, 0.0))
    np.testing.assert_allclose(found.learner.policies()(obs), calm, rtol=1e-5, atol=1e-6)
    still = getattr(found.algo.configure(), "exploration_noise", 1.0) == 0.0
    assert np.array_equal(calm, noisy) == still


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_what_the_library_expects(name: str) -> None:
    algo = ALGORITHMS[name]
    cfg = algo.configure(settings(name))
    state = jax.eval_shape(lambda key: algo.init(cfg, SPEC, key), jax.random.key(0))
    assert {"actor", "norm"} <= set(state._fields)
    assert (algo.critic is not None) == ("critic" in state._fields)
    if algo.critic:
        critics = getattr(cfg, "critics", 2)
        assert {len(leaf.shape) and leaf.shape[0] for leaf in jax.tree.leaves(state.critic)} == {critics}
        q = jax.eval_shape(
            lambda params: algo.critic(cfg).apply({"params": params}, jnp.zeros((5, 4)), jnp.zeros((5, 2))),
            jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), state.critic.params),
        )
        assert q.shape == (5,)
    assert issubclass(algo.config, LoopSettings)
    assert set(algo.stored_columns(cfg)) <= set(COLUMNS) and set(EXTRA) >= {c.name for c in algo.columns_of(cfg)}
    assert not algo.online or all(column.late for column in algo.columns if column.make)
    assert algo.phases and set(algo.phases) <= {"offline", "online"} == {phase.name for phase in algo.course}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("online", [False, True])
def test_a_column_too_many_is_refused_and_not_broadcast(name: str, online: bool) -> None:
    algo, batch = ALGORITHMS[name], jax.tree.map(jnp.asarray, rows(16))
    cfg = algo.configure(settings(name))
    state = jax.eval_shape(lambda key: algo.init(cfg, SPEC, key), jax.random.key(0))
    step = Step(jnp.asarray(0), jnp.asarray(10), "online" if online else "offline")
    update = partial(jax.eval_shape, lambda state, batch: algo.update(cfg, state, batch, jax.random.key(0), step))
    after, metrics = update(state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    assert all(value.shape in ((), (getattr(cfg, "critics", 2),)) for value in metrics.values())
    with pytest.raises((ValueError, TypeError, ScopeParamShapeError)):
        update(state, batch._replace(action=batch.action[:, :1]))
    if algo.critic:  # cloning reads no rewards
        with pytest.raises(ValueError, match="takes arrays of one shape"):
            update(state, batch._replace(reward=batch.reward[:, None]))


PLAN = {"steps": 12, "online_steps": 8, "eval_every": 4, "online_eval_every": 4, "eval_episodes": 1, "probes": ()}


def train(out: Path, name: str) -> None:
    axes = {key: [value] for key, value in settings(name).items()}
    data = dataclasses.replace(runs.few_rows(), extra={"next_action": np.zeros((len(runs.few_rows().last), 2))})
    options: dict[str, Any] = {"data": data, "settings": axes, "seeds": (0, 1), "quiet": True}
    api.train(name, runs.TASK, out=out, **options, **PLAN)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_goes_through_its_phases_and_a_stopped_one_ends_alike(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    algo = ALGORITHMS[name]
    train(tmp_path / "whole", name)
    folder = runs.group(tmp_path / "whole", name)
    phases = {"offline": algo.offline, "online": algo.online}
    want = [
        ("offline", 0),
        *((phase, step) for phase in phases if phases[phase] for step in (4, 8, 12)[: 3 if phase == "offline" else 2]),
    ]
    assert list(runs.metrics(folder, "score")) == want
    last = want[-1]
    assert np.isfinite(runs.metrics(folder, "actor_loss" if algo.critic else "bc_loss")[last]).all()

    places = [place for place in (("offline", 9), ("online", 5)) if phases[place[0]]]
    view = Signals(*places)
    monkeypatch.setattr(api, "make_view", lambda quiet: view)
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)  # arrives after every step
    for place in places:
        with pytest.raises(Interrupted, match=f"{place[0]} step {place[1]}"):
            train(tmp_path / "stopped", name)
    train(tmp_path / "stopped", name)
    assert runs.digest(tmp_path / "stopped", name) == runs.digest(tmp_path / "whole", name)
