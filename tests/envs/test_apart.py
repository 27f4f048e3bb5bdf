"""Environments in a process of their own: the same numbers, and one line whatever becomes of that process."""

import os
import re
import signal
import sys
import threading
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from pars import alarm
from pars.envs import gym, make_task
from pars.errors import Interrupted, TaskError, UsageError
from pars.training.view import Stop

MODULE = """
import ctypes
import time

import gymnasium
import numpy as np
from gymnasium.spaces import Box


class Doomed(gymnasium.Env):
    # The whole part of the first action says what becomes of the process.
    observation_space, action_space = Box(-9, 9, (3,)), Box(0, 9, (2,))

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.at = self.np_random.normal(size=3)
        return self.at, {}

    def step(self, action):
        {8: self.interrupt, 5: lambda: ctypes.string_at(0), 6: lambda: ctypes.CDLL(None)._exit(3), 7: self.hang}.get(
            int(action[0]), lambda: None
        )()
        self.at = self.at + action.sum() / 3
        return self.at, float(action[1]) / 7, self.at[0] > 8, False, {}

    def interrupt(self):
        raise KeyboardInterrupt

    def hang(self):
        try:
            time.sleep(60)
        except BaseException:  # whatever ends it from inside
            time.sleep(60)


gymnasium.register("Doomed-v0", entry_point=Doomed, max_episode_steps=50)
"""
ENV = "doomed_env:Doomed-v0"
FATES = {
    8: "step raised KeyboardInterrupt; mend the environment",
    5: "step ended its process, SIGSEGV (step 2 of seed 7); mend",
    6: "step ended its process, exit code 3 (step 2 of seed 7); mend",
    7: "step took longer than 0.2 s (step 2 of seed 7); mend",
}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "doomed_env.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(gym, "KNOWN", {})
    yield
    sys.modules.pop("doomed_env", None)
    gymnasium.registry.pop("Doomed-v0", None)


@pytest.mark.usefixtures("module")
def test_the_same_numbers_and_one_line_for_every_end() -> None:
    tasks = [make_task(ENV, isolate=isolate, env_timeout=0.2) for isolate in (True, False)]
    assert tasks[0].action_range == tasks[1].action_range and tasks[0].time_limit == tasks[1].time_limit == 50
    rng, index, seen = np.random.default_rng(0), np.arange(2), []
    actions = rng.uniform(-1.0, 0.0, (10, 2, 2))
    for task in tasks:
        env = task.make(2)
        seen.append([env.reset(index, index + 3)] + [x for action in actions for x in env.step(index, action)])
        env.close()
    assert all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(*seen, strict=True))
    for fate, words in FATES.items():
        env = tasks[0].make(1)
        env.reset(np.array([0]), np.array([7]))
        env.step(np.array([0]), np.zeros((1, 2)))
        with pytest.raises(TaskError, match=re.escape(words)):
            env.step(np.array([0]), np.array([[2 * (fate + 0.5) / 9 - 1, 0.0]]))
        env.close()


@pytest.mark.usefixtures("module")
def test_a_signal_is_answered_while_it_hangs(monkeypatch) -> None:
    monkeypatch.setattr(alarm, "HURRY", 0.2)
    env = make_task(ENV, isolate=True).make(1)
    env.reset(np.array([0]), np.array([7]))
    with Stop().listening(), pytest.raises(Interrupted, match="stopped in step of doomed_env:Doomed-v0, which did not"):
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        env.step(np.array([0]), np.array([[2 * 7.5 / 9 - 1, 0.0]]))
    env.close()


def test_what_cannot_be_made_there_is_the_same_line() -> None:
    with pytest.raises(TaskError, match="the action space is Discrete"):
        make_task("CartPole-v1", isolate=True)
    with pytest.raises(UsageError, match="its simulator is our own; leave --isolate out"):
        make_task("pointmaze-umaze-diverse", isolate=True)
