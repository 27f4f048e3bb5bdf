"""PPO through the learner's compiled blocks, in tiny worlds that it meets online and whose optimum is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pars import api
from pars.algos import ppo
from pars.core import Transition
from pars.nn.nets import apply
from pars.packing import pack
from pars.training.learner import Learner
from tests.algos.worlds import CHAIN_VALUES, PLACES, SPEC, policy

EACH = 64  # environments, each of which takes one step of a window
SETTINGS: dict[str, Any] = dict(
    hidden=(32, 32), actor_hidden=(32, 32), rollout=EACH, environments=EACH, batch_size=32, epochs=10, discount=0.5
)
World = Callable[[np.ndarray], Transition]  # actions [n, 1] of the places by turns -> their transitions


def play(world: World, windows: int, **settings: Any) -> Learner:
    """A learner after so many windows, in each of which every environment takes one step of one episode."""
    cfg = ppo.ALGORITHM.configure(SETTINGS | settings)
    learner = Learner(ppo.ALGORITHM, [cfg], [0], SPEC, (("last", ()),))
    learner.load(np.zeros((1, 7), np.float32), {"last": np.ones(1, np.float32)})
    learner.go_online(windows * EACH)
    learner.start_interval("online")
    assert learner.replay is not None
    obs, steps, total = np.resize(PLACES, (EACH, 2)), cfg.steps_per_window, ppo.due(cfg, windows * EACH)
    for number in range(windows):
        met = world(learner.act(obs[None], number, 1.0)[0])
        learner.replay.push(pack(met)[:, None], np.ones((EACH, 1, 1), np.float32))
        learner.run(number * steps, steps, total, "online")
    return learner


def bandit(action: np.ndarray) -> Transition:
    """Places pay 1 - (a - best)^2 and end; the best actions are 0.5, -0.5, 0.5, -0.5."""
    obs, best = np.resize(PLACES, (EACH, 2)), np.resize([0.5, -0.5], EACH)
    return Transition(obs, action, 1 - (action[:, 0] - best) ** 2, obs, np.ones(EACH))


def chains(action: np.ndarray) -> Transition:
    """Those of worlds.chains, a transition each; the third place's episodes are cut by a time limit."""
    state = np.arange(EACH) % 4
    following, reward, terminal = (np.array(x)[state] for x in ([1, 1, 2, 3], [0, 1, 1, 1], [0, 1, 0, 1]))
    return Transition(PLACES[state], action, reward, PLACES[following], terminal)


def test_finds_the_best_action_of_each_place() -> None:
    learner = play(bandit, 100, actor_lr=3e-3, value_lr=3e-3)
    np.testing.assert_allclose(policy(learner, PLACES)[:, 0], [0.5, -0.5, 0.5, -0.5], atol=0.1)
    metrics = learner.metrics(1, "online")
    assert metrics.keys() >= {"actor_loss", "value_loss", "entropy", "kl", "clipped_share", "v_mean"}


def test_learns_the_values_of_chains_time_limits_and_terminals() -> None:
    learner = play(chains, 60, value_lr=1e-2, linear_decay=False)
    params = jax.tree.map(lambda x: x[0], learner.state.value.params)
    value = jax.jit(lambda p, obs: apply(ppo.value_net(learner.configs[0]), p, obs))
    np.testing.assert_allclose(value(params, PLACES), CHAIN_VALUES, rtol=0.05)


def test_a_window_is_assessed_once_by_the_networks_that_met_it() -> None:
    """The old log-densities stay while the policy moves, and at a window's first step the ratio is 1."""
    first, last = (play(bandit, 1, epochs=epochs, batch_size=EACH, linear_decay=False) for epochs in (1, 4))
    for old, later in zip(first.state.window, last.state.window, strict=True):
        np.testing.assert_allclose(old, later, rtol=1e-5, atol=1e-6)
    assert first.metrics(1, "online")["kl"] == pytest.approx(0.0, abs=1e-6) and last.metrics(4, "online")["kl"] > 1e-6


def test_it_needs_no_dataset_and_steps_several_environments(tmp_path: Path) -> None:
    """Three windows of 16 steps, four in each of four environments, 4 minibatches a window."""
    settings = dict(hidden="8", actor_hidden="8", rollout=16, environments=4, batch_size=8, epochs=2)
    plan: dict[str, Any] = dict(online_steps=50, eval_every=25, eval_episodes=1, probes=())
    api.train("ppo", "Pendulum-v1", settings=settings, out=tmp_path / "run", quiet=True, **plan)
    (log,) = tmp_path.glob("run/*/metrics.csv")
    assert "online,52," in (text := log.read_text()) and ",kl," in text and "nan" not in text
