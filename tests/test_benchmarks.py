"""The ways that benchmarks/physics.py compares do the same thing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import physics
from pars.envs import make_task
from pars.envs.base import MujocoBatch


@pytest.mark.parametrize("task_id", ["antmaze-umaze-v2", "pen-cloned-v1", "relocate-cloned-v1", "hopper-medium-v2"])
def test_all_ways_end_in_the_same_states(task_id: str) -> None:
    """Torques, hands whose actions are angles, models that differ between environments: all as the task has them."""
    task = make_task(task_id)
    env = task.make(5, threads=2)
    assert isinstance(env, MujocoBatch)
    case = physics.make_case(task, env, 4)
    found = {way.__name__: way(case) for way in (physics.bare, physics.floor, physics.batch)}
    env.close()
    np.testing.assert_allclose(found["bare"], found["floor"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["bare"], found["batch"], rtol=1e-3, atol=1e-3)  # which starts its solver cold
    assert np.abs(found["batch"] - case.start).max() > 0.01


def test_rates_count_every_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(physics.time, "perf_counter", lambda: next(now))
    task = make_task("hopper-medium-v2")
    env = task.make(3, threads=1)
    case = physics.make_case(task, env, 4)  # type: ignore[arg-type]
    speed = physics.rates(case, {"still": lambda case: case.start}, 2)
    assert speed == {"still": [12.0, 12.0]}  # 4 actions of 3 environments in a "second"
