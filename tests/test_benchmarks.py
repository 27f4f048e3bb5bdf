"""The ways that benchmarks/physics.py compares do the same thing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import physics
from pars.envs import make_task
from pars.envs.base import MujocoBatch


@pytest.mark.parametrize("task_id", ["antmaze-umaze-v2", "pen-cloned-v1", "hopper-medium-v2"])
def test_all_ways_end_in_the_same_states(task_id: str) -> None:
    """Torques, angles of a hand: what the simulator is told is what the task makes of actions."""
    task = make_task(task_id)
    env = task.make(5, threads=2)
    assert isinstance(env, MujocoBatch)
    case = physics.make_case(task, env, 4)
    found = {way.__name__: way(case) for way in (physics.bare, physics.floor, physics.batch)}
    env.close()
    np.testing.assert_allclose(found["bare"], found["floor"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["bare"], found["batch"], rtol=1e-3, atol=1e-3)  # which starts its solver cold
    assert np.abs(found["batch"] - case.start).max() > 0.01


def test_environments_keep_models_of_their_own() -> None:
    task = make_task("relocate-cloned-v1")
    env = task.make(4, threads=2)
    assert isinstance(env, MujocoBatch)
    case = physics.make_case(task, env, 4)
    next(iter(env.physics.own.values()))[1, 2] += 0.1  # this ball hangs in the air and falls, the others lie
    found = {way.__name__: way(case) for way in (physics.bare, physics.floor, physics.batch)}
    env.close()
    size = env.physics.model.nq
    falls = {name: states[:, 1 + size :][:, env.physics.model.nv - 4] for name, states in found.items()}
    for name, speed in falls.items():
        assert speed[1] < -0.1 < speed[0], name


def test_rates_count_every_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(physics.time, "perf_counter", lambda: next(now))
    task = make_task("hopper-medium-v2")
    env = task.make(3, threads=1)
    case = physics.make_case(task, env, 4)  # type: ignore[arg-type]
    speed = physics.rates(case, {"still": lambda case: case.start}, 2)
    assert speed == {"still": [12.0, 12.0]}  # 4 actions of 3 environments in a "second"
